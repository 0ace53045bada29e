"""Spot's orders: placing, asking, cancelling, replacing."""

from typing import TypeVar

from alphapulse.sandbox.binance.params import BinanceError, Params
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.binance.spot_market import market_of, optional_time
from alphapulse.sandbox.binance.spot_rows import amounts, named, placed, told, told_trade
from alphapulse.sandbox.binance.spot_wishes import wallet_of, wish_of
from alphapulse.sandbox.clock import DAY_MS
from alphapulse.sandbox.markets import MarketKind
from alphapulse.sandbox.orders import Order, Reason, Rejection

Row = TypeVar("Row")
Json = dict[str, object]

ERRORS = {
    Reason.INSUFFICIENT_BALANCE: (-2010, "Account has insufficient balance for requested action."),
    Reason.DUPLICATE_CLIENT_ID: (-2010, "Duplicate order sent."),
    Reason.UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    Reason.PRICE_FILTER: (-1013, "Filter failure: PRICE_FILTER"),
    Reason.PERCENT_PRICE: (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    Reason.LOT_SIZE: (-1013, "Filter failure: LOT_SIZE"),
    Reason.MIN_NOTIONAL: (-1013, "Filter failure: NOTIONAL"),
    Reason.WOULD_TAKE: (-2010, "Order would immediately match and take."),
    Reason.WOULD_TRIGGER: (-2010, "Stop price would trigger immediately."),
    Reason.REDUCE_ONLY: (-2010, "This action is disabled on this account."),
    Reason.POSITION_SIDE: (-2010, "This action is disabled on this account."),
    Reason.TOO_MANY_ORDERS: (-1013, "Filter failure: MAX_NUM_ORDERS"),
}


def place(request: Request) -> Json:
    wish = wish_of(request)
    order = request.exchange.place(request.owner, wish)
    default = "FULL" if wish.extra["type"] in ("LIMIT", "MARKET") else "ACK"
    return placed(order, request.params.get("newOrderRespType", default))


def try_out(request: Request) -> Json:
    request.exchange.try_out(request.owner, wish_of(request))
    return {}


def query(request: Request) -> Json:
    order = _find(request)
    if order is None:
        raise BinanceError(-2013, "Order does not exist.")
    return told(order)


def cancel(request: Request) -> Json:
    order = _find(request)
    if order is None:
        raise Rejection(Reason.UNKNOWN_ORDER)
    return _canceled(request, request.exchange.cancel(request.owner, order))


def cancel_all(request: Request) -> list[Json]:
    orders = [order for order in request.owner.open_orders_of(market_of(request)) if _is_asked(request, order)]
    if not orders:
        raise Rejection(Reason.UNKNOWN_ORDER)
    return [_canceled(request, request.exchange.cancel(request.owner, order)) for order in orders]


def cancel_replace(request: Request) -> Json:
    """Cancel one order, then place another; with STOP_ON_FAILURE not when cancelling failed."""
    params = request.params
    names = {"orderId": params.get("cancelOrderId"), "origClientOrderId": params.get("cancelOrigClientOrderId")}
    stop = params.required("cancelReplaceMode") == "STOP_ON_FAILURE"
    wish = wish_of(request)
    old = _find(Request(request.exchange, request.call, Params({**params.values, **names}), request.account))
    result: Json = {"cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED", "newOrderResponse": None}
    try:
        if old is None:
            raise Rejection(Reason.UNKNOWN_ORDER)
        canceled = _canceled(request, request.exchange.cancel(request.owner, old))
        result |= {"cancelResult": "SUCCESS", "cancelResponse": canceled}
    except Rejection as rejection:
        result["cancelResponse"] = _complaint(rejection)
        if stop:
            raise _half_done(-2022, "Order cancel-replace failed.", result) from None
    try:
        order = request.exchange.place(request.owner, wish)
    except Rejection as rejection:
        result |= {"newOrderResult": "FAILURE", "newOrderResponse": _complaint(rejection)}
        raise _half_done(-2021, "Order cancel-replace partially failed.", result) from None
    if result["cancelResult"] == "FAILURE":
        result |= {"newOrderResult": "SUCCESS", "newOrderResponse": placed(order, "RESULT")}
        raise _half_done(-2021, "Order cancel-replace partially failed.", result)
    return result | {"newOrderResult": "SUCCESS", "newOrderResponse": placed(order, "FULL")}


def _half_done(code: int, message: str, data: Json) -> BinanceError:
    """Half of a cancel-replace went wrong: the answer says which."""
    return BinanceError(code, message, 409 if code == -2021 else 400, data)


def open_orders(request: Request) -> list[Json]:
    market = market_of(request) if request.params.has("symbol") else None
    found = request.owner.open_orders.values()
    return [told(order) for order in found if _is_asked(request, order) and market in (None, order.market)]


def _is_asked(request: Request, order: Order) -> bool:
    """Spot's orders, or those of the cross margin account."""
    return order.market.is_spot and order.wallet == wallet_of(request)


def all_orders(request: Request) -> list[Json]:
    market, params = market_of(request), request.params
    start_ms, end_ms = day_window(request)
    first = params.integer("orderId", 0)
    found = [
        order
        for order in request.owner.orders_of(market)
        if order.id >= first and start_ms <= order.created_ms <= end_ms and _is_asked(request, order)
    ]
    return [told(order) for order in limited(found, request, from_first=bool(first or start_ms))]


def my_trades(request: Request) -> list[Json]:
    market, params = market_of(request), request.params
    start_ms, end_ms = day_window(request)
    first, order_id = params.integer("fromId", 0), params.integer("orderId", 0)
    if first and (params.has("startTime") or params.has("endTime")):
        raise BinanceError(-1128, "Combination of optional parameters invalid.")
    found = [
        trade
        for trade in request.owner.trades_of(market)
        if trade.wallet == wallet_of(request)
        if trade.id >= first and start_ms <= trade.at_ms <= end_ms and order_id in (0, trade.order_id)
    ]
    return [told_trade(trade) for trade in limited(found, request, from_first=bool(first or start_ms))]


def nothing(_request: Request) -> list[Json]:
    return []


def day_window(request: Request) -> tuple[int, int]:
    """startTime and endTime, at most a day apart when both are given."""
    start_ms, end_ms = optional_time(request, "startTime"), optional_time(request, "endTime")
    if start_ms is not None and end_ms is not None and end_ms - start_ms > DAY_MS:
        raise BinanceError(-1127, "More than 24 hours between startTime and endTime.")
    return start_ms or 0, request.now_ms + DAY_MS if end_ms is None else end_ms


def limited(rows: list[Row], request: Request, *, from_first: bool) -> list[Row]:
    """The latest ones, or the first ones when the question says where to begin."""
    limit = request.params.integer("limit", 500, most=1000)
    return rows[:limit] if from_first else rows[-limit:]


def _find(request: Request) -> Order | None:
    market, params, owner = market_of(request), request.params, request.owner
    if params.has("orderId"):
        order = owner.orders.get(params.required_int("orderId"))
    elif params.has("origClientOrderId"):
        order = owner.order_by_client_id(MarketKind.SPOT, params.get("origClientOrderId"))
    else:
        raise BinanceError(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    return order if order is not None and order.market is market and _is_asked(request, order) else None


def _complaint(rejection: Rejection) -> Json:
    code, message = ERRORS[rejection.reason]
    return {"code": code, "msg": message}


def _canceled(request: Request, order: Order) -> Json:
    new_id = request.params.get("newClientOrderId") or f"cancel-{order.id}"
    return (
        named(order)
        | {"origClientOrderId": order.client_order_id, "clientOrderId": new_id, "transactTime": order.updated_ms}
        | amounts(order)
        | {"selfTradePreventionMode": "EXPIRE_MAKER"}
    )
