"""The filters an order passes before it touches a wallet."""

from decimal import Decimal

from alphapulse.sandbox.accounts import Account
from alphapulse.sandbox.markets import Market
from alphapulse.sandbox.orders import NewOrder, OrderType, Reason, Rejection
from alphapulse.sandbox.positions import WrongPositionSide

ZERO = Decimal(0)
MAX_OPEN_ORDERS = 200  # of one account in one market


def check(account: Account, wish: NewOrder, last: Decimal) -> None:
    """Raises Rejection. `last` is the market's price."""
    check_client_id(account, wish)
    if wish.price is not None and wish.type is OrderType.LIMIT:
        check_price(wish.market, wish.price, last)
    if wish.amount is not None:
        check_amount(wish.market, wish.amount)
    _check_notional(wish, last)
    _check_trigger(wish, last)
    if not wish.market.is_spot:
        _check_side(account, wish)
    if len(account.open_orders) >= MAX_OPEN_ORDERS and len(account.open_orders_of(wish.market)) >= MAX_OPEN_ORDERS:
        raise Rejection(Reason.TOO_MANY_ORDERS)


def check_client_id(account: Account, wish: NewOrder) -> None:
    """A client id guards only while its first order is open."""
    known = account.order_by_client_id(wish.market.kind, wish.client_order_id) if wish.client_order_id else None
    if known is not None and known.is_open:
        raise Rejection(Reason.DUPLICATE_CLIENT_ID)


def check_price(market: Market, price: Decimal, last: Decimal) -> None:
    if price <= 0 or price % market.tick:
        raise Rejection(Reason.PRICE_FILTER)
    if not market.lowest_factor * last <= price <= market.highest_factor * last:
        raise Rejection(Reason.PERCENT_PRICE)


def check_amount(market: Market, amount: Decimal) -> None:
    if not market.min_amount <= amount <= market.max_amount or amount % market.step:
        raise Rejection(Reason.LOT_SIZE)


def _check_notional(wish: NewOrder, last: Decimal) -> None:
    if wish.reduce_only:
        return
    price = wish.price if wish.type is OrderType.LIMIT and wish.price is not None else last
    notional = wish.cost if wish.amount is None else wish.amount * wish.market.worth(price)
    if (notional or ZERO) < wish.market.min_notional:
        raise Rejection(Reason.MIN_NOTIONAL)


def _check_trigger(wish: NewOrder, last: Decimal) -> None:
    if wish.trigger is None:
        return
    if wish.trigger.price <= 0 or wish.trigger.price % wish.market.tick:
        raise Rejection(Reason.PRICE_FILTER)
    if wish.trigger.is_reached(last, last):
        raise Rejection(Reason.WOULD_TRIGGER)


def _check_side(account: Account, wish: NewOrder) -> None:
    try:
        account.positions.check_side(wish.position_side, wish.market.id)
    except WrongPositionSide:
        raise Rejection(Reason.POSITION_SIDE) from None
    if wish.reduce_only:
        held = account.positions.position(wish.market.id, wish.position_side).amount
        if held == 0 or (held > 0) == (wish.side == "buy"):
            raise Rejection(Reason.REDUCE_ONLY)
