"""What a futures account is worth at one moment: one mark price per market for a whole answer."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from alphapulse.sandbox.accounts import Account, Holding
from alphapulse.sandbox.binance.futures_contracts import brackets
from alphapulse.sandbox.collateral import Collateral, LegMargin, leg_margins, summed
from alphapulse.sandbox.exchange import SHARED_COLLATERAL, Exchange
from alphapulse.sandbox.margin import liquidation_price, maintenance_margin
from alphapulse.sandbox.markets import Market, MarketKind
from alphapulse.sandbox.positions import Leg

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class AssetState:
    """One coin of the futures wallet."""

    asset: str
    wallet: Decimal
    unrealised: Decimal
    maintenance: Decimal
    position_margin: Decimal
    order_margin: Decimal
    cross_wallet: Decimal
    cross_unrealised: Decimal
    available: Decimal
    max_withdraw: Decimal
    updated_ms: int


class Snapshot:
    def __init__(self, exchange: Exchange, account: Account, kind: MarketKind = MarketKind.LINEAR) -> None:
        self.exchange = exchange
        self.kind = kind
        self.wallet = exchange.wallets[kind]
        self.account = account
        self.market_ms = exchange.clock.market_ms()
        self._marks: dict[str, Decimal] = {}

    def mark(self, market: Market) -> Decimal:
        known = self._marks.get(market.id)
        if known is None:
            known = self._marks[market.id] = self.exchange.last(market, self.market_ms)
        return known

    @property
    def shares_collateral(self) -> bool:
        return self.kind is MarketKind.LINEAR and self.account.settings.get(SHARED_COLLATERAL) == "true"

    @cached_property
    def legs(self) -> list[LegMargin]:
        """Every leg that is open or has orders."""
        return leg_margins(self.account, None, self.exchange.markets.of(self.kind).get, self.mark)

    def leg_of(self, leg: Leg, market: Market) -> LegMargin:
        """Its state, with its open orders, or a flat one's."""
        known = (row for row in self.legs if (row.leg.symbol, row.leg.side) == (leg.symbol, leg.side))
        return next(known, None) or LegMargin(leg, market, self.mark(market), ZERO, ZERO)

    def worth(self, asset: str) -> Decimal:
        return Decimal(str(self.exchange.prices.price(asset, "USDT", self.market_ms)))

    @cached_property
    def together(self) -> Collateral:
        """All coins as one, in USDT: what multi-assets mode goes by."""
        holdings = self.account.wallets.get(self.wallet, {})
        total = sum((held.free * self.worth(code) for code, held in holdings.items()), ZERO)
        return summed(total, self.legs, self.worth)

    def assets(self) -> list[AssetState]:
        holdings = self.account.wallets.get(self.wallet, {})
        settled_in = (market.settle for market in self.exchange.markets.of(self.kind).values())
        codes = dict.fromkeys((*settled_in, *holdings))
        return [self._asset(code, holdings.get(code)) for code in codes]

    def _asset(self, code: str, holding: Holding | None) -> AssetState:
        wallet = holding.free if holding else ZERO
        legs = [row for row in self.legs if row.market.settle == code]
        state = summed(wallet, legs)
        available = max(ZERO, state.available)
        if self.shares_collateral:
            available = max(ZERO, self.together.available) / self.worth(code)
        return AssetState(
            asset=code,
            wallet=wallet,
            unrealised=sum((row.unrealised for row in legs), ZERO),
            maintenance=sum((self.maintenance(row) for row in legs), ZERO),
            position_margin=sum((row.position_margin for row in legs), ZERO),
            order_margin=state.order_margin,
            cross_wallet=wallet - state.isolated,
            cross_unrealised=state.unrealised,
            available=available,
            max_withdraw=max(ZERO, min(available, wallet - state.isolated)),
            # Binance gives zero for a coin that was never there, and ccxt leaves such a coin out.
            updated_ms=self.account.updated_ms if holding else 0,
        )

    def maintenance(self, row: LegMargin) -> Decimal:
        return maintenance_margin(row.notional, brackets(row.market)) if row.leg.position.is_open else ZERO

    def liquidated_at(self, row: LegMargin) -> Decimal:
        """The mark price at which the leg goes; zero for never."""
        if not row.leg.position.is_open:
            return ZERO
        if row.leg.is_isolated:
            return _liquidated([row], row.leg.position.isolated_wallet)
        sharing = [other for other in self.legs if not other.leg.is_isolated and self._shares(row, other)]
        here = [other for other in sharing if other.leg.symbol == row.leg.symbol]
        rest = [other for other in sharing if other.leg.symbol != row.leg.symbol]
        strain = sum((other.unrealised - self.maintenance(other) for other in rest), ZERO)
        return _liquidated(here, self._cross_wallet(row.market.settle) + strain)

    def _shares(self, row: LegMargin, other: LegMargin) -> bool:
        return self.shares_collateral or row.market.settle == other.market.settle

    def _cross_wallet(self, code: str) -> Decimal:
        if self.shares_collateral:
            return self.together.balance - self.together.isolated
        set_aside = (row.leg.position.isolated_wallet for row in self.legs if row.market.settle == code)
        return self.account.held(self.wallet, code).free - sum(set_aside, ZERO)


def _liquidated(rows: list[LegMargin], collateral: Decimal) -> Decimal:
    market = rows[0].market
    positions = [(row.leg.position, brackets(market), market.level(row.mark)) for row in rows]
    return market.average(Decimal(1), liquidation_price(positions, collateral))
