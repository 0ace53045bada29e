"""The futures' conditional orders. They sleep until the price is reached and then appear among the ordinary ones."""

from alphapulse.sandbox.binance.futures_asked import Json, market_of, page_of, week_of
from alphapulse.sandbox.binance.futures_checks import check_wish
from alphapulse.sandbox.binance.futures_rows import told_conditional
from alphapulse.sandbox.binance.futures_wishes import conditional_wish
from alphapulse.sandbox.binance.params import BinanceError
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.orders import Order, OrderStatus, Reason, Rejection


def place(request: Request) -> Json:
    wish = conditional_wish(request, request.params)
    check_wish(request.exchange, request.owner, wish)
    return told_conditional(request.exchange.place(request.owner, wish))


def query(request: Request) -> Json:
    order = _found(request)
    if order is None:
        raise BinanceError(-2013, "Order does not exist.")
    return told_conditional(order)


def cancel(request: Request) -> Json:
    order = _found(request)
    if order is None or order.status is not OrderStatus.UNTRIGGERED:
        raise Rejection(Reason.UNKNOWN_ORDER)
    request.exchange.cancel(request.owner, order)
    return {"algoId": order.id, "clientAlgoId": order.client_order_id, "code": "200", "msg": "success"}


def cancel_all(request: Request) -> Json:
    for order in request.owner.open_orders_of(market_of(request)):
        if order.status is OrderStatus.UNTRIGGERED:
            request.exchange.cancel(request.owner, order)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def open_orders(request: Request) -> list[Json]:
    market = market_of(request) if request.params.has("symbol") else None
    return [
        told_conditional(order)
        for order in request.owner.open_orders.values()
        if order.market.kind is request.kind and _sleeps(order) and market in (None, order.market)
    ]


def all_orders(request: Request) -> list[Json]:
    market, first = market_of(request), request.params.integer("algoId", 0)
    start_ms, end_ms = week_of(request)
    found = [
        order
        for order in request.owner.orders_of(market)
        if order.trigger and (order.id >= first if first else start_ms <= order.created_ms <= end_ms)
    ]
    begins = bool(first) or request.params.has("startTime")
    return [told_conditional(order) for order in page_of(request, found, default=500, most=1000, from_first=begins)]


def _sleeps(order: Order) -> bool:
    return order.status is OrderStatus.UNTRIGGERED


def _found(request: Request) -> Order | None:
    owner, params = request.owner, request.params
    if params.has("algoId"):
        order = owner.orders.get(params.required_int("algoId"))
    elif params.has("clientAlgoId"):
        order = owner.order_by_client_id(request.kind, params.get("clientAlgoId"))
    else:
        raise BinanceError(-1102, "Param 'algoId' or 'clientAlgoId' must be sent, but both were empty/null!")
    return order if order is not None and order.market.kind is request.kind and order.trigger else None
