"""Orders on Bybit: what is taken, what is refused and in which words, what can be found again."""

from typing import Any

import ccxt
import pytest

from tests.alphapulse.sandbox.bybit.conftest import code_of

SPOT, SWAP = "BTC/USDT", "BTC/USDT:USDT"
CREATE = "/v5/order/create"
MINUTE_MS, DAY_MS = 60_000, 86_400_000


def wish(desk, category: str = "spot", **changes: Any) -> dict[str, Any]:
    """A limit order to buy 0.01 BTC a tenth below the market."""
    last = float(desk.rows("/v5/market/tickers", category=category, symbol="BTCUSDT")[0]["lastPrice"])
    limit = {"side": "Buy", "orderType": "Limit", "qty": "0.01", "price": f"{last * 0.9:.1f}"}
    return {"category": category, "symbol": "BTCUSDT"} | limit | changes


@pytest.mark.parametrize("kind", ["spot", "swap"])
def test_a_limit_order_rests_until_it_is_cancelled(open_client, kind):
    client, symbol = open_client(kind), SPOT if kind == "spot" else SWAP
    price = client.fetch_ticker(symbol)["last"] * 0.9
    placed = client.create_order(symbol, "limit", "buy", 0.01, price, {"clientOrderId": f"mine-{kind}"})

    [order] = client.fetch_open_orders(symbol)
    assert (order["id"], order["status"], order["filled"]) == (placed["id"], "open", 0)
    assert order["clientOrderId"] == f"mine-{kind}"

    client.cancel_order(placed["id"], symbol)
    assert client.fetch_open_orders(symbol) == []
    assert client.fetch_order(placed["id"], symbol)["status"] == "canceled"
    assert [order["id"] for order in client.fetch_canceled_orders(symbol)] == [placed["id"]]


def test_a_market_order_fills_at_the_book_and_pays_its_fee_in_what_it_got(open_client):
    client = open_client()
    ask = client.fetch_order_book(SPOT)["asks"][0][0]
    order = client.fetch_order(client.create_order(SPOT, "market", "buy", 0.01)["id"], SPOT)

    assert (order["status"], order["filled"]) == ("closed", 0.01)
    assert order["average"] == pytest.approx(ask, rel=0.001)
    assert order["fee"] == {"cost": pytest.approx(0.00001), "currency": "BTC"}
    assert client.fetch_balance()["BTC"]["total"] == pytest.approx(1.00999)


def test_a_market_buy_may_say_what_it_spends_and_a_sale_what_it_wants(open_client):
    client = open_client()
    bought = client.fetch_order(client.create_market_buy_order_with_cost(SPOT, 1000)["id"], SPOT)
    sold = client.fetch_order(client.create_market_sell_order_with_cost(SPOT, 500)["id"], SPOT)

    assert bought["cost"] == pytest.approx(1000, rel=0.01)
    assert sold["cost"] == pytest.approx(500, rel=0.01)
    assert (bought["status"], sold["status"]) == ("closed", "closed")


def test_a_partial_fill_is_seen_in_the_order_its_trades_and_the_wallet(sandbox, open_client):
    client = open_client()
    price = float(client.price_to_precision(SPOT, client.fetch_ticker(SPOT)["last"] * 0.9))
    order = client.create_order(SPOT, "limit", "buy", 0.01, price)
    sandbox.fill_order("bybit", client.apiKey, order_id=order["id"], amount="0.004")

    seen = client.fetch_open_order(order["id"], SPOT)
    assert seen["info"]["orderStatus"] == "PartiallyFilled"
    assert (seen["filled"], seen["remaining"], seen["average"]) == (0.004, 0.006, price)
    [trade] = client.fetch_order_trades(order["id"], SPOT)
    assert (trade["amount"], trade["takerOrMaker"], trade["order"]) == (0.004, "maker", order["id"])
    assert client.fetch_balance()["USDT"]["used"] == pytest.approx(0.006 * price)

    client.cancel_order(order["id"], SPOT)
    ended = client.fetch_order(order["id"], SPOT)
    assert ended["info"]["orderStatus"] == "PartiallyFilledCanceled"
    assert ended["filled"] == 0.004


@pytest.mark.parametrize(("category", "code"), [("spot", 170141), ("linear", 110072)])
def test_an_own_id_is_never_taken_twice(desk, category, code):
    order = wish(desk, category, orderLinkId="once")
    placed = desk.post(CREATE, **order)["result"]
    assert desk.post(CREATE, **order)["retCode"] == code

    desk.post("/v5/order/cancel", category=category, symbol="BTCUSDT", orderId=placed["orderId"])
    assert desk.post(CREATE, **order)["retCode"] == code
    assert desk.post(CREATE, **order | {"orderLinkId": "twice"})["retCode"] == 0


def test_an_order_is_found_by_its_own_id_open_or_not(desk):
    desk.post(CREATE, **wish(desk, orderLinkId="mine"))
    [found] = desk.rows("/v5/order/realtime", category="spot", orderLinkId="mine")
    assert found["orderStatus"] == "New"

    desk.post("/v5/order/cancel", category="spot", symbol="BTCUSDT", orderLinkId="mine")
    [found] = desk.rows("/v5/order/realtime", category="spot", orderLinkId="mine")
    assert found["orderStatus"] == "Cancelled"
    assert desk.rows("/v5/order/realtime", category="spot") == []
    assert [row["orderLinkId"] for row in desk.rows("/v5/order/realtime", category="spot", openOnly=1)] == ["mine"]


@pytest.mark.parametrize(
    ("category", "changes", "code"),
    [
        ("spot", {"qty": "100"}, 170131),
        ("linear", {"qty": "900"}, 110007),
        ("spot", {"qty": "0.00001"}, 170140),
        ("linear", {"symbol": "XRPUSDT", "qty": "1", "price": "0.5"}, 110094),
        ("spot", {"qty": "0.0000001"}, 170136),
        ("spot", {"qty": "0.0123456"}, 170137),
        ("linear", {"qty": "0.0015"}, 10001),
        ("spot", {"qty": "10000000"}, 170135),
        ("spot", {"price": "50000.123456"}, 170134),
        ("spot", {"price": "1.0"}, 170133),
        ("linear", {"price": "1.0"}, 110003),
        ("spot", {"symbol": "NOPEUSDT"}, 170121),
        ("spot", {"side": "Hold"}, 10001),
        ("spot", {"price": ""}, 10001),
        ("spot", {"qty": "-1"}, 10001),
        ("spot", {"timeInForce": "GTX"}, 10001),
        ("linear", {"positionIdx": 1}, 10001),
        ("linear", {"reduceOnly": True}, 110017),
        ("inverse", {"symbol": "BTCUSD"}, 10001),
        ("linear", {"takeProfit": "90000"}, 10001),
        ("spot", {"orderLinkId": "x" * 37}, 10001),
    ],
)
def test_bybit_refuses_in_its_own_words(desk, category, changes, code):
    order = wish(desk, "linear" if category == "inverse" else category, **changes) | {"category": category}
    if category == "linear" and "symbol" in changes:
        last = desk.rows("/v5/market/tickers", category="linear", symbol=changes["symbol"])[0]["lastPrice"]
        order["price"] = last

    answer = desk.post(CREATE, **order)

    assert answer["retCode"] == code, answer
    assert desk.account.orders == {}


def test_ccxt_s_errors_are_the_right_ones(open_client):
    client = open_client()
    with pytest.raises(ccxt.InsufficientFunds) as spot:
        client.create_order(SPOT, "market", "buy", 90)
    with pytest.raises(ccxt.OrderNotFound) as unknown:
        client.cancel_order("12345", SPOT)
    with pytest.raises(ccxt.OrderNotFound) as unknown_swap:
        client.cancel_order("12345", SWAP)
    with pytest.raises(ccxt.InsufficientFunds) as swap:
        client.create_order(SWAP, "market", "buy", 90)

    errors = [spot, unknown, unknown_swap, swap]
    assert [code_of(error.value) for error in errors] == [170131, 170213, 110001, 110007]


def test_cancelling_a_filled_order_finds_nothing(open_client):
    client = open_client()
    filled = client.create_order(SPOT, "market", "buy", 0.01)

    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(filled["id"], SPOT)


def test_a_post_only_order_that_would_take_is_accepted_and_cancelled(open_client):
    client = open_client()
    price = client.fetch_ticker(SPOT)["last"] * 1.02
    order = client.create_order(SPOT, "limit", "buy", 0.01, price, {"postOnly": True})

    seen = client.fetch_order(order["id"], SPOT)
    assert (seen["status"], seen["filled"]) == ("canceled", 0)
    assert seen["info"]["rejectReason"] == "EC_PostOnlyWillTakeLiquidity"


def test_fill_or_kill_of_more_than_the_book_fills_nothing(open_client):
    client = open_client("swap", holdings={"unified": {"USDT": "100000000"}})
    price = client.fetch_ticker(SWAP)["ask"]
    order = client.create_order(SWAP, "limit", "buy", 900, price, {"timeInForce": "FOK"})

    seen = client.fetch_order(order["id"], SWAP)
    assert (seen["status"], seen["filled"]) == ("canceled", 0)


def test_an_order_can_be_amended_while_it_rests(open_client):
    client = open_client()
    last = client.fetch_ticker(SPOT)["last"]
    order = client.create_order(SPOT, "limit", "buy", 0.01, last * 0.9)
    client.edit_order(order["id"], SPOT, "limit", "buy", 0.02, last * 0.8)

    [seen] = client.fetch_open_orders(SPOT)
    assert (seen["id"], seen["amount"]) == (order["id"], 0.02)
    assert seen["price"] == pytest.approx(last * 0.8, rel=1e-5)
    assert client.fetch_balance()["USDT"]["used"] == pytest.approx(0.02 * seen["price"])


def test_an_order_whose_price_the_market_reaches_fills_as_maker(sandbox, open_client):
    client = open_client()
    last = client.fetch_ticker("XRP/USDT")["last"]
    order = client.create_order("XRP/USDT", "limit", "buy", 100, last * 0.97)
    sandbox.move_price("XRP/USDT", 0.95)

    seen = client.fetch_order(order["id"], "XRP/USDT")
    assert (seen["status"], seen["filled"]) == ("closed", 100)
    [trade] = client.fetch_my_trades("XRP/USDT")
    assert trade["takerOrMaker"] == "maker"


def test_a_trigger_order_sleeps_until_its_price(sandbox, open_client):
    client = open_client("swap")
    last = client.fetch_ticker("SOL/USDT:USDT")["last"]
    wake = {"triggerPrice": last * 1.05, "triggerDirection": "ascending"}
    order = client.create_order("SOL/USDT:USDT", "market", "buy", 1, None, wake)
    [asleep] = client.fetch_open_orders("SOL/USDT:USDT", params={"trigger": True})
    assert asleep["info"]["orderStatus"] == "Untriggered"

    sandbox.move_price("SOL/USDT", 1.06)
    assert client.fetch_order(order["id"], "SOL/USDT:USDT")["status"] == "closed"


def test_a_trigger_behind_the_market_is_refused(desk):
    order = wish(desk, "linear", triggerPrice="1000", triggerDirection=1)

    assert desk.post(CREATE, **order)["retCode"] == 110092


def test_all_orders_of_a_category_are_cancelled_at_once(open_client):
    client = open_client()
    last = client.fetch_ticker(SPOT)["last"]
    placed = {client.create_order(SPOT, "limit", "buy", 0.001, last * (0.9 - step / 100))["id"] for step in range(3)}

    assert {order["id"] for order in client.cancel_all_orders(SPOT)} == placed
    assert client.fetch_open_orders(SPOT) == []


def test_in_a_batch_every_order_has_its_own_outcome(open_client):
    client = open_client()
    last = client.fetch_ticker(SPOT)["last"]
    good = {"symbol": SPOT, "type": "limit", "side": "buy", "amount": 0.01, "price": last * 0.9}
    orders = client.create_orders([good, good | {"amount": 100}])

    assert [order["status"] for order in orders] == [None, "rejected"]
    assert len(client.fetch_open_orders(SPOT)) == 1
    assert len(client.cancel_orders([orders[0]["id"]], SPOT)) == 1
    assert client.fetch_open_orders(SPOT) == []


def test_pages_of_history_miss_nothing_and_repeat_nothing(desk):
    for _ in range(45):
        placed = desk.post(CREATE, **wish(desk))["result"]
        desk.post("/v5/order/cancel", category="spot", symbol="BTCUSDT", orderId=placed["orderId"])
        desk.pass_time(1000)
    seen, cursor = [], ""
    for _ in range(5):
        result = desk.get("/v5/order/history", category="spot", limit=10, cursor=cursor)["result"]
        seen += [row["orderId"] for row in result["list"]]
        cursor = result["nextPageCursor"]

    assert cursor == ""
    assert seen == [str(order_id) for order_id in reversed(desk.account.orders)]


def test_an_order_placed_between_two_pages_does_not_shift_them(desk):
    for _ in range(4):
        desk.post(CREATE, **wish(desk))
    first = desk.get("/v5/order/realtime", category="spot", limit=2)["result"]
    desk.post(CREATE, **wish(desk))
    second = desk.get("/v5/order/realtime", category="spot", limit=2, cursor=first["nextPageCursor"])["result"]

    ids = [row["orderId"] for row in first["list"] + second["list"]]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 4


def test_history_shows_seven_days_and_refuses_more(desk):
    desk.post(CREATE, **wish(desk, orderType="Market", qty="100"))
    placed_ms = desk.now_ms
    desk.pass_time(8 * DAY_MS)
    path = "/v5/order/history"

    assert desk.rows(path, category="spot") == []
    assert len(desk.rows(path, category="spot", startTime=placed_ms - MINUTE_MS)) == 1
    assert len(desk.rows(path, category="spot", endTime=placed_ms + MINUTE_MS)) == 1
    week = {"startTime": placed_ms - MINUTE_MS, "endTime": placed_ms - MINUTE_MS + 7 * DAY_MS}
    assert len(desk.rows(path, category="spot", **week)) == 1
    assert desk.get(path, category="spot", **week | {"endTime": week["endTime"] + 1})["retCode"] == 10001
    assert (
        desk.get("/v5/execution/list", category="spot", **week | {"endTime": week["endTime"] + 1})["retCode"] == 10001
    )


def test_open_linear_orders_need_a_symbol_or_a_coin(desk):
    desk.post(CREATE, **wish(desk, "linear"))
    path = "/v5/order/realtime"

    assert desk.get(path, category="linear")["retCode"] == 10001
    assert len(desk.rows(path, category="linear", settleCoin="USDT")) == 1
    assert desk.rows(path, category="linear", settleCoin="USDC") == []
    assert len(desk.rows(path, category="linear", baseCoin="BTC")) == 1


def test_spot_and_linear_orders_of_one_symbol_are_kept_apart(desk):
    desk.post(CREATE, **wish(desk, "spot"))
    desk.post(CREATE, **wish(desk, "linear"))

    [spot] = desk.rows("/v5/order/realtime", category="spot", symbol="BTCUSDT")
    [linear] = desk.rows("/v5/order/realtime", category="linear", symbol="BTCUSDT")
    assert spot["orderId"] != linear["orderId"]
    answer = desk.post("/v5/order/cancel", category="spot", symbol="BTCUSDT", orderId=linear["orderId"])
    assert answer["retCode"] == 170213


def test_faults_reach_ccxt_as_they_would(sandbox, open_client):
    client = open_client()
    client.load_markets()
    sandbox.fault(
        "status", host="api.bybit.com", status=200, count=1, body={"retCode": 10016, "retMsg": "Server error"}
    )
    with pytest.raises(ccxt.ExchangeError, match="10016"):
        client.fetch_balance()

    sandbox.fault("maintenance", host="api.bybit.com", count=1)
    with pytest.raises(ccxt.ExchangeError, match="10019"):
        client.fetch_balance()

    sandbox.fault("ban", host="api.bybit.com", count=1)
    with pytest.raises(ccxt.RateLimitExceeded):
        client.fetch_balance()

    sandbox.fault("clock", host="api.bybit.com", offset_ms=9000, count=1)
    with pytest.raises(ccxt.InvalidNonce) as skewed:
        client.fetch_balance()
    assert code_of(skewed.value) == 10002
    assert client.fetch_balance()["total"]["USDT"] == 100_000


def test_an_order_whose_answer_was_lost_was_placed_once(sandbox, open_client):
    client = open_client()
    client.load_markets()
    price = client.fetch_ticker(SPOT)["last"] * 0.9
    client.fetch_balance()
    sandbox.fault("accept_then_drop", host="api.bybit.com", path="/v5/order/create", count=1)
    with pytest.raises(ccxt.NetworkError):
        client.create_order(SPOT, "limit", "buy", 0.01, price, {"clientOrderId": "lost"})

    [order] = client.fetch_open_orders(SPOT, params={"orderLinkId": "lost"})
    assert order["clientOrderId"] == "lost"
