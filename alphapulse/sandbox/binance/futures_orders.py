"""USD-M's and COIN-M's orders: placing, changing, asking, cancelling; one by one and by the batch."""

from collections.abc import Callable

import orjson

from alphapulse.sandbox.binance.futures_asked import Json, market_of, page_of, week_of
from alphapulse.sandbox.binance.futures_checks import ERRORS, check_amount, check_price, check_wish
from alphapulse.sandbox.binance.futures_rows import acknowledged, is_ordinary, placed_order, told_order
from alphapulse.sandbox.binance.futures_wishes import plain_wish
from alphapulse.sandbox.binance.params import BinanceError, Params
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.orders import Order, OrderType, Reason, Rejection

_BATCH = 5
_CANCEL_BATCH = 10


def place(request: Request) -> Json:
    return _place(request, request.params)


def _place(request: Request, params: Params) -> Json:
    wish = plain_wish(request, params)
    check_wish(request.exchange, request.owner, wish)
    order = request.exchange.place(request.owner, wish)
    return placed_order(order) if params.get("newOrderRespType") == "RESULT" else acknowledged(order)


def try_out(request: Request) -> Json:
    wish = plain_wish(request, request.params)
    check_wish(request.exchange, request.owner, wish)
    request.exchange.try_out(request.owner, wish)
    return {}


def change(request: Request) -> Json:
    return _change(request, request.params)


def _change(request: Request, params: Params) -> Json:
    order = _found(request, params)
    if order is None or not order.is_open:
        raise BinanceError(-2013, "Order does not exist.")
    if order.type is not OrderType.LIMIT:
        raise BinanceError(-5025, "Only limit order is supported.")
    price, amount = params.required_decimal("price"), params.required_decimal("quantity")
    if price == order.price and amount == order.amount:
        raise BinanceError(-5027, "No need to modify the order.")
    check_amount(order.market, amount, order.type)
    check_price(order.market, price, request.exchange.last(order.market), is_buy=order.is_buy)
    return placed_order(request.exchange.amend(request.owner, order, price=price, amount=amount))


def query(request: Request) -> Json:
    order = _found(request, request.params)
    if order is None:
        raise BinanceError(-2013, "Order does not exist.")
    return told_order(order)


def query_open(request: Request) -> Json:
    order = _found(request, request.params)
    if order is None or not order.is_open:
        raise BinanceError(-2013, "Order does not exist.")
    return told_order(order)


def cancel(request: Request) -> Json:
    return _cancel(request, request.params)


def _cancel(request: Request, params: Params) -> Json:
    order = _found(request, params)
    if order is None:
        raise Rejection(Reason.UNKNOWN_ORDER)
    return placed_order(request.exchange.cancel(request.owner, order))


def cancel_all(request: Request) -> Json:
    for order in request.owner.open_orders_of(market_of(request)):
        if is_ordinary(order):
            request.exchange.cancel(request.owner, order)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def open_orders(request: Request) -> list[Json]:
    market = market_of(request) if request.params.has("symbol") else None
    found = request.owner.open_orders.values()
    ours = (order for order in found if order.market.kind is request.kind and market in (None, order.market))
    return [told_order(order) for order in ours if is_ordinary(order)]


def all_orders(request: Request) -> list[Json]:
    """From an id on, or within seven days."""
    market, first = market_of(request), request.params.integer("orderId", 0)
    start_ms, end_ms = week_of(request)
    memory, now_ms = request.exchange.memory, request.now_ms
    found = [
        order
        for order in request.owner.orders_of(market)
        if is_ordinary(order)
        and (order.id >= first if first else start_ms <= order.created_ms <= end_ms)
        and memory.keeps_order(order, now_ms)
    ]
    begins = bool(first) or request.params.has("startTime")
    return [told_order(order) for order in page_of(request, found, default=500, most=1000, from_first=begins)]


def place_batch(request: Request) -> list[Json]:
    return _each(request, _place)


def change_batch(request: Request) -> list[Json]:
    return _each(request, _change)


def cancel_batch(request: Request) -> list[Json]:
    values = {name.lower(): value for name, value in request.params.values.items()}
    ids = {"orderId": values.get("orderidlist"), "origClientOrderId": values.get("origclientorderidlist")}
    name, listed = next(((name, text) for name, text in ids.items() if text), ("", ""))
    if not listed:
        raise BinanceError(-1102, "Mandatory parameter 'orderIdList' was not sent, was empty/null, or malformed.")
    symbol = request.params.required("symbol")
    asked = [Params({"symbol": symbol, name: str(value)}) for value in _list(listed, name)]
    if len(asked) > _CANCEL_BATCH:
        raise BinanceError(-4082, "Invalid number of batch orders.")
    return [_outcome(request, params, _cancel) for params in asked]


Step = Callable[[Request, Params], Json]


def _each(request: Request, step: Step) -> list[Json]:
    rows = _list(request.params.required("batchOrders"), "batchOrders")
    if not 1 <= len(rows) <= _BATCH:
        raise BinanceError(-4082, "Invalid number of batch orders.")
    if not all(isinstance(row, dict) for row in rows):
        raise _malformed("batchOrders")
    return [_outcome(request, Params(_texts(row)), step) for row in rows]


def _outcome(request: Request, params: Params, step: Step) -> Json:
    """One order's answer; what is wrong with it does not stop the others."""
    try:
        return step(request, params)
    except BinanceError as error:
        return {"code": error.code, "msg": error.message}
    except Rejection as rejection:
        code, message = ERRORS[rejection.reason]
        return {"code": code, "msg": message}


def _list(text: str, name: str) -> list[dict[str, object]]:
    try:
        rows = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _malformed(name) from None
    if not isinstance(rows, list):
        raise _malformed(name)
    return rows


def _malformed(name: str) -> BinanceError:
    return BinanceError(-1130, f"Data sent for parameter '{name}' is not valid.")


def _texts(row: dict[str, object]) -> dict[str, str]:
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in row.items()}


def _found(request: Request, params: Params) -> Order | None:
    owner, symbol = request.owner, params.required("symbol")
    if params.has("orderId"):
        order = owner.orders.get(params.required_int("orderId"))
    elif params.has("origClientOrderId"):
        order = owner.order_by_client_id(request.kind, params.get("origClientOrderId"))
    else:
        raise BinanceError(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    if order is None or order.market.id != symbol or not is_ordinary(order):
        return None
    return order
