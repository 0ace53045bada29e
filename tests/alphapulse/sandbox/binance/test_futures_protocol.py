"""The door of USD-M: keys, signatures, clocks, permissions, weights and order counts."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.alphapulse.sandbox.binance.futures_desk import BTC, KEY, Desk

ACCOUNT = "/fapi/v3/account"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def code(content: Any) -> int:
    assert isinstance(content, Mapping)
    return int(content["code"])


def test_a_request_signed_with_another_secret_is_refused(desk: Desk):
    reply = desk.reply("GET", ACCOUNT, secret="x" * 64)
    assert (reply.status, reply.content) == (
        400,
        {"code": -1022, "msg": "Signature for this request is not valid."},
    )


def test_an_unknown_key_and_a_malformed_one_differ(desk: Desk):
    unknown, malformed = desk.reply("GET", ACCOUNT, key="u" * 64), desk.reply("GET", ACCOUNT, key="not a key")
    assert (unknown.status, code(unknown.content)) == (401, -2015)
    assert (malformed.status, code(malformed.content)) == (401, -2014)


@pytest.mark.parametrize("offset_ms", [-5001, 1500])
def test_a_clock_that_is_off_is_told_so(desk: Desk, offset_ms: int):
    reply = desk.reply("GET", ACCOUNT, timestamp=desk.wall.ms + offset_ms)
    assert (reply.status, code(reply.content)) == (400, -1021)


def test_a_wider_window_forgives_an_old_timestamp(desk: Desk):
    assert desk.reply("GET", ACCOUNT, timestamp=desk.wall.ms - 9000, recvWindow=10_000).status == 200


def test_a_key_for_spot_alone_gets_no_futures_at_all(desk: Desk):
    desk.exchange.add_key(desk.account, replace(desk.account.keys[KEY], wallets=frozenset({"spot"})))
    for method, path in (("GET", ACCOUNT), ("GET", "/fapi/v3/positionRisk"), ("POST", "/fapi/v1/order")):
        reply = desk.reply(method, path)
        assert reply.status == 401
        assert reply.content == {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}


def test_a_key_that_may_only_read_cannot_trade(desk: Desk):
    desk.exchange.add_key(desk.account, replace(desk.account.keys[KEY], can_trade=False))
    assert desk.reply("GET", ACCOUNT).status == 200
    assert code(desk.reply("DELETE", "/fapi/v1/allOpenOrders", symbol=BTC).content) == -2015


def test_public_prices_need_no_key(desk: Desk):
    assert desk.send("GET", "/fapi/v1/ticker/price", f"symbol={BTC}").status == 200


def test_a_path_that_does_not_exist_is_a_page(desk: Desk):
    reply = desk.send("GET", "/fapi/v9/nothing")
    assert (reply.status, reply.content_type) == (404, "text/html")


@pytest.mark.parametrize(
    ("method", "path", "params", "weight"),
    [
        ("GET", "/fapi/v1/ping", {}, 1),
        ("GET", "/fapi/v1/exchangeInfo", {}, 1),
        ("GET", "/fapi/v1/ticker/24hr", {}, 40),
        ("GET", "/fapi/v1/ticker/24hr", {"symbol": BTC}, 1),
        ("GET", "/fapi/v1/ticker/bookTicker", {}, 5),
        ("GET", "/fapi/v1/depth", {"symbol": BTC, "limit": 1000}, 20),
        ("GET", "/fapi/v1/depth", {"symbol": BTC, "limit": 5}, 2),
        ("GET", "/fapi/v1/klines", {"symbol": BTC, "interval": "1m", "limit": 1500}, 10),
        ("GET", "/fapi/v1/klines", {"symbol": BTC, "interval": "1m", "limit": 50}, 1),
        ("GET", "/fapi/v3/account", {}, 5),
        ("GET", "/fapi/v3/positionRisk", {}, 5),
        ("GET", "/fapi/v1/openOrders", {}, 40),
        ("GET", "/fapi/v1/openOrders", {"symbol": BTC}, 1),
        ("GET", "/fapi/v1/income", {}, 30),
        ("GET", "/fapi/v1/userTrades", {"symbol": BTC}, 5),
        ("POST", "/fapi/v1/order", {}, 0),
    ],
)
def test_a_request_costs_what_the_documentation_says(desk: Desk, method: str, path: str, params: dict, weight: int):
    assert desk.reply(method, path, **params).headers["X-MBX-USED-WEIGHT-1M"] == str(weight)


def test_weights_add_up_within_the_minute_and_start_again_in_the_next(desk: Desk):
    desk.reply("GET", ACCOUNT)
    assert desk.reply("GET", ACCOUNT).headers["X-MBX-USED-WEIGHT-1M"] == "10"
    desk.wall.pass_(seconds=60)
    assert desk.reply("GET", ACCOUNT).headers["X-MBX-USED-WEIGHT-1M"] == "5"


def test_2400_a_minute_is_the_limit_then_429_then_418_until_the_ban_ends(desk: Desk):
    statuses = [desk.send("GET", "/fapi/v1/ticker/24hr") for _ in range(61)]
    assert [reply.status for reply in statuses] == [200] * 60 + [429]
    assert code(statuses[-1].content) == -1003
    assert 0 < int(statuses[-1].headers["Retry-After"]) <= 60
    last = [desk.send("GET", "/fapi/v1/ping") for _ in range(desk.engine.config.patience)][-1]
    assert last.status == 418
    assert "IP banned until" in last.content["msg"]  # type: ignore[index]
    desk.wall.pass_(seconds=int(last.headers["Retry-After"]) + 1)
    assert desk.send("GET", "/fapi/v1/ping").status == 200


def test_orders_are_counted_per_account_and_limited_to_300_in_ten_seconds(desk: Desk):
    first = desk.reply("POST", "/fapi/v1/order")
    assert (first.headers["X-MBX-ORDER-COUNT-10S"], first.headers["X-MBX-ORDER-COUNT-1M"]) == ("1", "1")
    for _ in range(299):
        last = desk.reply("POST", "/fapi/v1/order")
    assert last.headers["X-MBX-ORDER-COUNT-10S"] == "300"
    refused = desk.reply("POST", "/fapi/v1/order")
    assert (refused.status, code(refused.content)) == (429, -1015)
    desk.wall.pass_(seconds=10)
    again = desk.reply("POST", "/fapi/v1/order")
    assert again.headers["X-MBX-ORDER-COUNT-10S"] == "1"
    assert int(again.headers["X-MBX-ORDER-COUNT-1M"]) > 300
