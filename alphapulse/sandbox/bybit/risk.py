"""What positions and open orders demand of one coin of the unified wallet."""

from dataclasses import dataclass
from decimal import Decimal

from alphapulse.sandbox.bybit.asks import UNIFIED, SignedAsk
from alphapulse.sandbox.bybit.instruments import brackets
from alphapulse.sandbox.bybit.listings import Listing
from alphapulse.sandbox.bybit.params import Category
from alphapulse.sandbox.margin import liquidation_price, maintenance_margin
from alphapulse.sandbox.positions import Leg

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class CoinRisk:
    unrealised: Decimal
    position_margin: Decimal
    order_margin: Decimal
    maintenance: Decimal
    available: Decimal  # what could leave the wallet


def coin_risk(ask: SignedAsk, coin: str) -> CoinRisk:
    known = ask.exchange.collateral(ask.account, coin)
    legs = _legs(ask, coin)
    marks = {listing.symbol: ask.exchange.last(listing.market) for _leg, listing in legs}
    unrealised = sum((leg.position.unrealised(marks[leg.symbol]) for leg, _listing in legs), ZERO)
    maintenance = sum((_maintenance(leg, listing, marks[leg.symbol]) for leg, listing in legs), ZERO)
    return CoinRisk(
        unrealised=unrealised,
        position_margin=known.position_margin + known.isolated,
        order_margin=known.order_margin,
        maintenance=maintenance,
        available=max(ZERO, min(ask.account.held(UNIFIED, coin).free, known.available)),
    )


def liquidated_at(ask: SignedAsk, leg: Leg, listing: Listing) -> Decimal:
    """The mark price at which the leg goes, zero for never. Cross positions share the coin's whole wallet."""
    mark = ask.exchange.last(listing.market)
    if leg.is_isolated:
        return liquidation_price([(leg.position, brackets(listing), mark)], leg.position.isolated_wallet)
    collateral = ask.account.held(UNIFIED, listing.settle).total
    sharing = []
    for other, its in _legs(ask, listing.settle):
        if other.is_isolated:
            collateral -= other.position.isolated_wallet
        elif other.symbol == leg.symbol:
            sharing.append((other.position, brackets(its), mark))
        else:
            price = ask.exchange.last(its.market)
            collateral += other.position.unrealised(price) - _maintenance(other, its, price)
    return liquidation_price(sharing, collateral)


def _legs(ask: SignedAsk, coin: str) -> list[tuple[Leg, Listing]]:
    linear = ask.listings.of(Category.LINEAR)
    legs = ((leg, linear.get(leg.symbol)) for leg in ask.account.positions.open_legs())
    return [(leg, listing) for leg, listing in legs if listing is not None and listing.settle == coin]


def _maintenance(leg: Leg, listing: Listing, mark: Decimal) -> Decimal:
    return maintenance_margin(leg.position.notional(mark), brackets(listing))
