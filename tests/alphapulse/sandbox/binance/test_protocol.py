"""What Binance checks before it does anything: codes, bodies, headers."""

import time

import pytest

from alphapulse.sandbox.testing import SandboxServer
from tests.alphapulse.sandbox.binance.signing import Signer

ACCOUNT = "/api/v3/account"
ORDER = "/api/v3/order"
LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}


@pytest.fixture
def signer(sandbox: SandboxServer) -> Signer:
    return Signer(sandbox, sandbox.create_account("binance", holdings={"USDT": "100000", "BTC": "2"}))


def now_ms() -> int:
    return int(time.time() * 1000)


def price(signer: Signer, factor: float) -> str:
    return f"{signer.sandbox.price('BTC/USDT') * factor:.2f}"


def test_a_signed_request_is_answered(signer: Signer):
    answer = signer.signed("GET", ACCOUNT, omitZeroBalances="true")

    assert answer.status == 200
    assert {row["asset"]: row["free"] for row in answer.body["balances"]} == {
        "USDT": "100000.00000000",
        "BTC": "2.00000000",
    }


def test_zeros_are_there_unless_omitted(signer: Signer):
    balances = signer.signed("GET", ACCOUNT).body["balances"]

    assert len(balances) > 20
    assert {"asset": "ETH", "free": "0.00000000", "locked": "0.00000000"} in balances


def test_a_wrong_secret_is_an_invalid_signature(signer: Signer):
    answer = signer.signed("GET", ACCOUNT, secret="wrong")

    assert (answer.status, answer.body) == (
        400,
        {"code": -1022, "msg": "Signature for this request is not valid."},
    )


def test_any_change_after_signing_is_an_invalid_signature(signer: Signer):
    assert signer.send("GET", ACCOUNT, f"timestamp={now_ms()}&signature={'0' * 64}").code == -1022


def test_a_missing_signature_or_timestamp_is_named(signer: Signer):
    for query, name in ((f"timestamp={now_ms()}", "signature"), ("signature=00", "timestamp")):
        answer = signer.send("GET", ACCOUNT, query)
        assert answer.code == -1102
        assert name in answer.body["msg"]


@pytest.mark.parametrize(("key", "code"), [("", -2014), ("not a key!", -2014), ("f" * 64, -2015)])
def test_keys_that_are_none_are_refused_with_401(signer: Signer, key: str, code: int):
    answer = signer.signed("GET", ACCOUNT, key=key)

    assert (answer.status, answer.code) == (401, code)


@pytest.mark.parametrize(
    ("late_ms", "window", "code"),
    [(4000, None, None), (6000, None, -1021), (6000, 10_000, None), (-500, None, None), (-2500, None, -1021)],
)
def test_the_timestamp_must_lie_in_the_window(signer: Signer, late_ms: int, window: int | None, code: int | None):
    answer = signer.signed("GET", ACCOUNT, timestamp=now_ms() - late_ms, recvWindow=window)

    assert answer.status == (200 if code is None else 400)
    assert code is None or answer.code == code


def test_a_window_over_a_minute_is_refused(signer: Signer):
    assert signer.signed("GET", ACCOUNT, recvWindow=60_001).code == -1131


def test_a_key_for_one_wallet_sees_no_other(sandbox: SandboxServer):
    spot_only = Signer(sandbox, sandbox.create_account("binance", wallets=["spot"]))

    assert spot_only.signed("GET", ACCOUNT).status == 200
    refused = spot_only.signed("POST", "/sapi/v1/asset/get-funding-asset")
    assert (refused.status, refused.code) == (401, -2015)


def test_a_key_that_only_reads_may_not_trade(sandbox: SandboxServer):
    reader = Signer(sandbox, sandbox.create_account("binance", holdings={"USDT": "1000"}, can_trade=False))

    assert reader.signed("GET", "/api/v3/openOrders").status == 200
    assert reader.signed("POST", ORDER, **LIMIT, price=price(reader, 0.9)).code == -2015


def test_a_key_bound_to_other_addresses_is_refused(sandbox: SandboxServer):
    credentials = sandbox.create_account("binance", ips=["127.0.0.2"])

    assert Signer(sandbox, credentials).signed("GET", ACCOUNT).code == -2015
    assert Signer(sandbox, credentials, source="127.0.0.2").signed("GET", ACCOUNT).status == 200


def test_a_key_tells_what_it_may_do(sandbox: SandboxServer):
    credentials = sandbox.create_account("binance", can_withdraw=True, ips=["127.0.0.1"], wallets=["spot"])
    told = Signer(sandbox, credentials).signed("GET", "/sapi/v1/account/apiRestrictions").body

    assert told["enableWithdrawals"] is True
    assert told["ipRestrict"] is True
    assert told["enableFutures"] is False
    assert told["enableSpotAndMarginTrading"] is True


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"symbol": "NOPE"}, -1121, "Invalid symbol"),
        ({"symbol": None}, -1102, "symbol"),
        ({"quantity": None}, -1102, "quantity"),
        ({"timeInForce": None}, -1102, "timeInForce"),
        ({"side": "HOLD"}, -1117, "side"),
        ({"type": "MAGIC"}, -1116, "orderType"),
        ({"timeInForce": "GTX"}, -1115, "timeInForce"),
        ({"quantity": "abc"}, -1100, "quantity"),
        ({"quantity": "0.0000000001"}, -1111, "precision"),
        ({"quantity": "0.000001"}, -1013, "LOT_SIZE"),
        ({"quantity": "0.00001"}, -1013, "NOTIONAL"),
        ({"price": "40000.001"}, -1013, "PRICE_FILTER"),
        ({"price": "1"}, -1013, "PERCENT_PRICE_BY_SIDE"),
        ({"quantity": "100"}, -2010, "insufficient balance"),
        ({"newClientOrderId": "not allowed"}, -1100, "newClientOrderId"),
        ({"type": "LIMIT_MAKER", "price": "high"}, -2010, "immediately match"),
        ({"type": "STOP_LOSS_LIMIT", "stopPrice": "low"}, -2010, "trigger immediately"),
    ],
)
def test_orders_that_make_no_sense_are_refused_with_their_code(
    signer: Signer, changes: dict[str, str | None], code: int, said: str
):
    words = {"high": price(signer, 1.1), "low": price(signer, 0.8)}
    wish = LIMIT | {"price": price(signer, 0.9)} | {name: words.get(text or "", text) for name, text in changes.items()}

    answer = signer.signed("POST", ORDER, **wish)

    assert (answer.status, answer.code) == (400, code)
    assert said in answer.body["msg"]


def test_an_open_order_s_client_id_cannot_be_used_again(signer: Signer):
    wish = LIMIT | {"price": price(signer, 0.9), "newClientOrderId": "mine-1"}
    assert signer.signed("POST", ORDER, **wish).status == 200

    again = signer.signed("POST", ORDER, **wish)

    assert again.body == {"code": -2010, "msg": "Duplicate order sent."}


def test_orders_that_are_not_there(signer: Signer):
    asked = signer.signed("GET", ORDER, symbol="BTCUSDT", origClientOrderId="nope")
    canceled = signer.signed("DELETE", ORDER, symbol="BTCUSDT", orderId=12345)
    unnamed = signer.signed("DELETE", ORDER, symbol="BTCUSDT")

    assert asked.body == {"code": -2013, "msg": "Order does not exist."}
    assert canceled.body == {"code": -2011, "msg": "Unknown order sent."}
    assert unnamed.code == -1102


def test_an_unknown_path_is_a_page_not_json(signer: Signer):
    answer = signer.get("/api/v3/nothing")

    assert answer.status == 404
    assert b"404" in answer.body


@pytest.mark.parametrize(
    ("path", "params", "weight"),
    [
        ("ping", {}, 1),
        ("exchangeInfo", {}, 20),
        ("ticker/24hr", {}, 80),
        ("ticker/24hr", {"symbol": "BTCUSDT"}, 2),
        ("ticker/price", {}, 4),
        ("ticker/bookTicker", {"symbol": "BTCUSDT"}, 2),
        ("depth", {"symbol": "BTCUSDT", "limit": 5000}, 250),
        ("depth", {"symbol": "BTCUSDT"}, 5),
        ("klines", {"symbol": "BTCUSDT", "interval": "1h"}, 2),
    ],
)
def test_each_question_has_its_documented_weight(signer: Signer, path: str, params: dict[str, str], weight: int):
    signer.sandbox.forgive()

    assert signer.get(f"/api/v3/{path}", **params).headers["X-MBX-USED-WEIGHT-1M"] == str(weight)


@pytest.mark.parametrize(
    ("path", "params", "weight"),
    [
        ("account", {}, 20),
        ("openOrders", {}, 80),
        ("openOrders", {"symbol": "BTCUSDT"}, 6),
        ("myTrades", {"symbol": "BTCUSDT"}, 20),
        ("allOrders", {"symbol": "BTCUSDT"}, 20),
    ],
)
def test_private_weights_too(signer: Signer, path: str, params: dict[str, str], weight: int):
    signer.sandbox.forgive()

    assert signer.signed("GET", f"/api/v3/{path}", **params).headers["X-MBX-USED-WEIGHT-1M"] == str(weight)


def test_orders_are_counted_per_account_and_said_in_headers(signer: Signer):
    wish = LIMIT | {"price": price(signer, 0.9)}
    first, second = (signer.signed("POST", ORDER, **wish) for _ in range(2))
    other = Signer(signer.sandbox, signer.sandbox.create_account("binance", holdings={"USDT": "100000"}))

    assert [answer.headers["X-MBX-ORDER-COUNT-1D"] for answer in (first, second)] == ["1", "2"]
    assert int(second.headers["X-MBX-ORDER-COUNT-10S"]) in (1, 2)
    assert other.signed("POST", ORDER, **wish).headers["X-MBX-ORDER-COUNT-1D"] == "1"


def test_over_the_weight_429_says_how_long_to_wait_and_who_goes_on_is_banned():
    with SandboxServer(markets=20, weight_limit=100, patience=2, first_ban_s=120) as sandbox:
        signer = Signer(sandbox, sandbox.create_account("binance"))
        answers = [signer.get("/api/v3/ticker/24hr") for _ in range(5)]
        elsewhere = Signer(sandbox, signer.credentials, source="127.0.0.3").get("/api/v3/ping")

    assert [answer.status for answer in answers] == [200, 429, 429, 418, 418]
    assert 1 <= int(answers[1].headers["Retry-After"]) <= 60
    assert answers[1].code == answers[3].code == -1003
    until_ms = int(answers[3].body["msg"].split("banned until ")[1].split(".")[0])
    assert 100_000 < until_ms - now_ms() <= 121_000
    assert 100 < int(answers[3].headers["Retry-After"]) <= 120
    assert elsewhere.status == 200


def test_more_than_a_hundred_orders_in_ten_seconds_are_too_many(signer: Signer):
    wish = LIMIT | {"price": price(signer, 0.9), "quantity": "0.001"}
    codes = [signer.signed("POST", ORDER, **wish) for _ in range(215)]

    assert any(answer.status == 429 and answer.code == -1015 for answer in codes)
