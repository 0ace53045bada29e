"""Bybit lets nobody in who does not sign, is late, comes from elsewhere or comes too often."""

from dataclasses import replace

import pytest

from alphapulse.sandbox.bybit.host import BybitV5
from alphapulse.sandbox.clock import DAY_MS
from alphapulse.sandbox.wire import Call
from tests.alphapulse.sandbox.bybit.desk import Desk

BALANCE = "/v5/account/wallet-balance"
UNIFIED = {"accountType": "UNIFIED"}


def test_a_signed_request_is_answered(desk):
    answer = desk.get(BALANCE, **UNIFIED)

    assert (answer["retCode"], answer["retMsg"]) == (0, "OK")
    assert answer["time"] == desk.now_ms


def test_an_unknown_key_is_10003(desk):
    assert desk.said(desk.ask("GET", BALANCE, UNIFIED, api_key="stranger"))["retCode"] == 10003


def test_a_wrong_secret_is_10004_and_tells_what_should_have_been_signed(desk):
    answer = desk.said(desk.ask("GET", BALANCE, UNIFIED, secret="wrong"))

    assert answer["retCode"] == 10004
    assert f"origin_string[{desk.now_ms}key5000accountType=UNIFIED]" in answer["retMsg"]


def test_a_signature_over_another_query_is_10004(desk):
    signed = desk.ask("GET", BALANCE, {"accountType": "FUND"})
    assert desk.said(signed)["retCode"] != 10004

    headers = {"X-BAPI-API-KEY": "key", "X-BAPI-TIMESTAMP": str(desk.now_ms), "X-BAPI-SIGN": "0" * 64}
    answer = desk.said(desk.send("GET", BALANCE, query="accountType=UNIFIED", headers=headers, remote="127.0.0.1"))
    assert answer["retCode"] == 10004


@pytest.mark.parametrize(
    ("off_ms", "window", "code"),
    [(-4_999, "5000", 0), (-5_001, "5000", 10002), (-5_001, "20000", 0), (999, "5000", 0), (1_001, "5000", 10002)],
)
def test_a_timestamp_may_be_a_window_late_and_a_second_early(desk, off_ms, window, code):
    answer = desk.said(desk.ask("GET", BALANCE, UNIFIED, sent_ms=desk.now_ms + off_ms, window=window))

    assert answer["retCode"] == code
    if code:
        assert f"server_timestamp[{desk.now_ms}],recv_window[5000]" in answer["retMsg"]


def test_a_request_without_the_headers_is_a_parameter_error(desk):
    answer = desk.said(desk.send("GET", BALANCE, query="accountType=UNIFIED", headers={}, remote="127.0.0.1"))

    assert answer["retCode"] == 10001
    assert "openapi sign params error" in answer["retMsg"]


def test_a_key_bound_to_an_address_is_10010_from_another(desk):
    desk.exchange.add_key(desk.account, replace(desk.key, ips=frozenset({"10.0.0.7"})))

    assert desk.get(BALANCE, **UNIFIED)["retCode"] == 10010
    assert desk.said(desk.ask("GET", BALANCE, UNIFIED, remote="10.0.0.7"))["retCode"] == 0


def test_a_key_without_addresses_expires_after_ninety_days(desk):
    info = desk.get("/v5/user/query-api")["result"]
    assert (info["ips"], info["deadlineDay"], info["expiredAt"]) == (["*"], 90, "2027-02-18T12:00:00Z")

    desk.pass_time(90 * DAY_MS + 1)
    assert desk.get(BALANCE, **UNIFIED)["retCode"] == 33004


def test_a_key_with_addresses_does_not_expire(desk):
    desk.exchange.add_key(desk.account, replace(desk.key, ips=frozenset({"127.0.0.1"})))
    desk.pass_time(400 * DAY_MS)

    info = desk.get("/v5/user/query-api")["result"]
    assert (info["ips"], info["expiredAt"]) == (["127.0.0.1"], "1970-01-01T00:00:00Z")


def test_a_read_only_key_says_so_and_may_not_trade(desk):
    desk.exchange.add_key(desk.account, replace(desk.key, can_trade=False))

    assert desk.get("/v5/user/query-api")["result"]["readOnly"] == 1
    order = {"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "100"}
    assert desk.post("/v5/order/create", **order)["retCode"] == 10005
    assert desk.get(BALANCE, **UNIFIED)["retCode"] == 0


def test_a_key_for_one_wallet_is_10005_at_the_other(desk):
    desk.exchange.add_key(desk.account, replace(desk.key, wallets=frozenset({"unified"})))

    assert desk.get(BALANCE, **UNIFIED)["retCode"] == 0
    assert desk.get("/v5/asset/transfer/query-account-coins-balance", accountType="FUND")["retCode"] == 10005
    assert desk.get("/v5/user/query-api")["result"]["permissions"]["Wallet"] == []


def test_a_key_that_may_withdraw_shows_it(desk):
    desk.exchange.add_key(desk.account, replace(desk.key, can_withdraw=True))

    assert "Withdraw" in desk.get("/v5/user/query-api")["result"]["permissions"]["Wallet"]


def test_more_requests_a_second_than_allowed_are_10006_with_the_time_of_the_next(desk):
    path = "/v5/asset/transfer/query-account-coins-balance"
    replies = [desk.ask("GET", path, {"accountType": "FUND"}) for _ in range(6)]

    assert [desk.said(reply)["retCode"] for reply in replies] == [0, 0, 0, 0, 0, 10006]
    assert [reply.headers["X-Bapi-Limit-Status"] for reply in replies] == ["4", "3", "2", "1", "0", "0"]
    assert replies[-1].headers["X-Bapi-Limit"] == "5"
    resets_ms = int(replies[-1].headers["X-Bapi-Limit-Reset-Timestamp"])
    assert desk.now_ms < resets_ms <= desk.now_ms + 1000

    desk.pass_time(1000)
    assert desk.get(path, accountType="FUND")["retCode"] == 0


def _asks(desk: Desk, count: int, remote: str) -> list[int]:
    return [desk.send("GET", "/v5/market/time", headers={}, remote=remote).status for _ in range(count)]


def test_an_address_with_601_requests_in_five_seconds_is_shut_out_for_ten_minutes(desk):
    assert _asks(desk, 601, "10.0.0.1") == [200] * 600 + [403]
    assert _asks(desk, 1, "10.0.0.2") == [200]

    desk.pass_time(9 * 60 * 1000)
    assert _asks(desk, 1, "10.0.0.1") == [403]
    desk.pass_time(60 * 1000 + 1)
    assert _asks(desk, 1, "10.0.0.1") == [200]


def test_forgiving_lifts_what_was_earned(desk):
    _asks(desk, 601, "10.0.0.1")

    desk.host.forgive()

    assert _asks(desk, 1, "10.0.0.1") == [200]


def test_an_unknown_path_is_10017(desk):
    assert desk.get("/v5/market/weather")["retCode"] == 10017
    assert desk.post("/v5/market/time")["retCode"] == 10017


def test_maintenance_and_bans_look_like_bybit_s(desk):
    host: BybitV5 = desk.host
    assert desk.said(host.maintenance(_any_call(desk)))["retCode"] == 10019
    assert host.banned(_any_call(desk), desk.now_ms).status == 403


def _any_call(desk: Desk):
    return Call("GET", "api.bybit.com", "/v5/market/time", "", b"", {}, "127.0.0.1", desk.now_ms)
