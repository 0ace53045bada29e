"""Everything the sandbox knows: one clock, one set of prices, and an engine per exchange."""

from collections.abc import Callable

from alphapulse.sandbox.binance.futures_contracts import coin_contracts, contracts
from alphapulse.sandbox.bybit.markets import bybit_markets
from alphapulse.sandbox.candle_files import played_paths
from alphapulse.sandbox.clock import Clock, system_ms
from alphapulse.sandbox.config import SandboxConfig
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.markets import MarketBook, MarketKind, spot_markets
from alphapulse.sandbox.memory import Memory
from alphapulse.sandbox.prices import Prices

_CONTRACTS = (MarketKind.LINEAR, MarketKind.INVERSE)
_BINANCE_MEMORY = Memory(
    trades={MarketKind.LINEAR: 183},
    orders=dict.fromkeys(_CONTRACTS, 90),
    canceled=dict.fromkeys(_CONTRACTS, 3),
    transfers=183,
    untold=frozenset({"earn", "earn-locked"}),
    wallets={"futures": 90, "margin": 90},
)
_BYBIT_MEMORY = Memory(
    trades=dict.fromkeys(MarketKind, 730),
    orders=dict.fromkeys(MarketKind, 730),
    canceled=dict.fromkeys(MarketKind, 1),
    transfers=730,
    wallets={"unified": 730},
)


class Engine:
    def __init__(
        self, config: SandboxConfig, *, now_ms: Callable[[], int] = system_ms, started_ms: int | None = None
    ) -> None:
        """`started_ms` is when this market's time began, when that was before this process."""
        self.config = config
        self.clock = Clock(started_ms=started_ms or now_ms(), speed=config.speed, now_ms=now_ms)
        played = played_paths(config.candles, self.clock.started_ms) if config.candles else None
        self.prices = Prices(config.seed, played)
        self.exchanges = {"binance": self._binance(config.markets), "bybit": self._bybit(config.markets)}

    def _binance(self, count: int) -> Exchange:
        now_ms = self.clock.market_ms()
        linear = contracts(max(20, count // 4), now_ms)
        return Exchange(
            "binance",
            clock=self.clock,
            prices=self.prices,
            markets=MarketBook([*spot_markets(count), *linear, *coin_contracts(linear, now_ms)]),
            wallets={MarketKind.SPOT: "spot", MarketKind.LINEAR: "futures", MarketKind.INVERSE: "delivery"},
            memory=_BINANCE_MEMORY,
            outside=frozenset({"spot", "funding"}),
            trade_ids_by_market=True,
        )

    def _bybit(self, count: int) -> Exchange:
        return Exchange(
            "bybit",
            clock=self.clock,
            prices=self.prices,
            markets=bybit_markets(count, self.clock.market_ms()),
            wallets={MarketKind.SPOT: "unified", MarketKind.LINEAR: "unified"},
            memory=_BYBIT_MEMORY,
            outside=frozenset({"unified", "fund"}),
        )

    def settle_all(self) -> None:
        for exchange in self.exchanges.values():
            for account in exchange.accounts.values():
                exchange.settle(account)

    def version(self) -> tuple[int, ...]:
        """Differs when anything worth saving has changed."""
        return (self.prices.moved, *(exchange.changes for exchange in self.exchanges.values()))
