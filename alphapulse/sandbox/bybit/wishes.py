"""From Bybit's order parameters to the engine's, refusing in Bybit's words what Bybit would refuse."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar

from alphapulse.money import plain
from alphapulse.sandbox.bybit import errors
from alphapulse.sandbox.bybit.asks import SignedAsk
from alphapulse.sandbox.bybit.errors import BybitError
from alphapulse.sandbox.bybit.listings import Listing
from alphapulse.sandbox.bybit.params import Category, Params
from alphapulse.sandbox.bybit.positions import SIDE
from alphapulse.sandbox.markets import Market
from alphapulse.sandbox.orders import NewOrder, OrderType, Reason, Side, TimeInForce, Trigger
from alphapulse.sandbox.positions import PositionSide

Word = TypeVar("Word")
_SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
_TYPES = {"Limit": OrderType.LIMIT, "Market": OrderType.MARKET}
_LINK_ID_LENGTH = 36
_NOT_OFFERED = ("takeProfit", "stopLoss", "trailingStop", "activePrice")
_KEPT = ("triggerBy", "triggerDirection", "marketUnit", "isLeverage", "orderFilter")


def read_wish(ask: SignedAsk, params: Params) -> NewOrder:
    """Raises BybitError."""
    category = params.category()
    if category in (Category.OPTION, Category.INVERSE):
        raise errors.bad_parameter(f"the sandbox does not trade {category} contracts")
    listing = ask.listings.find(category, params.required("symbol"), trading=True)
    side, order_type = _one_of(_SIDES, params, "side"), _one_of(_TYPES, params, "orderType")
    if any(params.money(name) for name in _NOT_OFFERED):
        raise errors.bad_parameter("the sandbox does not attach take-profit, stop-loss or trailing stops to orders")
    amount, cost = _quantity(params, listing, side, order_type)
    wish = NewOrder(
        market=listing.market,
        side=side,
        type=order_type,
        amount=amount,
        cost=cost,
        price=_price(params, listing) if order_type is OrderType.LIMIT else None,
        client_order_id=_link_id(params),
        time_in_force=_time_in_force(params, order_type),
        post_only=params.text("timeInForce") == "PostOnly",
        reduce_only=params.flag("reduceOnly"),
        position_side=_position_side(ask, params, listing),
        trigger=_trigger(ask, params, listing),
        extra={name: value for name in _KEPT if (value := params.text(name)) is not None},
    )
    _check_link_id(ask, wish)
    return wish


def _one_of(words: Mapping[str, Word], params: Params, name: str) -> Word:
    word = params.required(name).capitalize()
    if word not in words:
        raise errors.bad_parameter(f"params error: {name} invalid")
    return words[word]


def _quantity(
    params: Params, listing: Listing, side: Side, order_type: OrderType
) -> tuple[Decimal | None, Decimal | None]:
    """Amount of the base or, for a spot market order in quoteCoin (a purchase's default), cost."""
    quantity = params.money("qty")
    if quantity is None or quantity <= 0:
        raise errors.bad_parameter("Qty invalid")
    unit = params.text("marketUnit") or ("quoteCoin" if side is Side.BUY else "baseCoin")
    if listing.is_spot and order_type is OrderType.MARKET and unit == "quoteCoin":
        if quantity < listing.market.min_notional:
            raise _below_minimum(listing.market)
        return None, quantity
    check_quantity(listing.market, quantity)
    return quantity, None


def check_quantity(market: Market, quantity: Decimal) -> None:
    if quantity < market.min_amount:
        raise errors.quantity_too_small(spot=market.is_spot)
    if quantity > market.max_amount:
        raise errors.quantity_too_large(spot=market.is_spot)
    if quantity % market.step:
        raise errors.quantity_off_step(spot=market.is_spot)


def _price(params: Params, listing: Listing) -> Decimal:
    price = params.money("price")
    if price is None or price <= 0:
        raise errors.bad_parameter("params error: price is required")
    check_price(listing.market, price)
    return price


def check_price(market: Market, price: Decimal) -> None:
    if price % market.tick:
        raise errors.price_off_tick(spot=market.is_spot)


def _link_id(params: Params) -> str:
    link_id = params.text("orderLinkId") or ""
    if len(link_id) > _LINK_ID_LENGTH:
        raise errors.bad_parameter("OrderLinkedID is too long")
    return link_id


def _check_link_id(ask: SignedAsk, wish: NewOrder) -> None:
    """Bybit never takes an id twice, not even when the first order is done."""
    if wish.client_order_id and ask.account.order_by_client_id(wish.market.kind, wish.client_order_id):
        raise errors.duplicate_link_id(spot=wish.market.is_spot)


def _time_in_force(params: Params, order_type: OrderType) -> TimeInForce:
    if order_type is OrderType.MARKET:
        return TimeInForce.IOC
    word = params.text("timeInForce") or "GTC"
    if word == "PostOnly":
        return TimeInForce.GTC
    try:
        return TimeInForce(word)
    except ValueError:
        raise errors.bad_parameter("params error: timeInForce invalid") from None


def _position_side(ask: SignedAsk, params: Params, listing: Listing) -> PositionSide:
    if listing.is_spot:
        return PositionSide.BOTH
    side = SIDE.get(params.whole("positionIdx") or 0)
    if side is None or side not in ask.account.positions.sides(listing.symbol):
        raise errors.wrong_position_idx()
    return side


def _trigger(ask: SignedAsk, params: Params, listing: Listing) -> Trigger | None:
    price = params.money("triggerPrice")
    if price is None:
        return None
    last = ask.exchange.last(listing.market)
    if listing.is_spot:
        return Trigger(price, when_rising=price > last)
    direction = params.whole("triggerDirection")
    if direction not in (1, 2):
        raise errors.bad_parameter("params error: triggerDirection invalid")
    if direction == 1 and price <= last:
        raise BybitError(
            110092, f"expect Rising, but trigger_price[{plain(price)}] <= current[{plain(last)}]??LastPrice"
        )
    if direction == 2 and price >= last:
        raise BybitError(
            110093, f"expect Falling, but trigger_price[{plain(price)}] >= current[{plain(last)}]??LastPrice"
        )
    return Trigger(price, when_rising=direction == 1)


def _below_minimum(market: Market) -> BybitError:
    return errors.below_minimum_value(spot=market.is_spot, minimum=plain(market.min_notional), coin=market.quote)


def in_bybit_s_words(reason: Reason, market: Market, price: Decimal | None, last: Decimal) -> BybitError:
    """The engine's reason as the code that Bybit's spot or derivatives engine gives."""
    spot = market.is_spot
    too_high = price is not None and price > last
    answers = {
        Reason.INSUFFICIENT_BALANCE: errors.insufficient_balance(spot=spot),
        Reason.DUPLICATE_CLIENT_ID: errors.duplicate_link_id(spot=spot),
        Reason.UNKNOWN_ORDER: errors.order_not_found(spot=spot),
        Reason.PRICE_FILTER: errors.price_off_tick(spot=spot),
        Reason.PERCENT_PRICE: errors.price_out_of_range(spot=spot, too_high=too_high),
        Reason.LOT_SIZE: errors.quantity_off_step(spot=spot),
        Reason.MIN_NOTIONAL: _below_minimum(market),
        Reason.REDUCE_ONLY: errors.reduce_only_refused(),
        Reason.POSITION_SIDE: errors.wrong_position_idx(),
        Reason.TOO_MANY_ORDERS: BybitError(170810 if spot else 110020, "Cannot exceed maximum of 500 active orders."),
        Reason.WOULD_TRIGGER: BybitError(170193 if spot else 110092, "Trigger price has been reached already."),
    }
    return answers[reason]
