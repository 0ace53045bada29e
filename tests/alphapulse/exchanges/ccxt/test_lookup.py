"""Orders that are gone from the open ones: how they ended is asked, one by one."""

from datetime import timedelta
from decimal import Decimal

import pytest

from alphapulse.exchanges.ccxt.lookup import MOST_LOOKUPS
from alphapulse.exchanges.ccxt.markets import template
from alphapulse.exchanges.errors import RateLimited
from alphapulse.exchanges.reading import OpenOrder
from alphapulse.types import Order, OrderStatus, Side, SyncKind
from tests.alphapulse.exchanges import written
from tests.alphapulse.exchanges.asking import fetch, route_to, run
from tests.alphapulse.exchanges.scripted import Said, ScriptedExchange

BINANCE_MARKETS = "api.binance.com/api/v3/exchangeInfo"
BINANCE_ORDER = "api.binance.com/api/v3/order"


def last_seen(order_id: str, symbol: str = "BTC/USDT", status: OrderStatus = OrderStatus.OPEN) -> Order:
    return Order(
        order_id=order_id,
        client_order_id=None,
        symbol=symbol,
        side=Side.SELL,
        type="limit",
        status=status,
        amount=Decimal(1),
        filled=Decimal(0),
        remaining=Decimal(1),
        price=Decimal(40000),
        average=None,
        cost=None,
        exchange_at=None,
    )


def known(order_id: str, wallet: str = "spot", symbol: str = "BTC/USDT") -> OpenOrder:
    return OpenOrder(wallet=wallet, order_id=order_id, symbol=symbol, last_seen=last_seen(order_id, symbol))


def gone(order_id: str, wallet: str = "spot", symbol: str = "BTC/USDT") -> OpenOrder:
    """One that was missing at the reading before, too."""
    seen = last_seen(order_id, symbol, OrderStatus.GONE)
    return OpenOrder(wallet=wallet, order_id=order_id, symbol=symbol, last_seen=seen)


def orders(exchange: ScriptedExchange, exchange_id: str, *known_orders: OpenOrder) -> dict[str, Order]:
    exchange.answers = {**written.answers(exchange_id), **exchange.answers}
    readings = fetch(route_to(exchange_id, exchange.base), SyncKind.ORDERS, known_orders=known_orders)
    return {order.order_id: order for reading in readings for order in reading.rows}


def binance_order(order_id: str, status: str) -> dict:
    (row,) = written.answers("binance")["api.binance.com/api/v3/openOrders"](None).json
    return row | {"orderId": order_id, "status": status, "clientOrderId": "gone"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("FILLED", OrderStatus.CLOSED),
        ("CANCELED", OrderStatus.CANCELED),
        ("EXPIRED", OrderStatus.EXPIRED),
        ("EXPIRED_IN_MATCH", OrderStatus.EXPIRED),
        ("REJECTED", OrderStatus.REJECTED),
        ("PENDING_CANCEL", OrderStatus.OPEN),
    ],
)
def test_a_vanished_order_is_told_with_its_end(exchange, status, expected):
    exchange.answers[BINANCE_ORDER] = Said(json=binance_order("77", status))
    found = orders(exchange, "binance", known("77"))
    assert found["77"].status is expected
    assert found["11"].status is OrderStatus.OPEN


def test_an_order_that_is_still_open_is_not_looked_up(exchange):
    orders(exchange, "binance", known("11"))
    assert BINANCE_ORDER not in exchange.paths()


def test_an_order_of_another_wallet_is_not_looked_up_here(exchange):
    exchange.answers["fapi.binance.com/fapi/v1/order"] = Said(
        json={"code": -2013, "msg": "Order does not exist."}, status=400
    )
    orders(exchange, "binance", known("5", wallet="usdm", symbol="BTC/USDT:USDT"))
    assert "fapi.binance.com/fapi/v1/order" in exchange.paths()
    assert BINANCE_ORDER not in exchange.paths()


@pytest.mark.parametrize(
    ("wallet", "symbol", "path", "id_param"),
    [
        ("margin", "BTC/USDT", "api.binance.com/sapi/v1/margin/order", "orderId"),
        ("coinm", "BTC/USD:BTC", "dapi.binance.com/dapi/v1/order", "orderId"),
        ("usdm-trigger", "BTC/USDT:USDT", "fapi.binance.com/fapi/v1/algoOrder", "algoId"),
        ("coinm-trigger", "BTC/USD:BTC", "dapi.binance.com/dapi/v1/algoOrder", "algoId"),
    ],
)
def test_each_wallets_orders_are_looked_up_where_they_are_kept(exchange, wallet, symbol, path, id_param):
    exchange.answers[path] = Said(json={"code": -2013, "msg": "Order does not exist."}, status=400)
    orders(exchange, "binance", known("77", wallet=wallet, symbol=symbol))
    (asked,) = (asked for asked in exchange.asked if f"{asked.host}{asked.path}" == path)
    assert asked.query[id_param] == "77"
    assert not [other for other in exchange.paths() if other.endswith("rder") and other != path]


def test_a_trigger_order_that_went_off_is_closed_and_its_fills_are_the_new_orders(exchange):
    (row,) = written.answers("binance")["fapi.binance.com/fapi/v1/openAlgoOrders"](None).json
    row |= {"algoId": 77, "algoStatus": "FINISHED", "actualOrderId": "4711", "actualPrice": "30001"}
    exchange.answers["fapi.binance.com/fapi/v1/algoOrder"] = Said(json=row)
    end = orders(exchange, "binance", known("77", wallet="usdm-trigger", symbol="BTC/USDT:USDT"))["77"]
    assert end.status is OrderStatus.CLOSED
    assert (end.amount, end.filled, end.remaining, end.cost) == (Decimal("0.01"), None, None, None)


NOT_FOUND = Said(json={"code": -2013, "msg": "Order does not exist."}, status=400)


def test_an_order_that_is_not_found_twice_is_unknown_with_what_we_knew(exchange):
    exchange.answers[BINANCE_ORDER] = NOT_FOUND
    end = orders(exchange, "binance", gone("77"))["77"]
    assert end.status is OrderStatus.UNKNOWN
    assert (end.side, end.amount, end.price) == (Side.SELL, 1, 40000)


def test_one_not_found_proves_nothing(exchange):
    exchange.answers[BINANCE_ORDER] = NOT_FOUND
    assert "77" not in orders(exchange, "binance", known("77"))


def test_an_archived_order_has_ended(exchange):
    archived = {"code": -2026, "msg": "Order was canceled or expired over 90 days ago and has been archived."}
    exchange.answers[BINANCE_ORDER] = Said(json=archived, status=400)
    assert orders(exchange, "binance", known("77"))["77"].status is OrderStatus.UNKNOWN


def test_an_order_of_a_delisted_market_is_unknown_at_the_second_look(exchange):
    assert "77" not in orders(exchange, "binance", known("77", symbol="LUNA/UST"))
    assert orders(exchange, "binance", gone("77", symbol="LUNA/UST"))["77"].status is OrderStatus.UNKNOWN


def test_an_order_whose_market_an_old_table_lacks_is_not_given_up_before_a_new_one_is_there(exchange):
    orders(exchange, "binance")
    grow_old(exchange)
    info = exchange.answers.pop(BINANCE_MARKETS)
    exchange.answers[BINANCE_MARKETS] = Said(status=502)
    assert "77" not in orders(exchange, "binance", gone("77", symbol="NEW/USDT"))
    exchange.answers[BINANCE_MARKETS] = info
    assert "77" not in orders(exchange, "binance", gone("77", symbol="NEW/USDT"))  # has just failed


def test_a_new_table_is_loaded_before_a_market_counts_as_delisted(exchange):
    orders(exchange, "binance")
    grow_old(exchange)
    exchange.asked.clear()
    assert orders(exchange, "binance", gone("77", symbol="NEW/USDT"))["77"].status is OrderStatus.UNKNOWN
    assert exchange.paths().count(BINANCE_MARKETS) == 1


def test_an_order_under_an_exchanges_own_name_is_not_looked_up_in_another_market(exchange):
    orders(exchange, "binance", known("77", wallet="usdm", symbol="BTCUSDT"))
    assert not [path for path in exchange.paths() if path.endswith("/order")]


def grow_old(exchange: ScriptedExchange) -> None:
    async def later() -> None:
        template(route_to("binance", exchange.base)).table.loaded_at -= timedelta(minutes=5)

    run(later())


def test_an_order_that_cannot_be_looked_up_now_stays_as_it_was(exchange):
    exchange.answers[BINANCE_ORDER] = Said(raw="<html>", status=502)
    assert set(orders(exchange, "binance", known("77"))) == {"11", "12"}


def test_a_rate_limit_among_lookups_stops_everything(exchange):
    exchange.answers[BINANCE_ORDER] = Said(json={"code": -1003, "msg": "Too many requests."}, status=429)
    with pytest.raises(RateLimited):
        orders(exchange, "binance", known("77"), known("78"))
    assert exchange.paths().count(BINANCE_ORDER) == 1


def test_a_flood_of_vanished_orders_is_looked_up_in_portions(exchange):
    exchange.answers[BINANCE_ORDER] = lambda asked: Said(json=binance_order(asked.query["orderId"], "FILLED"))
    found = orders(exchange, "binance", *(known(str(number)) for number in range(100, 150)))
    assert len(found) == 2 + MOST_LOOKUPS


def test_orders_that_cannot_be_answered_do_not_keep_others_from_being_looked_up(exchange):
    exchange.answers[BINANCE_ORDER] = NOT_FOUND
    for _ in range(20):
        orders(exchange, "binance", *(known(str(number)) for number in range(100, 125)))
    asked = {asked.query["orderId"] for asked in exchange.asked if asked.path.endswith("/order")}
    assert asked == {str(number) for number in range(100, 125)}


def test_no_order_is_looked_up_when_the_open_ones_could_not_be_read(exchange):
    exchange.answers["api.binance.com/api/v3/openOrders"] = Said(raw="")
    orders(exchange, "binance", known("77"))
    assert BINANCE_ORDER not in exchange.paths()


@pytest.mark.parametrize(
    ("exchange_id", "wallet", "order_id", "symbol", "status", "filled"),
    [
        ("kraken", "spot", "OGONE", "BTC/EUR", OrderStatus.CANCELED, "0.25"),
        ("coinbase", "spot", "gone", "BTC/USD", OrderStatus.CLOSED, "0.1"),
        ("kucoin", "trade", "gone", "BTC/USDT", OrderStatus.CANCELED, "0.25"),
        ("gate", "spot", "gone", "BTC/USDT", OrderStatus.CANCELED, "0.25"),
    ],
)
def test_other_exchanges_tell_the_end_too(exchange, exchange_id, wallet, order_id, symbol, status, filled):
    found = orders(exchange, exchange_id, known(order_id, wallet=wallet, symbol=symbol))[order_id]
    assert (found.status, found.filled) == (status, Decimal(filled))


def test_bybit_is_asked_for_the_latest_and_then_for_its_history(exchange):
    (row,) = written.answers("bybit")["api.bybit.com/v5/order/realtime"](_spot()).json["result"]["list"]
    row |= {"orderId": "99", "orderStatus": "Cancelled"}
    old = {"retCode": 0, "retMsg": "OK", "result": {"category": "spot", "list": [row]}, "time": 1}
    none = {"retCode": 0, "retMsg": "OK", "result": {"category": "spot", "list": [], "nextPageCursor": ""}, "time": 1}
    exchange.answers["api.bybit.com/v5/order/realtime"] = Said(json=none)
    exchange.answers["api.bybit.com/v5/order/history"] = Said(json=old)
    found = orders(exchange, "bybit", known("99", wallet="unified"))
    assert found["99"].status is OrderStatus.CANCELED


def test_an_order_that_bybit_canceled_with_a_part_filled_is_canceled(exchange):
    realtime = written.answers("bybit")["api.bybit.com/v5/order/realtime"](_spot()).json
    (row,) = realtime["result"]["list"]
    row |= {"orderId": "99", "orderStatus": "PartiallyFilledCanceled", "cumExecQty": "0.25", "leavesQty": "0"}
    exchange.answers["api.bybit.com/v5/order/realtime"] = lambda asked: (
        Said(json=realtime)
        if asked.query.get("orderId")
        else Said(json=realtime | {"result": {**realtime["result"], "list": []}})
    )
    found = orders(exchange, "bybit", known("99", wallet="unified"))["99"]
    assert (found.status, found.filled) == (OrderStatus.CANCELED, Decimal("0.25"))


def test_an_order_that_bybit_knows_nowhere_is_ungone(exchange):
    none = {"retCode": 0, "retMsg": "OK", "result": {"category": "spot", "list": [], "nextPageCursor": ""}, "time": 1}
    exchange.answers["api.bybit.com/v5/order/realtime"] = Said(json=none)
    assert orders(exchange, "bybit", gone("99", wallet="unified"))["99"].status is OrderStatus.UNKNOWN


class _spot:
    query = {"category": "spot"}
