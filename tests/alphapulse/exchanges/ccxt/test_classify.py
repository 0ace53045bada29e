"""Every code that is known to mislead, as the exchange sends it, and what becomes of it."""

import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import ccxt.async_support as ccxt
import pytest

from alphapulse.exchanges.catalogue import EXCHANGES
from alphapulse.exchanges.ccxt.answer import Answer, Request
from alphapulse.exchanges.ccxt.batch import Job
from alphapulse.exchanges.ccxt.classify import classified, code_in
from alphapulse.exchanges.errors import (
    BadResponse,
    ClockSkewed,
    CredentialsRejected,
    ExchangeError,
    Maintenance,
    NotSupported,
    PermissionMissing,
    RateLimited,
    Transient,
)
from alphapulse.types import SyncKind
from tests.alphapulse.exchanges import written
from tests.alphapulse.exchanges.asking import batch, credentials_for, route_to
from tests.alphapulse.exchanges.scripted import Said, ScriptedExchange

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def binance(code: int, message: str = "x", status: int = 400, **others) -> Said:
    return Said(json={"code": code, "msg": message}, status=status, **others)


def bybit(code: int, message: str = "x", **others) -> Said:
    return Said(json={"retCode": code, "retMsg": message, "result": {}, "retExtInfo": {}, "time": 1}, **others)


def kraken(error: str) -> Said:
    return Said(json={"error": [error]})


def okx(code: str, message: str = "x", status: int = 200) -> Said:
    return Said(json={"code": code, "msg": message, "data": []}, status=status)


def kucoin(code: str, status: int = 200, **others) -> Said:
    return Said(json={"code": code, "msg": "x"}, status=status, **others)


def gate(label: str, status: int = 400) -> Said:
    return Said(json={"label": label, "message": "x"}, status=status)


def html(status: int) -> Said:
    return Said(raw="<html>x</html>", status=status, headers={"Content-Type": "text/html"})


def outcome_of(exchange: ScriptedExchange, exchange_id: str, said: Said, kind=SyncKind.BALANCES):
    exchange.answers = written.answers(exchange_id)
    route = route_to(exchange_id, exchange.base)
    job = Job(credentials=credentials_for(exchange_id))
    assert batch(route, SyncKind.TICKERS, [job])[0].error is None
    exchange.asked.clear()
    exchange.answers = {"*": said}
    (outcome,) = batch(route, kind, [job])
    return outcome


def error_of(exchange: ScriptedExchange, exchange_id: str, said: Said) -> ExchangeError:
    outcome = outcome_of(exchange, exchange_id, said)
    error = outcome.error or outcome.readings[0].error
    assert error is not None
    return error


CASES = [
    ("binance", binance(-1021, "Timestamp for this request is outside of the recvWindow."), ClockSkewed),
    ("binance", binance(-1003, "Too many requests.", status=429), RateLimited),
    ("binance", binance(-1003, "Way too much request weight used; IP banned until 1.", status=418), RateLimited),
    ("binance", binance(-1003, "Too many requests.", status=400), RateLimited),
    ("binance", binance(-1015, "Too many new orders."), RateLimited),
    ("binance", html(429), RateLimited),
    ("binance", html(418), RateLimited),
    ("binance", html(403), RateLimited),
    ("binance", binance(-1000, "An unknown error occurred"), Transient),
    ("binance", binance(-1000, "An unknown error occurred", status=500), Transient),
    ("binance", binance(-1001, "Internal error; unable to process your request."), Transient),
    ("binance", binance(-1008, "Server is currently overloaded"), Transient),
    ("binance", binance(-1016, "This service is no longer available."), Transient),
    ("binance", html(500), Transient),
    ("binance", html(502), Transient),
    ("binance", html(503), Transient),
    ("binance", html(504), Transient),
    ("binance", binance(-2014, "API-key format invalid.", status=401), CredentialsRejected),
    ("binance", binance(-2015, "Invalid API-key, IP, or permissions for action.", status=401), CredentialsRejected),
    ("binance", binance(-3003, "Margin account does not exist."), PermissionMissing),
    ("binance", binance(-1121, "Invalid symbol."), NotSupported),
    ("binance", binance(-3027, "Not a valid margin asset."), NotSupported),
    ("binance", binance(-3028, "Not a valid margin pair."), NotSupported),
    ("binance", binance(-1022, "Signature for this request is not valid."), CredentialsRejected),
    (
        "binance",
        Said(json={"code": 0, "msg": "Service unavailable from a restricted location"}, status=451),
        PermissionMissing,
    ),
    ("binance", binance(-9999, "never seen"), BadResponse),
    ("bybit", bybit(10002, "invalid request, please check your server timestamp"), ClockSkewed),
    ("bybit", bybit(10006, "Too many visits!"), RateLimited),
    ("bybit", bybit(10018, "Exceeded the IP Rate Limit."), RateLimited),
    ("bybit", bybit(10009, "IP has been banned"), RateLimited),
    ("bybit", html(403), RateLimited),
    ("bybit", html(429), RateLimited),
    ("bybit", bybit(10016, "Server error."), Transient),
    ("bybit", bybit(10000, "Server Timeout"), Transient),
    ("bybit", bybit(10019, "ip restarting"), Maintenance),
    ("bybit", bybit(10003, "API key is invalid."), CredentialsRejected),
    ("bybit", bybit(10004, "error sign!"), CredentialsRejected),
    ("bybit", bybit(10010, "Unmatched IP"), CredentialsRejected),
    ("bybit", bybit(33004, "Your api key has expired."), CredentialsRejected),
    ("bybit", bybit(10005, "Permission denied"), PermissionMissing),
    ("bybit", bybit(10028, "The API can only be accessed by unified account users."), NotSupported),
    ("kraken", kraken("EAPI:Rate limit exceeded"), RateLimited),
    ("kraken", kraken("EGeneral:Temporary lockout"), RateLimited),
    ("kraken", kraken("EService:Throttled: 1700000000"), RateLimited),
    ("kraken", kraken("EAPI:Invalid nonce"), Transient),
    ("kraken", kraken("EService:Unavailable"), Transient),
    ("kraken", kraken("EService:Busy"), Transient),
    ("kraken", kraken("EService:Market in cancel_only mode"), Maintenance),
    ("kraken", kraken("EAPI:Invalid key"), CredentialsRejected),
    ("kraken", kraken("EAPI:Invalid signature"), CredentialsRejected),
    ("kraken", kraken("EGeneral:Permission denied"), PermissionMissing),
    ("kraken", kraken("EAPI:Feature disabled"), NotSupported),
    ("kraken", html(520), Transient),
    ("okx", okx("50102", "Timestamp request expired", status=401), ClockSkewed),
    ("okx", okx("50011", "Too Many Requests", status=429), RateLimited),
    ("okx", okx("50001", "Service temporarily unavailable", status=503), Maintenance),
    ("okx", okx("50013", "Systems are busy"), Transient),
    ("okx", okx("50111", "Invalid OK-ACCESS-KEY", status=401), CredentialsRejected),
    ("okx", okx("50105", "Request header OK-ACCESS-PASSPHRASE incorrect.", status=401), CredentialsRejected),
    ("okx", okx("50110", "IP not whitelisted", status=401), CredentialsRejected),
    ("okx", okx("50120", "No permission"), PermissionMissing),
    ("kucoin", kucoin("400002"), ClockSkewed),
    ("kucoin", kucoin("429000", status=429), RateLimited),
    ("kucoin", kucoin("400003", status=401), CredentialsRejected),
    ("kucoin", kucoin("400006", status=401), CredentialsRejected),
    ("kucoin", kucoin("400007", status=403), PermissionMissing),
    ("gate", gate("TOO_MANY_REQUESTS", status=429), RateLimited),
    ("gate", gate("INVALID_KEY", status=401), CredentialsRejected),
    ("gate", gate("FORBIDDEN", status=403), PermissionMissing),
    ("gate", gate("SERVER_ERROR", status=500), Transient),
    ("gate", gate("REQUEST_EXPIRED", status=403), ClockSkewed),
    ("coinbase", Said(raw="Unauthorized\n", status=401, headers={"Content-Type": "text/plain"}), CredentialsRejected),
    ("coinbase", Said(json={"error": "PERMISSION_DENIED", "message": "x"}, status=403), PermissionMissing),
    ("coinbase", Said(json={"error": "rate_limit_exceeded", "message": "x"}, status=429), RateLimited),
    ("coinbase", Said(raw="upstream connect error", status=503), Transient),
]


@pytest.mark.parametrize(
    ("exchange_id", "said", "error"),
    [pytest.param(*case, id=f"{case[0]} {case[1].status} {code_in(case[1].json)}") for case in CASES],
)
def test_a_failure_is_sorted_by_what_to_do(exchange, exchange_id, said, error):
    found = error_of(exchange, exchange_id, said)
    assert type(found) is error, repr(found)
    assert found.code == code_in(said.json)
    assert "signature=" not in found.message
    assert "http" not in found.message


# --- How long to stay away


def test_retry_after_is_read_from_the_headers(exchange):
    said = binance(-1003, "Too many requests.", status=429, headers={"Retry-After": "17"})
    error = error_of(exchange, "binance", said)
    assert timedelta(seconds=15) < error.until - datetime.now(UTC) <= timedelta(seconds=17)
    assert not error.is_ban


def test_retry_after_may_be_a_date(exchange):
    ends = datetime.now(UTC) + timedelta(seconds=90)
    said = binance(-1003, "x", status=429, headers={"Retry-After": format_datetime(ends, usegmt=True)})
    assert abs(error_of(exchange, "binance", said).until - ends) < timedelta(seconds=2)


@pytest.mark.parametrize("nonsense", ["soon", "-5", "1.5.2"])
def test_a_retry_after_that_says_nothing_is_the_usual_minute(exchange, nonsense):
    said = binance(-1003, "x", status=429, headers={"Retry-After": nonsense})
    assert about(error_of(exchange, "binance", said).until, timedelta(minutes=1))


def test_the_end_of_a_ban_is_read_from_the_body(exchange):
    ends = int(time.time() * 1000) + 300_000
    said = binance(-1003, f"Way too much request weight used; IP banned until {ends}. Please use WebSocket", status=418)
    error = error_of(exchange, "binance", said)
    assert abs(error.until - datetime.fromtimestamp(ends / 1000, UTC)) < timedelta(seconds=2)
    assert error.is_ban


def test_a_418_without_a_word_is_a_ban_too(exchange):
    assert error_of(exchange, "binance", html(418)).is_ban


def test_the_later_of_two_named_ends_counts(exchange):
    ends = int(time.time() * 1000) + 600_000
    said = binance(-1003, f"IP banned until {ends}.", status=418, headers={"Retry-After": "5"})
    assert error_of(exchange, "binance", said).until > datetime.now(UTC) + timedelta(seconds=590)


def test_an_absurd_wait_is_cut_to_the_longest_that_there_is(exchange):
    said = binance(-1003, "IP banned until 9999999999999.", status=418)
    assert about(error_of(exchange, "binance", said).until, timedelta(days=3))


@pytest.mark.parametrize(
    ("exchange_id", "said", "wait"),
    [
        ("binance", html(418), timedelta(minutes=5)),
        ("binance", binance(-1003, "Too many requests.", status=429), timedelta(minutes=1)),
        ("bybit", bybit(10006, "Too many visits!"), timedelta(seconds=5)),
        ("okx", html(429), timedelta(minutes=1)),
        ("bitvavo", html(429), timedelta(minutes=1)),
    ],
)
def test_a_limit_without_a_named_end_has_one_all_the_same(exchange, exchange_id, said, wait):
    exc = ccxt.RateLimitExceeded()
    exc.answer = Answer(
        request=Request(method="GET", url="https://x", headers={}, body=None),
        status=said.status,
        headers={},
        text=said.raw or json.dumps(said.json),
        document=said.json,
        sent_at=datetime.now(UTC),
        received_at=datetime.now(UTC),
        credentials=(),
    )
    assert about(classified(exc, exchange_id, now=datetime.now(UTC)).until, wait)


def about(until: datetime, wait: timedelta) -> bool:
    return abs(until - datetime.now(UTC) - wait) < timedelta(seconds=2)


def test_a_pause_that_an_exchange_in_trouble_asks_for_is_told(exchange):
    said = Said(raw="<html>", status=503, headers={"Retry-After": "900"})
    error = error_of(exchange, "binance", said)
    assert type(error) is Transient
    assert about(error.until, timedelta(minutes=15))


def test_headers_that_every_answer_carries_are_no_pause(exchange):
    said = bybit(
        10016, "Service error.", headers={"X-Bapi-Limit-Reset-Timestamp": str(int(time.time() * 1000) + 3_000)}
    )
    assert error_of(exchange, "bybit", said).until is None


@pytest.mark.parametrize("status", [401, 407, 511])
@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_a_page_of_something_in_between_says_nothing_about_a_key(exchange, exchange_id, status):
    error = error_of(exchange, exchange_id, html(status))
    assert type(error) is Transient
    assert "between us and the exchange" in error.message


def test_bybit_names_its_reset_in_a_header(exchange):
    resets = int(time.time() * 1000) + 3_000
    said = bybit(10006, "Too many visits!", headers={"X-Bapi-Limit-Reset-Timestamp": str(resets)})
    assert abs(error_of(exchange, "bybit", said).until - datetime.now(UTC)) < timedelta(seconds=4)


def test_a_bybit_403_is_ten_minutes(exchange):
    until = error_of(exchange, "bybit", html(403)).until
    assert timedelta(minutes=9) < until - datetime.now(UTC) <= timedelta(minutes=10)


def test_a_kraken_throttle_names_its_end(exchange):
    ends = int(time.time()) + 60
    error = error_of(exchange, "kraken", kraken(f"EService:Throttled: {ends}"))
    assert error.until == datetime.fromtimestamp(ends, UTC)


def test_kucoin_counts_down_in_a_header(exchange):
    error = error_of(exchange, "kucoin", kucoin("429000", status=429, headers={"gw-ratelimit-reset": "2500"}))
    assert timedelta(seconds=1) < error.until - datetime.now(UTC) <= timedelta(seconds=2.5)


# --- What stops an account, and what only a wallet


def test_a_rate_limit_stops_the_account_at_once(exchange):
    outcome = outcome_of(exchange, "binance", html(429))
    assert isinstance(outcome.error, RateLimited)
    assert len(exchange.asked) == 1


def test_a_wallet_without_permission_does_not_stop_the_others(exchange):
    exchange.answers = written.answers("binance")
    exchange.answers["fapi.binance.com/fapi/v3/account"] = binance(-2015, "Invalid API-key, IP, or permissions", 401)
    (outcome,) = batch(
        route_to("binance", exchange.base), SyncKind.BALANCES, [Job(credentials=credentials_for("binance"))]
    )
    assert outcome.error is None
    errors = {reading.wallet: reading.error for reading in outcome.readings}
    assert (errors["spot"], errors["funding"]) == (None, None)
    assert isinstance(errors["usdm"], PermissionMissing)


def test_a_key_that_may_not_read_futures_is_not_a_dead_key(exchange):
    exchange.answers = written.answers("binance")
    exchange.answers["fapi.binance.com/fapi/v3/positionRisk"] = binance(
        -2015, "Invalid API-key, IP, or permissions", 401
    )
    (outcome,) = batch(
        route_to("binance", exchange.base), SyncKind.POSITIONS, [Job(credentials=credentials_for("binance"))]
    )
    assert outcome.error is None
    assert isinstance(outcome.readings[0].error, PermissionMissing)


def test_a_dead_key_is_rejected_whatever_it_is_asked_for(exchange):
    outcome = outcome_of(exchange, "binance", binance(-2015, "Invalid API-key", 401), kind=SyncKind.POSITIONS)
    assert isinstance(outcome.error, CredentialsRejected)


def test_one_wallet_that_cannot_be_reached_leaves_the_others(exchange):
    exchange.answers = written.answers("binance")
    exchange.answers["fapi.binance.com/fapi/v3/account"] = html(502)
    (outcome,) = batch(
        route_to("binance", exchange.base), SyncKind.BALANCES, [Job(credentials=credentials_for("binance"))]
    )
    errors = {reading.wallet: reading.error for reading in outcome.readings}
    assert isinstance(errors.pop("usdm"), Transient)
    assert set(errors.values()) == {None}


def test_a_rejected_wallet_beside_an_unreachable_one_proves_nothing(exchange):
    exchange.answers = written.answers("binance")
    exchange.answers["api.binance.com/api/v3/account"] = html(502)
    for host, path in {
        ("api.binance.com", "sapi/v1/asset/get-funding-asset"),
        ("api.binance.com", "sapi/v1/margin/account"),
        ("api.binance.com", "sapi/v1/simple-earn/locked/position"),
        ("fapi.binance.com", "fapi/v3/account"),
        ("dapi.binance.com", "dapi/v1/account"),
    }:
        exchange.answers[f"{host}/{path}"] = binance(-2015, "Invalid API-key", 401)
    (outcome,) = batch(
        route_to("binance", exchange.base), SyncKind.BALANCES, [Job(credentials=credentials_for("binance"))]
    )
    assert type(outcome.error) is Transient


# --- ccxt's own classes, where there is no answer to look at


@pytest.mark.parametrize(
    ("exc", "error"),
    [
        (ccxt.OnMaintenance("x"), Maintenance),
        (ccxt.RateLimitExceeded("x"), RateLimited),
        (ccxt.DDoSProtection("x"), RateLimited),
        (ccxt.InvalidNonce("x"), ClockSkewed),
        (ccxt.PermissionDenied("x"), PermissionMissing),
        (ccxt.AccountSuspended("x"), CredentialsRejected),
        (ccxt.AuthenticationError("x"), CredentialsRejected),
        (ccxt.NotSupported("x"), NotSupported),
        (ccxt.ArgumentsRequired("x"), NotSupported),
        (ccxt.RequestTimeout("x"), Transient),
        (ccxt.ExchangeNotAvailable("x"), Transient),
        (ccxt.OperationFailed("x"), Transient),
        (ccxt.NullResponse("x"), BadResponse),
        (ccxt.BadSymbol("x"), BadResponse),
        (ccxt.ExchangeError("x"), BadResponse),
        (KeyError("secret-of-somebody"), BadResponse),
        (TypeError("secret-of-somebody"), BadResponse),
    ],
)
def test_a_class_is_the_second_choice(exc, error):
    found = classified(exc, "binance", now=NOW)
    assert type(found) is error
    assert found.message.startswith("Binance: ")
    assert "secret-of-somebody" not in found.message


def test_our_own_errors_pass_as_they_are():
    ours = NotSupported("x")
    assert classified(ours, "binance", now=NOW) is ours


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"code": -1021}, "-1021"),
        ({"retCode": 10006, "code": 1}, "10006"),
        ({"error": ["EAPI:Invalid key", "other"]}, "EAPI:Invalid key"),
        ({"label": "INVALID_KEY", "message": "x"}, "INVALID_KEY"),
        ({"code": True}, ""),
        ({"error": []}, ""),
        ([{"code": 1}], ""),
        (None, ""),
    ],
)
def test_the_code_is_where_exchanges_put_it(document, code):
    assert code_in(document) == code
