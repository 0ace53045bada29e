"""What a made-up past shall be like."""

from dataclasses import dataclass
from typing import Any

from alphapulse.sandbox.control_words import Refused
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.markets import Market, MarketKind

Json = dict[str, Any]
_SYMBOLS = {
    "binance": ["BTCUSDT", "ETHUSDT", "BNBUSDT", "ETHBTC", "linear:BTCUSDT", "linear:ETHUSDT"],
    "bybit": ["BTCUSDT", "ETHUSDT", "SOLUSDT", "linear:BTCUSDT", "linear:ETHUSDT"],
}
_FIELDS = {"days", "symbols", "trades", "seed", "burst", "until_ms"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """`trades` is the number of fills; `burst` how many of them fall into one minute of the first market."""

    days: int
    trades: int
    seed: int
    markets: tuple[Market, ...]
    burst: int
    until_ms: int


def read_wish(exchange: Exchange, wish: Json) -> Made:
    if unknown := set(wish) - _FIELDS:
        raise Refused(f"generate knows nothing of {', '.join(sorted(unknown))}; it knows {', '.join(sorted(_FIELDS))}")
    made = Made(
        days=int(wish.get("days", 400)),
        trades=int(wish.get("trades", 1000)),
        seed=int(wish.get("seed", 7)),
        markets=tuple(_market(exchange, symbol) for symbol in wish.get("symbols") or _SYMBOLS[exchange.id]),
        burst=int(wish.get("burst", 0)),
        until_ms=int(wish.get("until_ms") or exchange.clock.wall_ms()),
    )
    if made.days < 1 or not 0 <= made.burst <= made.trades:
        raise Refused("a past needs a day at least, and its burst is a part of its trades")
    return made


def _market(exchange: Exchange, symbol: str) -> Market:
    """`BTCUSDT` is spot's, `linear:BTCUSDT` a contract."""
    kind, _, name = symbol.rpartition(":")
    market = exchange.markets.get(MarketKind(kind or "spot"), name)
    if market is None:
        raise Refused(f"no market {symbol!r}")
    return market
