"""What USD-M and COIN-M complain about in an order, in its own codes, before the engine sees it."""

from decimal import Decimal

from alphapulse.sandbox.accounts import Account
from alphapulse.sandbox.binance import futures_contracts as contract
from alphapulse.sandbox.binance.params import BinanceError
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.margin import max_notional
from alphapulse.sandbox.markets import Market
from alphapulse.sandbox.orders import NewOrder, OrderType, Reason
from alphapulse.sandbox.positions import PositionSide

# What is left for the engine to refuse.
ERRORS = {
    Reason.INSUFFICIENT_BALANCE: (-2019, "Margin is insufficient."),
    Reason.DUPLICATE_CLIENT_ID: (-4116, "ClientOrderId is duplicated."),
    Reason.UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    Reason.PRICE_FILTER: (-4014, "Price not increased by tick size."),
    Reason.PERCENT_PRICE: (-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit."),
    Reason.LOT_SIZE: (-4023, "Qty not increased by step size."),
    Reason.MIN_NOTIONAL: (-4164, "Order's notional must be no smaller than 5 (unless you choose reduce only)."),
    Reason.WOULD_TAKE: (
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected. "
        "The order will not be recorded in the order history.",
    ),
    Reason.WOULD_TRIGGER: (-2021, "Order would immediately trigger."),
    Reason.REDUCE_ONLY: (-2022, "ReduceOnly Order is rejected."),
    Reason.POSITION_SIDE: (-4061, "Order's position side does not match user's setting."),
    Reason.TOO_MANY_ORDERS: (-2025, "Reach max open order limit."),
}


def check_wish(exchange: Exchange, account: Account, wish: NewOrder) -> None:
    market = wish.market
    if wish.position_side not in account.positions.sides(market.id):
        raise BinanceError(*ERRORS[Reason.POSITION_SIDE])
    if wish.reduce_only:
        _check_reducible(account, wish)
    if wish.amount is not None:
        check_amount(market, wish.amount, wish.type)
    mark = exchange.last(market)
    if wish.price is not None:
        check_price(market, wish.price, mark, is_buy=wish.side == "buy")
    if wish.trigger is not None:
        check_tick(market, wish.trigger.price)
    if not wish.reduce_only:
        _check_size(exchange, account, wish, wish.price or mark)


def check_amount(market: Market, amount: Decimal, order_type: OrderType) -> None:
    _check_precision(amount, market.amount_digits)
    if amount <= 0:
        raise BinanceError(-4003, "Quantity less than or equal to zero.")
    if amount < market.min_amount:
        raise BinanceError(-4004, "Quantity less than min quantity.")
    most = contract.max_market_amount(market) if order_type is OrderType.MARKET else market.max_amount
    if amount > most:
        raise BinanceError(-4005, "Quantity greater than max quantity.")


def check_tick(market: Market, price: Decimal) -> None:
    if price <= 0:
        raise BinanceError(-4001, "Price less than 0.")
    _check_precision(price, contract.price_precision(market))
    if price % market.tick:
        raise BinanceError(*ERRORS[Reason.PRICE_FILTER])


def check_price(market: Market, price: Decimal, mark: Decimal, *, is_buy: bool) -> None:
    """A purchase may not be much dearer than the mark price, a sale not much cheaper."""
    check_tick(market, price)
    highest, lowest = mark * contract.MULTIPLIER_UP, mark * contract.MULTIPLIER_DOWN
    if is_buy and price > highest:
        raise BinanceError(-4016, f"Limit price can't be higher than {contract.in_price(market, highest)}.")
    if not is_buy and price < lowest:
        raise BinanceError(-4024, f"Limit price can't be lower than {contract.in_price(market, lowest)}.")


def _check_precision(number: Decimal, digits: int) -> None:
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > digits and number != round(number, digits):
        raise BinanceError(-1111, "Precision is over the maximum defined for this asset.")


def _check_reducible(account: Account, wish: NewOrder) -> None:
    """One-way mode cuts a reducing order down to the position; a leg of hedge mode refuses more than it has."""
    held = account.positions.position(wish.market.id, wish.position_side).amount
    is_reducing = held != 0 and (held > 0) != (wish.side == "buy")
    too_much = wish.position_side is not PositionSide.BOTH and (wish.amount or 0) > abs(held)
    if not is_reducing or too_much:
        raise BinanceError(*ERRORS[Reason.REDUCE_ONLY])


def _check_size(exchange: Exchange, account: Account, wish: NewOrder, price: Decimal) -> None:
    market, amount = wish.market, wish.amount or Decimal(0)
    mark = exchange.last(market)
    if amount * market.worth(price) < market.min_notional:
        least = f"{market.min_notional:f}"
        raise BinanceError(-4164, f"Order's notional must be no smaller than {least} (unless you choose reduce only).")
    held = account.positions.position(market.id, wish.position_side).amount
    value = market.worth(mark)
    after = abs(held + (amount if wish.side == "buy" else -amount)) * value
    leverage = account.positions.settings(market.id).leverage
    if after > abs(held) * value and after > max_notional(leverage, contract.brackets(market)):
        raise BinanceError(-2027, "Exceeded the maximum allowable position at current leverage.")
