"""What of a wallet is free, given its positions and its open derivative orders."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from alphapulse.sandbox.accounts import Account
from alphapulse.sandbox.margin import initial_margin
from alphapulse.sandbox.markets import Market
from alphapulse.sandbox.orders import Order, OrderType
from alphapulse.sandbox.positions import Leg, PositionSide

ZERO = Decimal(0)
Mark = Callable[[Market], Decimal]
FindMarket = Callable[[str], Market | None]


@dataclass(frozen=True, slots=True)
class LegMargin:
    """One leg at the mark price, with what its open buy and sell orders are worth (reducing ones left out)."""

    leg: Leg
    market: Market
    mark: Decimal
    bids: Decimal
    asks: Decimal

    @property
    def notional(self) -> Decimal:
        return self.leg.position.notional(self.market.level(self.mark))

    @property
    def unrealised(self) -> Decimal:
        return self.leg.position.unrealised(self.market.level(self.mark))

    @property
    def position_margin(self) -> Decimal:
        return abs(self.notional) / self.leg.settings.leverage

    @property
    def order_margin(self) -> Decimal:
        """What the orders demand beyond the position's own margin."""
        demanded = initial_margin(self.notional, self.leg.settings.leverage, bids=self.bids, asks=self.asks)
        return demanded - self.position_margin


@dataclass(frozen=True, slots=True)
class Collateral:
    """Of one settlement currency. available = balance + unrealised - position_margin - order_margin - isolated."""

    balance: Decimal
    unrealised: Decimal  # of cross positions
    position_margin: Decimal  # initial margin of cross positions
    order_margin: Decimal  # what open orders demand beyond it
    isolated: Decimal  # set aside for isolated positions

    @property
    def available(self) -> Decimal:
        return self.balance + self.unrealised - self.position_margin - self.order_margin - self.isolated


def collateral(
    account: Account, currency: str, balance: Decimal, find: FindMarket, mark: Mark, extra: Order | None = None
) -> Collateral:
    """`extra` is an order that is not open yet: what would be free if it were."""
    return summed(balance, leg_margins(account, currency, find, mark, extra))


def summed(balance: Decimal, legs: Sequence[LegMargin], worth: Callable[[str], Decimal] | None = None) -> Collateral:
    """`worth` turns a settlement currency into that of the balance, where several share it."""
    rated = [(row, worth(row.market.settle) if worth else Decimal(1)) for row in legs]
    cross = [(row, rate) for row, rate in rated if not row.leg.is_isolated]
    return Collateral(
        balance=balance,
        unrealised=sum((row.unrealised * rate for row, rate in cross), ZERO),
        position_margin=sum((row.position_margin * rate for row, rate in cross), ZERO),
        order_margin=sum((row.order_margin * rate for row, rate in rated), ZERO),
        isolated=sum((row.leg.position.isolated_wallet * rate for row, rate in rated if row.leg.is_isolated), ZERO),
    )


def leg_margins(
    account: Account, currency: str | None, find: FindMarket, mark: Mark, extra: Order | None = None
) -> list[LegMargin]:
    """Every leg settled in the currency (None: in any) that is open or has orders, by name."""
    orders = _orders_by_leg(account, currency, find, extra)
    names = {(leg.symbol, leg.side) for leg in account.positions.open_legs()} | orders.keys()
    rows = []
    for symbol, side in sorted(names):
        market = find(symbol)
        if market is not None and currency in (None, market.settle):
            price = mark(market)
            values = _open_values(orders.get((symbol, side), []), price)
            rows.append(LegMargin(account.positions.leg(symbol, side), market, price, *values))
    return rows


def _orders_by_leg(
    account: Account, currency: str | None, find: FindMarket, extra: Order | None
) -> dict[tuple[str, PositionSide], list[Order]]:
    found: dict[tuple[str, PositionSide], list[Order]] = {}
    for order in (*account.open_orders.values(), *((extra,) if extra else ())):
        market = order.market
        if find(market.id) == market and currency in (None, market.settle) and not order.reduce_only:
            found.setdefault((market.id, order.position_side), []).append(order)
    return found


def _open_values(orders: list[Order], price: Decimal) -> tuple[Decimal, Decimal]:
    bids = asks = ZERO
    for order in orders:
        value = order.remaining * order.market.worth(order.price if order.type is OrderType.LIMIT else price)
        if order.is_buy:
            bids += value
        else:
            asks += value
    return bids, asks
