import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from alphapulse.exchanges.ccxt.batch import AT_ONCE, Job
from alphapulse.exchanges.errors import (
    BadResponse,
    CredentialsRejected,
    Maintenance,
    NotSupported,
    RateLimited,
    Transient,
)
from alphapulse.exchanges.told import usage
from alphapulse.types import Credentials, SyncKind
from tests.alphapulse.exchanges import written
from tests.alphapulse.exchanges.asking import CREDENTIALS, batch, fetch, route_to
from tests.alphapulse.exchanges.scripted import Answer, Asked, Said

ACCOUNT = "api.binance.com/api/v3/account"
KRAKEN_BALANCE = "api.kraken.com/0/private/BalanceEx"


def jobs(count: int) -> list[Job]:
    return [Job(credentials=Credentials(api_key=f"key-number-{n:04}", secret="secret-of-a-test")) for n in range(count)]


def key_of(asked: Asked) -> str:
    return asked.headers.get("X-MBX-APIKEY") or asked.headers.get("API-Key", "")


def test_each_job_has_its_own_outcome_in_the_order_of_the_jobs(exchange):
    exchange.answers = written.answers("binance")
    whole = exchange.answers[ACCOUNT]

    def account(asked: Asked) -> Said:
        number = int(key_of(asked)[-4:])
        if number == 1:
            return Said(json={"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, status=401)
        if number == 2:
            return Said(raw="<html>")
        said = whole(asked)
        said.json["balances"] = [{"asset": "BTC", "free": str(number), "locked": "0"}]
        return said

    exchange.answers[ACCOUNT] = account
    outcomes = batch(route_to("binance", exchange.base), SyncKind.BALANCES, jobs(40))
    assert len(outcomes) == 40
    for number, outcome in enumerate(outcomes):
        assert outcome.error is None
        spot = outcome.readings[0]
        if number in (1, 2):
            assert spot.error is not None
        elif number:
            assert [row.total for row in spot.rows] == [number]


def test_a_slow_account_ends_at_its_deadline_and_keeps_nobody_waiting(exchange):
    exchange.answers = written.answers("binance")
    whole = exchange.answers[ACCOUNT]

    def account(asked: Asked) -> Said:
        said = whole(asked)
        said.seconds_a_byte = 1 if key_of(asked).endswith("0001") else 0
        return said

    route = route_to("binance", exchange.base)
    fetch(route, SyncKind.TICKERS)
    exchange.answers[ACCOUNT] = account
    began = time.monotonic()
    outcomes = batch(route, SyncKind.BALANCES, jobs(3), job_deadline=timedelta(seconds=1))
    assert time.monotonic() - began < 3
    assert type(outcomes[1].error) is Transient
    assert outcomes[1].error.message == "Binance did not finish answering within 1 s."
    assert (outcomes[0].error, outcomes[2].error) == (None, None)


def test_an_answer_that_never_comes_ends_at_the_deadline_too(exchange):
    exchange.answers = written.answers("binance")
    route = route_to("binance", exchange.base)
    fetch(route, SyncKind.TICKERS)
    exchange.answers[ACCOUNT] = Said(wait=20, json={})
    (outcome,) = batch(route, SyncKind.BALANCES, jobs(1), job_deadline=timedelta(seconds=0.5))
    assert type(outcome.error) is Transient


def test_a_wallet_on_a_hanging_host_costs_itself_and_not_what_was_answered_before(exchange):
    exchange.answers = written.answers("binance")
    route = route_to("binance", exchange.base)
    fetch(route, SyncKind.TICKERS)
    exchange.answers["fapi.binance.com/fapi/v3/account"] = Said(wait=20, json={})
    (outcome,) = batch(route, SyncKind.BALANCES, jobs(1), job_deadline=timedelta(seconds=1))
    assert outcome.error is None
    errors = {reading.wallet: reading.error for reading in outcome.readings}
    # One after the other: what comes behind it was not asked for in time.
    assert {wallet for wallet, error in errors.items() if type(error) is Transient} == {"usdm", "coinm"}
    assert {wallet for wallet, error in errors.items() if error is None} >= {"spot", "earn", "funding", "margin"}
    assert {row.currency for row in outcome.readings[0].rows} == {"BTC", "LDO"}


def test_a_batch_ends_at_its_own_deadline_and_keeps_what_was_answered(exchange):
    exchange.answers = written.answers("binance")
    route = route_to("binance", exchange.base)
    fetch(route, SyncKind.TICKERS)
    whole = exchange.answers[ACCOUNT]

    def account(asked: Asked) -> Said:
        said = whole(asked)
        said.wait = 20 if int(key_of(asked)[-4:]) < 2 * AT_ONCE - 5 else 0
        return said

    exchange.answers[ACCOUNT] = account
    began = time.monotonic()
    limits = {"job_deadline": timedelta(seconds=1), "deadline": timedelta(seconds=2.5)}
    outcomes = batch(route, SyncKind.BALANCES, jobs(3 * AT_ONCE), **limits)
    assert time.monotonic() - began < 4
    hanging, others = outcomes[: 2 * AT_ONCE - 5], outcomes[2 * AT_ONCE - 5 :]
    assert {type(outcome.error) for outcome in hanging} == {Transient}
    assert {outcome.error for outcome in others} == {None}


def test_who_gets_no_place_before_the_end_is_transient_too(exchange):
    exchange.answers = written.answers("binance")
    route = route_to("binance", exchange.base)
    fetch(route, SyncKind.TICKERS)
    exchange.answers[ACCOUNT] = Said(wait=20, json={})
    limits = {"job_deadline": timedelta(seconds=20), "deadline": timedelta(seconds=0.5)}
    outcomes = batch(route, SyncKind.BALANCES, jobs(AT_ONCE + 5), **limits)
    assert {type(outcome.error) for outcome in outcomes} == {Transient}


def test_waiting_for_a_serial_keys_turn_counts_towards_the_deadline(exchange):
    exchange.answers = written.answers("kraken")
    route = route_to("kraken", exchange.base)
    fetch(route, SyncKind.TICKERS)
    exchange.answers[KRAKEN_BALANCE] = Said(wait=20, json={})
    began = time.monotonic()
    outcomes = batch(route, SyncKind.BALANCES, [Job(credentials=CREDENTIALS)] * 4, job_deadline=timedelta(seconds=1))
    assert time.monotonic() - began < 2
    assert {type(outcome.error) for outcome in outcomes} == {Transient}


@pytest.mark.parametrize("said", [Said(drops=True), Said(json={"balances": []}, cut=10)])
def test_a_connection_that_breaks_is_transient(exchange, said):
    exchange.answers = written.answers("binance")
    exchange.answers[ACCOUNT] = said
    spot = fetch(route_to("binance", exchange.base), SyncKind.BALANCES)[0]
    assert type(spot.error) is Transient


def test_an_exchange_that_is_not_there_is_transient():
    (outcome,) = batch(route_to("binance", "http://127.0.0.1:9"), SyncKind.BALANCES, jobs(1))
    assert type(outcome.error) is Transient
    assert "Binance" in outcome.error.message


def test_no_more_than_so_many_accounts_are_asked_at_once(exchange):
    exchange.answers = written.answers("binance")
    route = route_to("binance", exchange.base)
    fetch(route, SyncKind.TICKERS)
    under_way: set[str] = set()
    most = 0
    whole = written.answers("binance")

    def seen(asked: Asked) -> Said:
        nonlocal most
        under_way.add(key_of(asked))
        most = max(most, len(under_way))
        said = whole[f"{asked.host}{asked.path}"](asked)
        if asked.host.startswith("dapi"):  # an account's last request
            under_way.discard(key_of(asked))
        said.wait = 0.02
        return said

    exchange.answers = {"*": seen}
    outcomes = batch(route, SyncKind.BALANCES, jobs(60))
    assert all(outcome.error is None for outcome in outcomes)
    assert AT_ONCE - 5 <= most <= AT_ONCE


def test_requests_of_one_serial_key_never_overlap_and_their_nonces_rise(exchange):
    exchange.answers = written.answers("kraken")
    route = route_to("kraken", exchange.base)
    fetch(route, SyncKind.TICKERS)
    spans: list[tuple[float, float]] = []

    def balance(asked: Asked) -> Said:
        spans.append((time.monotonic(), time.monotonic() + 0.02))
        return Said(json={"error": [], "result": {}}, wait=0.02)

    exchange.answers[KRAKEN_BALANCE] = balance
    exchange.asked.clear()
    outcomes = batch(route, SyncKind.BALANCES, [Job(credentials=CREDENTIALS)] * 6)
    assert all(outcome.error is None for outcome in outcomes)
    assert all(later[0] >= earlier[1] for earlier, later in pairwise(spans))
    nonces = [int(asked.body.split("nonce=")[1].split("&")[0]) for asked in exchange.asked]
    assert nonces == sorted(set(nonces))


def test_a_ban_is_heard_by_all_of_a_batch_and_by_the_next_one(exchange):
    exchange.answers = written.answers("binance")
    route = route_to("binance", exchange.base)
    fetch(route, SyncKind.TICKERS)
    exchange.asked.clear()
    ends = int(time.time() * 1000) + 3_600_000
    banned = {"code": -1003, "msg": f"Way too much request weight used; IP banned until {ends}."}
    exchange.answers = {"*": Said(status=418, json=banned, wait=0.05)}
    outcomes = batch(route, SyncKind.BALANCES, jobs(50))
    assert len(exchange.asked) <= AT_ONCE
    until = datetime.fromtimestamp(ends / 1000, UTC)
    assert all(abs(outcome.error.until - until) < timedelta(seconds=2) for outcome in outcomes)
    assert all(outcome.error.is_ban for outcome in outcomes)
    exchange.asked.clear()
    (later,) = batch(route, SyncKind.POSITIONS, jobs(1))
    assert isinstance(later.error, RateLimited)
    assert exchange.asked == []


def test_after_the_named_end_the_exchange_is_asked_again(exchange):
    exchange.answers = written.answers("binance")
    route = route_to("binance", exchange.base)
    fetch(route, SyncKind.TICKERS)
    exchange.answers[ACCOUNT] = Said(status=429, json={"code": -1003, "msg": "x"}, headers={"Retry-After": "1"})
    (first,) = batch(route, SyncKind.BALANCES, jobs(1))
    assert isinstance(first.error, RateLimited)
    exchange.answers = written.answers("binance")
    time.sleep(1.1)
    (second,) = batch(route, SyncKind.BALANCES, jobs(1))
    assert second.error is None


def test_a_gateways_ban_stops_no_other_route(exchange):
    exchange.answers = written.answers("binance")
    one, other = (route_to("binance", exchange.base, egress=name) for name in ("one", "other"))
    fetch(one, SyncKind.TICKERS)
    exchange.answers[ACCOUNT] = Said(status=418, raw="banned")
    assert isinstance(batch(one, SyncKind.BALANCES, jobs(1))[0].error, RateLimited)
    exchange.answers = written.answers("binance")
    assert batch(other, SyncKind.BALANCES, jobs(1))[0].error is None


def test_different_serial_keys_are_asked_at_once(exchange):
    exchange.answers = written.answers("kraken")
    route = route_to("kraken", exchange.base)
    fetch(route, SyncKind.TICKERS)
    exchange.answers[KRAKEN_BALANCE] = Said(json={"error": [], "result": {}}, wait=0.3)
    keys = [Credentials(api_key=f"key-number-{n}", secret=CREDENTIALS.secret) for n in range(10)]
    began = time.monotonic()
    batch(route, SyncKind.BALANCES, [Job(credentials=key) for key in keys])
    assert time.monotonic() - began < 1.5


def test_only_the_wanted_wallets_are_asked_for(exchange):
    exchange.answers = written.answers("binance")
    job = Job(credentials=CREDENTIALS, wallets=["funding"])
    (outcome,) = batch(route_to("binance", exchange.base), SyncKind.BALANCES, [job])
    assert [reading.wallet for reading in outcome.readings] == ["funding"]
    assert ACCOUNT not in exchange.paths()


def test_a_kind_that_ccxt_does_not_have_is_not_supported(exchange):
    exchange.answers = _plain_exchange()
    (outcome,) = batch(route_to("bitvavo", exchange.base), SyncKind.POSITIONS, [Job(credentials=CREDENTIALS)])
    assert isinstance(outcome.error, NotSupported)


def test_an_id_that_is_no_exchange_is_not_supported():
    (outcome,) = batch(route_to("mtgox", "http://127.0.0.1:9"), SyncKind.BALANCES, jobs(1))
    assert isinstance(outcome.error, NotSupported)


def test_an_undescribed_exchange_is_read_with_the_cautious_defaults(exchange):
    exchange.answers = _plain_exchange()
    route = route_to("bitvavo", exchange.base)
    (balances,) = fetch(route, SyncKind.BALANCES)
    assert {(row.currency, str(row.free), str(row.used)) for row in balances.rows} == {
        ("BTC", "1.57593193", "0.74832374")
    }
    (tickers,) = fetch(route, SyncKind.TICKERS)
    assert [(row.symbol, str(row.last)) for row in tickers.rows] == [("BTC/EUR", "30300.5")]
    (markets,) = fetch(route, SyncKind.MARKETS)
    assert [row.symbol for row in markets.rows] == ["BTC/EUR"]


@pytest.mark.parametrize("rows", [[["BTC"]], [{}], [{"symbol": "BTC"}], ["BTC"], [None]])
def test_rows_that_cannot_be_read_are_a_bad_response_and_no_empty_wallet(exchange, rows):
    exchange.answers = _plain_exchange() | {"api.bitvavo.com/v2/balance": Said(json=rows)}
    (reading,) = fetch(route_to("bitvavo", exchange.base), SyncKind.BALANCES)
    assert isinstance(reading.error, BadResponse)
    assert reading.error.payload


def test_a_mistake_of_the_parser_is_a_bad_response_and_no_crash(exchange):
    broken = {"market": "BTC-EUR", "open": "abc", "last": "1", "bid": {}}
    exchange.answers = _plain_exchange() | {"api.bitvavo.com/v2/ticker/24h": Said(json=[broken])}
    (outcome,) = batch(route_to("bitvavo", exchange.base), SyncKind.TICKERS, [Job()])
    assert isinstance(outcome.readings[0].error, BadResponse)


def test_what_the_exchange_says_we_used_is_told_with_its_minute(exchange):
    exchange.answers = written.answers("binance")
    whole = exchange.answers[ACCOUNT]
    exchange.answers[ACCOUNT] = lambda asked: Said(json=whole(asked).json, headers={"X-MBX-USED-WEIGHT-1M": "123"})
    route = route_to("binance", exchange.base)
    assert usage(route) == {}
    batch(route, SyncKind.BALANCES, jobs(1))
    assert usage(route)["spot"].weight == 123
    assert timedelta(0) < usage(route)["spot"].at - usage(route)["spot"].sent_at < timedelta(seconds=5)
    assert abs(usage(route)["spot"].at - datetime.now(UTC)) < timedelta(seconds=5)
    assert "usdm" not in usage(route)


def test_maintenance_stops_the_account_at_once(exchange):
    exchange.answers = written.answers("okx")
    route = route_to("okx", exchange.base)
    fetch(route, SyncKind.TICKERS)
    exchange.asked.clear()
    exchange.answers = {
        "*": Said(json={"code": "50001", "msg": "Service temporarily unavailable", "data": []}, status=503)
    }
    (outcome,) = batch(route, SyncKind.BALANCES, [Job(credentials=CREDENTIALS)])
    assert isinstance(outcome.error, Maintenance)
    assert len(exchange.asked) == 1


def test_a_missing_password_is_the_owners_matter(exchange):
    exchange.answers = written.answers("okx")
    bare = Credentials(api_key="key-of-a-test", secret="secret-of-a-test")
    (outcome,) = batch(route_to("okx", exchange.base), SyncKind.BALANCES, [Job(credentials=bare)])
    assert isinstance(outcome.error, CredentialsRejected)


def _plain_exchange() -> dict[str, Answer]:
    """An exchange that nobody has described; written after https://docs.bitvavo.com/, not recorded."""
    market = {
        "market": "BTC-EUR",
        "status": "trading",
        "base": "BTC",
        "quote": "EUR",
        "pricePrecision": 5,
        "minOrderInBaseAsset": "0.001",
        "minOrderInQuoteAsset": "5",
        "maxOrderInBaseAsset": "1000000000",
        "maxOrderInQuoteAsset": "1000000000",
        "quantityDecimals": 8,
        "notionalDecimals": 2,
        "tickSize": "1.00",
        "maxOpenOrders": 100,
        "orderTypes": ["market", "limit"],
    }
    asset = {"symbol": "BTC", "name": "Bitcoin", "decimals": 8, "depositStatus": "OK", "withdrawalStatus": "OK"}
    ticker = {"market": "BTC-EUR", "open": "30000", "last": "30300.5", "bid": "30300", "ask": "30301", "timestamp": 1}
    return {
        "api.bitvavo.com/v2/time": Said(json={"time": int(time.time() * 1000)}),
        "api.bitvavo.com/v2/markets": Said(json=[market]),
        "api.bitvavo.com/v2/assets": Said(
            json=[asset | {"depositFee": "0", "withdrawalFee": "0", "networks": ["Mainnet"]}]
        ),
        "api.bitvavo.com/v2/balance": Said(
            json=[{"symbol": "BTC", "available": "1.57593193", "inOrder": "0.74832374"}]
        ),
        "api.bitvavo.com/v2/ticker/24h": Said(json=[ticker]),
    }
