"""/v5/order: placing, changing, cancelling, and looking them up."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import orjson

from alphapulse.sandbox.bybit import errors
from alphapulse.sandbox.bybit.asks import UNIFIED, SignedAsk
from alphapulse.sandbox.bybit.errors import BybitError
from alphapulse.sandbox.bybit.listings import category_of
from alphapulse.sandbox.bybit.order_rows import link_id, shown, status
from alphapulse.sandbox.bybit.paging import page, time_window
from alphapulse.sandbox.bybit.params import Category, Params
from alphapulse.sandbox.bybit.wishes import check_price, check_quantity, in_bybit_s_words, read_wish
from alphapulse.sandbox.orders import NewOrder, Order, Reason, Rejection

_RECENT = 500  # closed orders that `realtime` still knows
_BATCH = 10

Row = dict[str, object]


def create(ask: SignedAsk) -> Row:
    ask.check_trading()
    return _named(_placed(ask, ask.params))


def _placed(ask: SignedAsk, params: Params) -> Order:
    wish = read_wish(ask, params)
    try:
        return ask.exchange.place(ask.account, wish)
    except Rejection as rejection:
        if rejection.reason is Reason.WOULD_TAKE:
            return _taken_in_and_cancelled(ask, wish)
        last = ask.exchange.last(wish.market)
        raise in_bybit_s_words(rejection.reason, wish.market, wish.price, last) from None


def _taken_in_and_cancelled(ask: SignedAsk, wish: NewOrder) -> Order:
    """Bybit answers a post-only order that would take with success, and cancels it."""
    wish.extra["would take"] = "yes"
    return ask.exchange.take_in_and_cancel(ask.account, wish)


def amend(ask: SignedAsk) -> Row:
    ask.check_trading()
    return _named(_amended(ask, ask.params))


def _amended(ask: SignedAsk, params: Params) -> Order:
    order = _open_order(ask, params)
    price, amount = params.money("price"), params.money("qty")
    if price is not None:
        check_price(order.market, price)
    if amount is not None:
        check_quantity(order.market, amount)
        if amount <= order.filled:
            raise BybitError(
                110064, "The number of contracts modified cannot be less than or equal to the filled quantity"
            )
    if price in (None, order.price) and amount in (None, order.amount):
        raise errors.bad_parameter("order not modified")
    try:
        return ask.exchange.amend(ask.account, order, price=price, amount=amount)
    except Rejection as rejection:
        last = ask.exchange.last(order.market)
        raise in_bybit_s_words(rejection.reason, order.market, price, last) from None


def cancel(ask: SignedAsk) -> Row:
    ask.check_trading()
    return _named(_cancelled(ask, ask.params))


def _cancelled(ask: SignedAsk, params: Params) -> Order:
    return ask.exchange.cancel(ask.account, _open_order(ask, params))


def _open_order(ask: SignedAsk, params: Params) -> Order:
    category = params.category()
    ask.listings.find(category, params.required("symbol"), trading=True)
    if params.text("orderId") is None and params.text("orderLinkId") is None:
        raise errors.bad_parameter("orderId or orderLinkId is required")
    ask.exchange.settle(ask.account, at_once=True)
    order = next(_matching(ask, category, params, ask.account.open_orders.values()), None)
    if order is None:
        raise errors.order_not_found(spot=category is Category.SPOT)
    return order


def cancel_all(ask: SignedAsk) -> Row:
    ask.check_trading()
    category = ask.params.category()
    names = ("symbol", "baseCoin", "settleCoin")
    if category is Category.LINEAR and not any(ask.params.text(name) for name in names):
        raise errors.missing("symbol, baseCoin or settleCoin")
    ask.exchange.settle(ask.account, at_once=True)
    wanted = list(_matching(ask, category, ask.params, list(ask.account.open_orders.values())))
    rows = [_named(ask.exchange.cancel(ask.account, order)) for order in wanted]
    return {"list": rows, "success": "1"}


def create_batch(ask: SignedAsk) -> Row:
    return _batch(ask, _placed)


def amend_batch(ask: SignedAsk) -> Row:
    return _batch(ask, _amended)


def cancel_batch(ask: SignedAsk) -> Row:
    return _batch(ask, _cancelled)


def _batch(ask: SignedAsk, step: Callable[[SignedAsk, Params], Order]) -> Row:
    """Each order has its own success; the host moves `retExtInfo` to where Bybit puts it."""
    ask.check_trading()
    category = ask.params.category()
    requests: list[dict[str, Any]] = orjson.loads(ask.params.required("request"))
    if not 1 <= len(requests) <= _BATCH:
        raise errors.bad_parameter("params error: request invalid")
    rows, outcomes = [], []
    for request in requests:
        row: Row = {"category": category, "symbol": request.get("symbol", ""), "orderId": "", "orderLinkId": ""}
        try:
            order = step(ask, Params(request | {"category": category}))
            row |= _named(order) | {"createAt": str(order.created_ms)}
            outcomes.append({"code": 0, "msg": "OK"})
        except BybitError as error:
            outcomes.append({"code": error.code, "msg": error.message})
        rows.append(row)
    return {"list": rows, "retExtInfo": {"list": outcomes}}


def realtime(ask: SignedAsk) -> Row:
    """Open orders; by id, or with openOnly=1, also the latest that are done."""
    ask.check_wallet(UNIFIED)
    category = ask.params.category()
    names = ("symbol", "baseCoin", "settleCoin", "orderId", "orderLinkId")
    if category is Category.LINEAR and not any(ask.params.text(name) for name in names):
        raise errors.missing("symbol, baseCoin or settleCoin")
    return _page(ask, category, sorted(_known(ask), key=lambda order: -order.id))


def _known(ask: SignedAsk) -> list[Order]:
    if ask.params.text("orderId") or ask.params.text("orderLinkId"):
        return [*ask.account.open_orders.values(), *_recently_closed(ask)]
    return _recently_closed(ask) if ask.params.whole("openOnly") else list(ask.account.open_orders.values())


def _recently_closed(ask: SignedAsk) -> list[Order]:
    closed = (order for order in reversed(ask.account.orders.values()) if not order.is_open)
    return list(islice(closed, _RECENT))


def history(ask: SignedAsk) -> Row:
    ask.check_wallet(UNIFIED)
    category = ask.params.category()
    start, end = time_window(ask.params, ask.now_ms)
    wanted = ask.params.text("orderStatus")
    closed = [
        order
        for order in reversed(ask.account.orders.values())
        if not order.is_open and start <= order.created_ms <= end and wanted in (None, status(order))
        if ask.exchange.memory.keeps_order(order, ask.now_ms)
    ]
    return _page(ask, category, closed)


def _page(ask: SignedAsk, category: Category, newest_first: list[Order]) -> Row:
    orders = list(_matching(ask, category, ask.params, newest_first))
    found = page(orders, ask.params, key=lambda order: order.id, default=20, most=50)
    return {"category": category, "list": [shown(order) for order in found.rows], "nextPageCursor": found.cursor}


def _matching(ask: SignedAsk, category: Category, params: Params, orders: Iterable[Order]) -> Iterator[Order]:
    """By id before link id before symbol before coin, as Bybit reads them."""
    order_id, own_id, symbol = params.text("orderId"), params.text("orderLinkId"), params.text("symbol")
    base, settle, kind = params.text("baseCoin"), params.text("settleCoin"), params.text("orderFilter")
    if symbol is not None:
        ask.listings.find(category, symbol)
    for order in orders:
        if category_of(order.market) is not category:
            continue
        if order_id is not None or own_id is not None:
            if order_id in (None, str(order.id)) and own_id in (None, link_id(order)):
                yield order
            continue
        sleeping = order.trigger is not None and not order.is_working
        if kind is not None and sleeping != (kind != "Order"):
            continue
        if (
            symbol in (None, order.market.id)
            and base in (None, order.market.base)
            and settle in (None, order.market.quote)
        ):
            yield order


def _named(order: Order) -> Row:
    return {"orderId": str(order.id), "orderLinkId": link_id(order)}
