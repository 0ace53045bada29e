"""Placing, changing and cancelling on USD-M, and every complaint about it with Binance's own code."""

from decimal import Decimal as D

import orjson
import pytest

from tests.alphapulse.sandbox.binance.futures_desk import BTC, Desk, Refused


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.pin("50000")
    return desk


def refusal(desk: Desk, *order: str, **more: object) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        desk.order(*order, **more)
    return caught.value.code, caught.value.message


def test_a_market_order_is_answered_with_what_it_got(desk: Desk):
    order = desk.order("BUY", "0.010")
    assert (order["status"], order["type"], order["executedQty"], order["positionSide"]) == (
        "FILLED", "MARKET", "0.010", "BOTH",
    )  # fmt: skip
    assert D(order["cumQuote"]) == D(order["avgPrice"]) * D("0.010")


def test_an_order_that_asks_for_no_result_is_only_acknowledged(desk: Desk):
    order = desk.order("BUY", "0.010", newOrderRespType="ACK")
    assert (order["status"], order["executedQty"]) == ("NEW", "0.000")
    asked = desk.get("/fapi/v1/order", symbol=BTC, orderId=order["orderId"])
    assert (asked["status"], asked["executedQty"]) == ("FILLED", "0.010")


def test_a_resting_order_is_found_by_id_by_client_id_and_in_both_lists(desk: Desk):
    order = desk.order("BUY", "0.010", "45000", newClientOrderId="mine-1")
    for known in ({"orderId": order["orderId"]}, {"origClientOrderId": "mine-1"}):
        assert desk.get("/fapi/v1/order", symbol=BTC, **known)["status"] == "NEW"
        assert desk.get("/fapi/v1/openOrder", symbol=BTC, **known)["clientOrderId"] == "mine-1"
    for path in ("openOrders", "allOrders"):
        [row] = desk.get(f"/fapi/v1/{path}", symbol=BTC)
        assert (row["orderId"], row["price"], row["origQty"]) == (order["orderId"], "45000.00", "0.010")


def test_a_resting_order_fills_in_parts_at_its_own_price_and_pays_the_makers_fee(desk: Desk):
    desk.exchange.set_balance(desk.account, "futures", "USDT", D(10_000_000))
    order = desk.order("SELL", "40", "50200")
    desk.pin("50210")
    part = desk.get("/fapi/v1/order", symbol=BTC, orderId=order["orderId"])
    assert part["status"] == "PARTIALLY_FILLED"
    assert D(0) < D(part["executedQty"]) < D(40)
    assert D(part["avgPrice"]) == D(50200)
    [trade] = desk.get("/fapi/v1/userTrades", symbol=BTC)
    assert trade["maker"] is True
    assert D(trade["commission"]) == D(trade["quoteQty"]) * D("0.0002")
    assert trade["commissionAsset"] == "USDT"


def test_a_taker_pays_more_than_a_maker(desk: Desk):
    desk.order("BUY", "0.010")
    [trade] = desk.get("/fapi/v1/userTrades", symbol=BTC)
    assert trade["maker"] is False
    assert D(trade["commission"]) == D(trade["quoteQty"]) * D("0.0005")


def test_a_changed_order_keeps_its_id(desk: Desk):
    order = desk.order("BUY", "0.010", "45000")
    wish = {"symbol": BTC, "side": "BUY", "orderId": order["orderId"]}
    changed = desk.ask("PUT", "/fapi/v1/order", **wish, quantity="0.020", price="45100")
    assert (changed["orderId"], changed["price"], changed["origQty"]) == (order["orderId"], "45100.00", "0.020")
    with pytest.raises(Refused, match="-5027"):
        desk.ask("PUT", "/fapi/v1/order", **wish, quantity="0.020", price="45100")


def test_a_cancelled_order_cannot_be_cancelled_again(desk: Desk):
    order = desk.order("BUY", "0.010", "45000")
    assert desk.ask("DELETE", "/fapi/v1/order", symbol=BTC, orderId=order["orderId"])["status"] == "CANCELED"
    with pytest.raises(Refused, match=r"-2011 Unknown order sent."):
        desk.ask("DELETE", "/fapi/v1/order", symbol=BTC, orderId=order["orderId"])
    with pytest.raises(Refused, match=r"-2013 Order does not exist."):
        desk.get("/fapi/v1/openOrder", symbol=BTC, orderId=order["orderId"])
    assert desk.get("/fapi/v1/order", symbol=BTC, orderId=order["orderId"])["status"] == "CANCELED"


def test_an_order_that_never_was_is_unknown_in_two_ways(desk: Desk):
    with pytest.raises(Refused, match="-2013"):
        desk.get("/fapi/v1/order", symbol=BTC, orderId=1)
    with pytest.raises(Refused, match="-2011"):
        desk.ask("DELETE", "/fapi/v1/order", symbol=BTC, origClientOrderId="nobody")
    with pytest.raises(Refused, match="-1102"):
        desk.get("/fapi/v1/order", symbol=BTC)


def test_all_open_orders_of_a_market_go_at_once(desk: Desk):
    for price in ("45000", "44000"):
        desk.order("BUY", "0.010", price)
    answer = desk.ask("DELETE", "/fapi/v1/allOpenOrders", symbol=BTC)
    assert answer == {"code": 200, "msg": "The operation of cancel all open order is done."}
    assert desk.get("/fapi/v1/openOrders") == []


def test_a_client_id_guards_only_while_its_order_is_open(desk: Desk):
    desk.order("BUY", "0.010", "45000", newClientOrderId="once")
    assert refusal(desk, "BUY", "0.010", "45000", newClientOrderId="once") == (-4116, "ClientOrderId is duplicated.")
    desk.ask("DELETE", "/fapi/v1/allOpenOrders", symbol=BTC)
    assert desk.order("BUY", "0.010", "45000", newClientOrderId="once")["status"] == "NEW"


@pytest.mark.parametrize(
    ("order", "more", "code"),
    [
        (("BUY", "0.0101"), {}, -1111),
        (("BUY", "0.010", "45000.123"), {}, -1111),
        (("BUY", "0.010", "45000.05"), {}, -4014),
        (("BUY", "0"), {}, -4003),
        (("BUY", "101"), {}, -4005),
        (("BUY", "1001", "45000"), {}, -4005),
        (("BUY", "0.001"), {}, -4164),
        (("BUY", "0.010", "53000"), {}, -4016),
        (("SELL", "0.010", "47000"), {}, -4024),
        (("BUY", "9"), {}, -2019),
        (("BUY", "0.010"), {"reduceOnly": True}, -2022),
        (("BUY", "0.010"), {"positionSide": "LONG"}, -4061),
        (("BUY", "0.010"), {"positionSide": "UP"}, -4060),
        (("BUY", "0.010"), {"symbol": "NOPE"}, -1121),
        (("HOLD", "0.010"), {}, -1117),
        (("BUY", "0.010"), {"type": "ICEBERG"}, -1116),
        (("BUY", "0.010"), {"type": "STOP_MARKET"}, -4120),
        (("BUY", "0.010", "45000"), {"type": "MARKET"}, -1106),
        (("BUY", "0.010"), {"newClientOrderId": "x" * 37}, -4015),
        (("BUY", "0.010"), {"newClientOrderId": "not allowed"}, -1100),
        (("BUY", "0.010", "45000"), {"timeInForce": "DAY"}, -1115),
        (("BUY", "0.010", "50100"), {"timeInForce": "GTX"}, -5022),
        (("BUY", "one"), {}, -1100),
    ],
)
def test_what_is_wrong_with_an_order_has_its_own_code(desk: Desk, order, more, code):
    assert refusal(desk, *order, **more)[0] == code
    assert desk.get("/fapi/v1/allOrders", symbol=BTC) == []


def test_a_missing_parameter_is_named(desk: Desk):
    with pytest.raises(Refused, match="-1102 Mandatory parameter 'timeInForce' was not sent"):
        desk.ask("POST", "/fapi/v1/order", symbol=BTC, side="BUY", type="LIMIT", quantity="1", price="45000")


def test_the_least_notional_is_told_and_a_reducing_order_may_be_smaller(desk: Desk):
    assert refusal(desk, "BUY", "0.001")[1].startswith("Order's notional must be no smaller than 100 ")
    desk.order("BUY", "0.010")
    assert desk.order("SELL", "0.001", reduceOnly=True)["status"] == "FILLED"


def test_a_reducing_order_is_cut_down_to_the_position(desk: Desk):
    desk.order("BUY", "0.010")
    order = desk.order("SELL", "0.030", reduceOnly=True)
    assert (order["origQty"], order["executedQty"], order["status"]) == ("0.010", "0.010", "FILLED")
    assert desk.positions() == {}


def test_a_post_only_order_rests_behind_the_book(desk: Desk):
    assert desk.order("BUY", "0.010", "49000", timeInForce="GTX")["timeInForce"] == "GTX"


def test_what_an_immediate_order_cannot_get_expires(desk: Desk):
    order = desk.order("BUY", "0.010", "49000", timeInForce="IOC")
    assert (order["status"], order["executedQty"]) == ("EXPIRED", "0.000")


def test_an_order_larger_than_the_leverage_allows_is_refused(desk: Desk):
    desk.exchange.set_balance(desk.account, "futures", "USDT", D(100_000_000))
    desk.ask("POST", "/fapi/v1/leverage", symbol=BTC, leverage=125)
    assert refusal(desk, "BUY", "2")[0] == -2027


def test_a_batch_answers_for_each_order(desk: Desk):
    orders = [
        {"symbol": BTC, "side": "BUY", "type": "LIMIT", "quantity": "0.010", "price": "45000", "timeInForce": "GTC"},
        {"symbol": BTC, "side": "BUY", "type": "MARKET", "quantity": "0.0005"},
    ]
    rows = desk.ask("POST", "/fapi/v1/batchOrders", batchOrders=orjson.dumps(orders).decode())
    assert (rows[0]["status"], rows[1]["code"]) == ("NEW", -1111)
    ids = orjson.dumps([rows[0]["orderId"], 5]).decode()
    canceled = desk.ask("DELETE", "/fapi/v1/batchOrders", symbol=BTC, orderIdList=ids)
    assert (canceled[0]["status"], canceled[1]["code"]) == ("CANCELED", -2011)


def test_a_batch_of_six_is_too_many(desk: Desk):
    with pytest.raises(Refused, match="-4082"):
        desk.ask("POST", "/fapi/v1/batchOrders", batchOrders=orjson.dumps([{}] * 6).decode())


class TestConditionalOrders:
    def stop(self, desk: Desk, **more: object) -> dict[str, object]:
        wish = {"algoType": "CONDITIONAL", "symbol": BTC, "side": "SELL", "type": "STOP_MARKET"}
        wish |= {"triggerPrice": "49000", "quantity": "0.010", "clientAlgoId": "guard"}
        return dict(desk.ask("POST", "/fapi/v1/algoOrder", **(wish | more)))

    def test_one_sleeps_apart_from_the_ordinary_orders(self, desk: Desk):
        stop = self.stop(desk)
        assert (stop["algoStatus"], stop["orderType"], stop["triggerPrice"]) == ("NEW", "STOP_MARKET", "49000.00")
        assert desk.get("/fapi/v1/openOrders", symbol=BTC) == []
        [row] = desk.get("/fapi/v1/openAlgoOrders", symbol=BTC)
        assert row["algoId"] == stop["algoId"]
        with pytest.raises(Refused, match="-2013"):
            desk.get("/fapi/v1/order", symbol=BTC, orderId=stop["algoId"])

    def test_one_wakes_when_its_price_is_reached_and_is_an_ordinary_order_then(self, desk: Desk):
        desk.order("BUY", "0.010")
        stop = self.stop(desk, reduceOnly=True)
        desk.pin("48900")
        assert desk.positions() == {}
        told = desk.get("/fapi/v1/algoOrder", clientAlgoId="guard")
        assert (told["algoStatus"], told["actualOrderId"]) == ("FINISHED", str(stop["algoId"]))
        assert desk.get("/fapi/v1/order", symbol=BTC, orderId=told["actualOrderId"])["status"] == "FILLED"

    def test_one_that_closes_the_position_needs_no_quantity(self, desk: Desk):
        desk.order("BUY", "0.020")
        wish = {"algoType": "CONDITIONAL", "symbol": BTC, "side": "SELL", "type": "TAKE_PROFIT_MARKET"}
        desk.ask("POST", "/fapi/v1/algoOrder", **wish, triggerPrice="51000", closePosition=True)
        desk.pin("51100")
        assert desk.positions() == {}

    def test_one_behind_the_market_would_trigger_at_once(self, desk: Desk):
        with pytest.raises(Refused, match="-2021"):
            self.stop(desk, triggerPrice="51000")

    def test_one_is_cancelled_by_its_own_endpoint_once(self, desk: Desk):
        stop = self.stop(desk)
        answer = desk.ask("DELETE", "/fapi/v1/algoOrder", algoId=stop["algoId"])
        assert answer == {"algoId": stop["algoId"], "clientAlgoId": "guard", "code": "200", "msg": "success"}
        with pytest.raises(Refused, match="-2011"):
            desk.ask("DELETE", "/fapi/v1/algoOrder", algoId=stop["algoId"])
        [row] = desk.get("/fapi/v1/allAlgoOrders", symbol=BTC)
        assert row["algoStatus"] == "CANCELED"
