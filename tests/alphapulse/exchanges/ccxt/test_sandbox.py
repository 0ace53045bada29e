"""Both big exchanges as the sandbox plays them: what goes wrong, and what comes right again."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import ccxt
import pytest

from alphapulse.exchanges.ccxt.batch import Job
from alphapulse.exchanges.ccxt.client import open_client
from alphapulse.exchanges.errors import (
    BadResponse,
    ClockSkewed,
    CredentialsRejected,
    ExchangeError,
    Maintenance,
    PermissionMissing,
    RateLimited,
    Transient,
)
from alphapulse.exchanges.reading import OpenOrder, Outcome, Reading
from alphapulse.exchanges.route import Route
from alphapulse.exchanges.told import usage
from alphapulse.sandbox.testing import SandboxServer
from alphapulse.types import Credentials, OrderStatus, PositionSide, SyncKind
from tests.alphapulse.exchanges.asking import batch, fetch, route_to, run

EXCHANGES = ["binance", "bybit"]
HOLDINGS = {"USDT": "1000", "BTC": "0.5"}


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    with SandboxServer(markets=20) as server:
        yield server


@pytest.fixture
def sandbox(running: SandboxServer) -> Iterator[SandboxServer]:
    yield running
    running.clear_faults()
    running.forgive()


@pytest.fixture
def exchange_id() -> str:
    return "binance"


@pytest.fixture
def route(sandbox: SandboxServer, request) -> Route:
    """A route of this test's own, so that clocks and tables are its own too."""
    exchange_id = request.getfixturevalue("exchange_id")
    return route_to(exchange_id, sandbox.url, egress=request.node.name)


def account(sandbox: SandboxServer, exchange_id: str = "binance", **wishes) -> Credentials:
    made = sandbox.create_account(exchange_id, **{"holdings": HOLDINGS, **wishes})
    return Credentials(api_key=made.api_key, secret=made.secret)


def trader(sandbox: SandboxServer, exchange_id: str, credentials: Credentials):
    """The account's owner, at work with a plain ccxt client of their own."""
    return sandbox.point(getattr(ccxt, exchange_id)({"apiKey": credentials.api_key, "secret": credentials.secret}))


def by_wallet(readings: tuple[Reading, ...]) -> dict[str, Reading]:
    return {reading.wallet: reading for reading in readings}


def asked(route: Route, kind: SyncKind, credentials: Credentials, seconds: float = 10) -> Outcome:
    (outcome,) = batch(route, kind, [Job(credentials=credentials)], job_deadline=timedelta(seconds=seconds))
    return outcome


def errors(outcome: Outcome) -> list[ExchangeError | None]:
    return [outcome.error] if outcome.error else [reading.error for reading in outcome.readings]


FIRST = {"binance": "spot", "bybit": "unified"}


# --- What is there


@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_a_changed_balance_is_read_at_the_next_look(sandbox, route, exchange_id):
    credentials = account(sandbox, exchange_id)
    before = by_wallet(fetch(route, SyncKind.BALANCES, credentials))[FIRST[exchange_id]]
    assert {row.currency: row.total for row in before.rows} == {"USDT": 1000, "BTC": Decimal("0.5")}
    sandbox.set_balance(exchange_id, credentials.api_key, "BTC", "0.12345678")
    after = by_wallet(fetch(route, SyncKind.BALANCES, credentials))[FIRST[exchange_id]]
    assert {row.currency: row.total for row in after.rows}["BTC"] == Decimal("0.12345678")
    assert before.as_of < after.as_of <= datetime.now(UTC) + timedelta(seconds=1)


@pytest.mark.parametrize(("exchange_id", "wallet"), [("binance", "usdm"), ("bybit", "unified")])
def test_both_legs_of_a_hedge_are_read_and_a_closed_one_is_gone(sandbox, route, exchange_id, wallet):
    credentials = account(sandbox, exchange_id, holdings={"USDT": "100000"})
    for side, amount in (("long", "0.02"), ("short", "-0.03")):
        sandbox.set_position(exchange_id, credentials.api_key, "BTCUSDT", amount, side=side)
    rows = by_wallet(fetch(route, SyncKind.POSITIONS, credentials))[wallet].rows
    assert {(row.symbol, row.side, row.contracts) for row in rows} == {
        ("BTC/USDT:USDT", PositionSide.LONG, Decimal("0.02")),
        ("BTC/USDT:USDT", PositionSide.SHORT, Decimal("0.03")),
    }
    sandbox.set_position(exchange_id, credentials.api_key, "BTCUSDT", 0, side="long")
    rows = by_wallet(fetch(route, SyncKind.POSITIONS, credentials))[wallet].rows
    assert [row.side for row in rows] == [PositionSide.SHORT]


@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_an_order_is_open_then_canceled_and_then_told_so(sandbox, route, exchange_id):
    credentials = account(sandbox, exchange_id)
    owner = trader(sandbox, exchange_id, credentials)
    order_id = owner.create_order("BTC/USDT", "limit", "buy", 0.001, sandbox.price("BTC/USDT") / 2)["id"]
    wallet = FIRST[exchange_id]
    (order,) = by_wallet(fetch(route, SyncKind.ORDERS, credentials))[wallet].rows
    assert (order.order_id, order.status, order.amount) == (order_id, OrderStatus.OPEN, Decimal("0.001"))
    owner.cancel_order(order_id, "BTC/USDT")
    known = [OpenOrder(wallet=wallet, order_id=order_id, symbol="BTC/USDT", last_seen=order)]
    (order,) = by_wallet(fetch(route, SyncKind.ORDERS, credentials, known_orders=known))[wallet].rows
    assert (order.order_id, order.status, order.filled) == (order_id, OrderStatus.CANCELED, 0)


def test_an_order_that_was_filled_is_told_as_closed(sandbox, route):
    credentials = account(sandbox)
    owner = trader(sandbox, "binance", credentials)
    order_id = owner.create_order("BTC/USDT", "limit", "buy", 0.001, sandbox.price("BTC/USDT") / 2)["id"]
    sandbox.fill_order("binance", credentials.api_key, order_id=order_id)
    known = [OpenOrder(wallet="spot", order_id=order_id, symbol="BTC/USDT")]
    (order,) = by_wallet(fetch(route, SyncKind.ORDERS, credentials, known_orders=known))["spot"].rows
    assert (order.status, order.filled) == (OrderStatus.CLOSED, Decimal("0.001"))


# --- Keys


@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_a_removed_key_is_rejected_for_every_kind(sandbox, route, exchange_id):
    credentials = account(sandbox, exchange_id)
    sandbox.remove_key(exchange_id, credentials.api_key)
    for kind in (SyncKind.BALANCES, SyncKind.POSITIONS, SyncKind.ORDERS):
        assert isinstance(asked(route, kind, credentials).error, CredentialsRejected)


@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_a_wrong_secret_is_rejected(sandbox, route, exchange_id):
    credentials = account(sandbox, exchange_id)
    wrong = Credentials(api_key=credentials.api_key, secret="of-somebody-else")
    assert isinstance(asked(route, SyncKind.BALANCES, wrong).error, CredentialsRejected)


def test_a_key_without_futures_reads_the_rest(sandbox, route):
    credentials = account(sandbox, wallets=["spot", "funding"])
    found = by_wallet(asked(route, SyncKind.BALANCES, credentials).readings)
    refused = {wallet for wallet, reading in found.items() if isinstance(reading.error, PermissionMissing)}
    assert refused == {"usdm", "coinm", "margin", "earn-locked"}
    assert (found["spot"].error, found["funding"].error) == (None, None)
    assert found["coinm"].error.message == "Binance: this key may not read the coinm wallet (code -2015)."
    for reading in asked(route, SyncKind.POSITIONS, credentials).readings:
        assert isinstance(reading.error, PermissionMissing)


@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_a_key_that_may_withdraw_is_loudly_warned_of(sandbox, route, exchange_id):
    credentials = account(sandbox, exchange_id, can_withdraw=True)

    async def report():
        return await (await open_client(route, credentials)).check_credentials()

    told = run(report())
    assert told.can_withdraw is True
    assert any("WITHDRAW" in warning for warning in told.warnings)


def checked(route: Route, made):
    credentials = Credentials(api_key=made.api_key, secret=made.secret)

    async def report():
        return await (await open_client(route, credentials)).check_credentials()

    return run(report())


@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_two_keys_of_one_account_tell_that_they_are(sandbox, route, exchange_id):
    first, other = (sandbox.create_account(exchange_id, holdings={"USDT": "1"}) for _ in range(2))
    second = sandbox.put_key(exchange_id, first.account)
    uids = [checked(route, made).exchange_uid for made in (first, second, other)]
    assert uids == [str(first.uid), str(first.uid), str(other.uid)]
    assert first.uid != other.uid


def test_whose_a_binance_key_is_costs_a_check_no_request_more(sandbox, route):
    made = sandbox.create_account("binance", holdings={"USDT": "1"})
    sandbox.forget_requests()
    checked(route, made)
    asked_spot = [each for each in sandbox.requests() if each["path"].endswith("/api/v3/account")]
    assert len(asked_spot) == 1


@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_whose_a_key_is_can_be_asked_with_what_it_may_do(sandbox, route, exchange_id):
    made = sandbox.create_account(exchange_id, holdings={"USDT": "1"})

    async def granted():
        client = await open_client(route, Credentials(api_key=made.api_key, secret=made.secret))
        return await client.key_permissions(ask_owner=True)

    told = run(granted())
    assert (told.exchange_uid, told.can_trade) == (str(made.uid), True)


# --- Clocks


@pytest.mark.parametrize("offset_ms", [90_000, -90_000])
@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_a_clock_that_is_off_from_the_start_never_fails(sandbox, route, exchange_id, offset_ms):
    sandbox.fault("clock", offset_ms=offset_ms)
    outcome = asked(route, SyncKind.BALANCES, account(sandbox, exchange_id))
    assert errors(outcome) == [None] * len(outcome.readings)
    exchange_now = datetime.now(UTC) + timedelta(milliseconds=offset_ms)
    assert abs(outcome.readings[0].as_of - exchange_now) < timedelta(seconds=3)


@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_a_clock_that_goes_off_is_measured_and_the_question_asked_once_more(sandbox, route, exchange_id):
    credentials = account(sandbox, exchange_id)
    assert asked(route, SyncKind.BALANCES, credentials).error is None
    sandbox.fault("clock", offset_ms=-120_000)
    sandbox.forget_requests()
    outcome = asked(route, SyncKind.BALANCES, credentials)
    assert errors(outcome) == [None] * len(outcome.readings)
    refused = [request for request in sandbox.requests() if "time" in request["path"]]
    assert len(refused) == 3


def test_a_clock_that_cannot_be_followed_is_tried_once_more_and_no_longer(sandbox, route):
    credentials = account(sandbox)
    assert asked(route, SyncKind.BALANCES, credentials).error is None
    body = '{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}'
    sandbox.fault("status", path="/api/v3/account", status=400, body=body)
    sandbox.forget_requests()
    outcome = asked(route, SyncKind.BALANCES, credentials)
    assert isinstance(outcome.error, ClockSkewed)
    assert len(sandbox.requests(path="/api/v3/account")) == 2


# --- Limits


def test_429_with_retry_after(sandbox, route):
    credentials = account(sandbox)
    body = '{"code":-1003,"msg":"Too many requests."}'
    assert asked(route, SyncKind.BALANCES, credentials).error is None
    sandbox.fault("status", host="api.binance.com", status=429, body=body, headers={"Retry-After": "30"})
    error = asked(route, SyncKind.BALANCES, credentials).error
    assert isinstance(error, RateLimited)
    assert timedelta(seconds=25) < error.until - datetime.now(UTC) <= timedelta(seconds=30)
    assert not error.is_ban


@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_a_ban_names_its_end_and_nobody_goes_on_asking(sandbox, route, exchange_id):
    credentials = account(sandbox, exchange_id)
    assert asked(route, SyncKind.BALANCES, credentials).error is None
    sandbox.fault("ban", for_s=60)
    sandbox.forget_requests()
    error = asked(route, SyncKind.BALANCES, credentials).error
    assert isinstance(error, RateLimited)
    assert error.until is not None
    assert error.until > datetime.now(UTC) + timedelta(seconds=20)
    assert len(sandbox.requests()) == 1


def test_the_weight_that_binance_counted_is_told(sandbox, route):
    fetch(route, SyncKind.ORDERS, account(sandbox))
    told = usage(route)
    assert told["spot"].weight >= 80
    assert told["usdm"].weight >= 40
    assert abs(told["spot"].at - datetime.now(UTC)) < timedelta(seconds=5)


# --- Trouble on the way


@pytest.mark.parametrize(
    ("kind", "fields", "error"),
    [
        ("html", {}, BadResponse),
        ("truncate", {}, Transient),
        ("status", {"status": 500}, Transient),
        ("status", {"status": 502}, Transient),
        ("reset", {}, Transient),
        ("maintenance", {}, Transient),
    ],
)
@pytest.mark.parametrize("what", [SyncKind.BALANCES, SyncKind.POSITIONS, SyncKind.ORDERS, SyncKind.TICKERS])
@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_trouble_is_no_reading(sandbox, route, exchange_id, what, kind, fields, error):
    credentials = account(sandbox, exchange_id)
    assert asked(route, what, credentials).error is None
    sandbox.fault(kind, **fields)
    found = errors(asked(route, what, credentials))
    assert found
    assert all(isinstance(each, error) for each in found), found
    sandbox.clear_faults()
    assert errors(asked(route, what, credentials))[0] is None


@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_maintenance_is_told_apart(sandbox, route, exchange_id):
    credentials = account(sandbox, exchange_id)
    assert asked(route, SyncKind.BALANCES, credentials).error is None
    sandbox.fault("maintenance")
    assert isinstance(asked(route, SyncKind.BALANCES, credentials).error, Maintenance)


@pytest.mark.parametrize("kind", ["hang", "drip"])
@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_an_answer_that_does_not_end_ends_at_its_deadline(sandbox, route, exchange_id, kind):
    credentials = account(sandbox, exchange_id)
    assert asked(route, SyncKind.BALANCES, credentials).error is None
    sandbox.fault(kind, seconds=1)
    began = time.monotonic()
    outcome = asked(route, SyncKind.BALANCES, credentials, seconds=1)
    assert type(outcome.error) is Transient
    assert time.monotonic() - began < 3


def test_late_answers_are_as_of_when_they_were_asked_for(sandbox, route):
    credentials = account(sandbox)
    assert asked(route, SyncKind.BALANCES, credentials).error is None
    sandbox.fault("latency", seconds=0.5, path="/api/v3/account")
    before = datetime.now(UTC)
    outcome = asked(route, SyncKind.BALANCES, credentials)
    assert abs(outcome.readings[0].as_of - before) < timedelta(seconds=0.3)
