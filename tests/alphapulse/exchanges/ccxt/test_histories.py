"""One step of histories: few requests, each list's trouble its own, and nothing that was read in time is lost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from alphapulse.exchanges.ccxt import histories
from alphapulse.exchanges.ccxt.batch import Job
from alphapulse.exchanges.ccxt.whole_history import check_whole, raw_rows
from alphapulse.exchanges.errors import (
    BadResponse,
    CredentialsRejected,
    NotSupported,
    PermissionMissing,
    RateLimited,
    Transient,
)
from alphapulse.exchanges.exchange import REQUESTS_A_STEP
from alphapulse.exchanges.facts import History
from alphapulse.exchanges.reading import Outcome
from alphapulse.types import SyncKind
from tests.alphapulse.exchanges import written
from tests.alphapulse.exchanges.asking import batch, credentials_for, route_to
from tests.alphapulse.exchanges.histories import step, wanted
from tests.alphapulse.exchanges.scripted import Asked, Said, ScriptedExchange

TRADES = "api.binance.com/api/v3/myTrades"
FUTURES_TRADES = "fapi.binance.com/fapi/v1/userTrades"
DEPOSITS = "api.binance.com/sapi/v1/capital/deposit/hisrec"
WITHDRAWALS = "api.binance.com/sapi/v1/capital/withdraw/history"
KEY_CHECK = "api.binance.com/sapi/v1/account/apiRestrictions"
EXECUTIONS = "api.bybit.com/v5/execution/list"

SPOT = wanted("spot", "BTC/USDT")
FUTURES = wanted("usdm", "BTC/USDT:USDT")
DEPOSITED = wanted("deposits")
REJECTED = Said(status=401, json={"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."})


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    monkeypatch.setattr(histories, "PACE", 0)


@pytest.fixture
def binance(exchange: ScriptedExchange) -> ScriptedExchange:
    exchange.answers = written.answers("binance") | {
        name: Said(json=[]) for name in (TRADES, FUTURES_TRADES, DEPOSITS, WITHDRAWALS)
    }
    step(route_to("binance", exchange.base), SyncKind.TRADES, SPOT)  # so that the markets are there
    exchange.asked.clear()
    return exchange


def trade(number: int, **changed) -> dict:
    row = {"symbol": "BTCUSDT", "id": number, "orderId": 1, "price": "35000", "qty": "0.1", "quoteQty": "3500"}
    fee = {"commission": "0.1", "commissionAsset": "BNB", "time": 1_700_000_000_000 + number}
    return row | fee | {"isBuyer": True, "isMaker": False} | changed


def asked(exchange: ScriptedExchange, kind: SyncKind, *wishes, name: str = "binance", seconds: float = 10) -> Outcome:
    job = Job(credentials=credentials_for(name), wanted=wishes)
    (outcome,) = batch(route_to(name, exchange.base), kind, [job], job_deadline=timedelta(seconds=seconds))
    return outcome


def pages_of_trades(size: int):
    """Every page is full, from the id that was asked for."""

    def page(asked: Asked) -> Said:
        return Said(json=[trade(int(asked.query["fromId"]) + n) for n in range(size)])

    return page


# --- How much a step does


def test_a_step_makes_so_many_requests_in_all_and_leaves_the_rest_for_the_next(binance):
    binance.answers[TRADES] = pages_of_trades(1000)
    outcome = asked(binance, SyncKind.TRADES, SPOT, FUTURES)
    (done,) = outcome.steps
    assert len(binance.asked) == REQUESTS_A_STEP
    # Pages overlap by an id: who trades with himself has one twice.
    assert (len(done.rows), done.cursor.page, done.is_caught_up) == (4996, "4996", False)


def test_lists_are_read_in_the_order_in_which_they_are_wanted(binance):
    outcome = asked(binance, SyncKind.TRADES, FUTURES, SPOT)
    assert [each.source for each in outcome.steps] == ["usdm", "spot"]
    assert binance.paths() == [FUTURES_TRADES, TRADES]
    assert all(each.is_caught_up for each in outcome.steps)


def test_the_next_step_goes_on_where_the_last_one_stopped(binance):
    binance.answers[TRADES] = pages_of_trades(1000)
    (first,) = asked(binance, SyncKind.TRADES, SPOT).steps
    binance.answers[TRADES] = lambda asked: Said(json=[trade(int(asked.query["fromId"]))])
    (second,) = asked(binance, SyncKind.TRADES, replace(SPOT, cursor=first.cursor)).steps
    assert [row.trade_id for row in second.rows] == ["4996"]
    assert second.is_caught_up


def test_what_a_dear_request_leaves_of_a_keys_minute_is_not_spent_in_the_same_step(binance):
    binance.answers["api.binance.com/sapi/v1/fiat/orders"] = Said(json={"code": "000000", "total": 0})
    wishes = [wanted("fiat_deposits"), wanted("fiat_withdrawals"), wanted("withdrawals"), DEPOSITED]
    outcome = asked(binance, SyncKind.TRANSFERS, *wishes)
    assert [each.source for each in outcome.steps] == ["fiat_deposits", "deposits"]


def test_nothing_wanted_is_nothing_asked(binance):
    outcome = asked(binance, SyncKind.TRADES)
    assert (outcome.steps, outcome.error, binance.asked) == ((), None, [])


def test_requests_of_an_account_keep_the_exchanges_pace(exchange, monkeypatch):
    pauses = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(histories, "PACE", 1.5)
    monkeypatch.setattr(histories.asyncio, "sleep", sleep)
    exchange.answers = written.answers("bybit") | {
        EXECUTIONS: Said(json={"retCode": 0, "result": {"list": [], "category": "spot", "nextPageCursor": ""}})
    }
    asked(exchange, SyncKind.TRADES, wanted("spot"), name="bybit")
    assert pauses[0] == pytest.approx(1.5 / 50)


# --- What is asked for


def test_ids_are_asked_for_without_a_window_and_windows_without_an_id(binance):
    asked(binance, SyncKind.TRADES, SPOT)
    asked(binance, SyncKind.TRANSFERS, DEPOSITED)
    by_id, by_time = (request.query for request in binance.asked)
    assert (by_id["symbol"], by_id["fromId"], by_id["limit"]) == ("BTCUSDT", "1", "1000")
    assert not {"startTime", "endTime"} & by_id.keys()
    begin, end = (datetime.fromtimestamp(int(by_time[name]) / 1000, UTC) for name in ("startTime", "endTime"))
    # What may still change is read again.
    assert begin <= DEPOSITED.cursor.reached_at - timedelta(days=14)
    assert abs(end - datetime.now(UTC)) < timedelta(seconds=10)


def test_a_bybit_cursor_is_sent_back_with_the_window_it_is_of(exchange):
    row = {"symbol": "BTCUSDT", "side": "Buy", "execType": "Trade", "execFee": "0", "feeCurrency": "BTC"}
    row |= {"execPrice": "1", "execQty": "1", "execValue": "1", "orderId": "1", "execTime": "1700000000000"}

    def page(asked: Asked) -> Said:
        number = int(asked.query.get("cursor", "0"))
        following = str(number + 1) if number < 2 else ""
        rows = [row | {"execId": f"e{number}"}]
        return Said(json={"retCode": 0, "result": {"list": rows, "category": "spot", "nextPageCursor": following}})

    exchange.answers = written.answers("bybit") | {EXECUTIONS: page}
    (done,) = asked(exchange, SyncKind.TRADES, wanted("spot", days=30), name="bybit").steps
    first, second, third, *_ = [each.query for each in exchange.asked if each.path == "/v5/execution/list"]
    assert [row.trade_id for row in done.rows] == ["e0", "e1", "e2"]
    assert (second["cursor"], third["cursor"]) == ("1", "2")
    assert {each["startTime"] for each in (first, second, third)} == {first["startTime"]}
    assert int(first["endTime"]) - int(first["startTime"]) <= 7 * 86_400_000
    assert "execType" not in first


# --- Whose trouble it is


def test_the_trouble_of_one_list_does_not_stop_the_others(binance):
    binance.answers[TRADES] = Said(json=[trade(1, price="many")])
    broken, whole = asked(binance, SyncKind.TRADES, SPOT, FUTURES).steps
    assert isinstance(broken.error, BadResponse)
    assert broken.error.message == "Binance: The trade 1 is not readable: 'many' is not an amount"
    assert "many" in broken.error.payload
    assert (broken.rows, broken.cursor) == ((), SPOT.cursor)
    assert (whole.error, whole.is_caught_up) == (None, True)


def test_pages_before_the_broken_one_are_kept_with_the_cursor_behind_them(binance):
    def page(asked: Asked) -> Said:
        first = int(asked.query["fromId"])
        return Said(json=[trade(first + n) for n in range(1000)]) if first == 1 else Said(raw="<html>")

    binance.answers[TRADES] = page
    (done,) = asked(binance, SyncKind.TRADES, SPOT).steps
    assert isinstance(done.error, BadResponse)
    assert (len(done.rows), done.cursor.page) == (1000, "1000")


def test_a_limit_stops_the_rest_of_the_account(binance):
    binance.answers[FUTURES_TRADES] = Said(status=429, json={"code": -1003, "msg": "Too many requests."})
    outcome = asked(binance, SyncKind.TRADES, SPOT, FUTURES, wanted("margin", "BTC/USDT"))
    assert [each.source for each in outcome.steps] == ["spot", "usdm"]
    assert isinstance(outcome.steps[1].error, RateLimited)
    assert isinstance(outcome.verdict, RateLimited)
    assert outcome.is_served


def test_a_limit_that_met_the_first_request_is_the_accounts(binance):
    binance.answers[TRADES] = Said(status=429, json={"code": -1003, "msg": "Too many requests."})
    outcome = asked(binance, SyncKind.TRADES, SPOT, FUTURES)
    assert isinstance(outcome.error, RateLimited)
    assert binance.paths() == [TRADES]


def test_a_key_without_futures_reads_the_rest(binance):
    binance.answers[FUTURES_TRADES] = REJECTED
    spot, futures = asked(binance, SyncKind.TRADES, SPOT, FUTURES).steps
    assert spot.is_caught_up
    assert isinstance(futures.error, PermissionMissing)
    assert KEY_CHECK not in binance.paths()


def test_when_nothing_was_read_the_key_itself_is_tried(binance):
    binance.answers |= {FUTURES_TRADES: REJECTED, KEY_CHECK: Said(json={"ipRestrict": False})}
    (futures,) = asked(binance, SyncKind.TRADES, FUTURES).steps
    assert isinstance(futures.error, PermissionMissing)
    binance.answers[KEY_CHECK] = REJECTED
    assert isinstance(asked(binance, SyncKind.TRADES, FUTURES).error, CredentialsRejected)


@pytest.mark.parametrize(
    "wish",
    [
        wanted("nowhere"),
        wanted("spot", "NOT/LISTED"),
        wanted("spot"),
        # A market of another list.
        wanted("spot", "BTC/USDT:USDT"),
        wanted("usdm", "BTC/USD:BTC"),
    ],
)
def test_a_list_that_does_not_exist_is_not_asked_for(binance, wish):
    none, other = asked(binance, SyncKind.TRADES, wish, SPOT).steps
    assert isinstance(none.error, NotSupported)
    assert none.cursor == wish.cursor
    assert other.is_caught_up
    assert TRADES in binance.paths()
    assert len([path for path in binance.paths() if "rades" in path]) == 1


def test_who_has_no_part_in_a_list_has_no_such_list_and_the_exchange_no_trouble(binance):
    refused = Said(status=400, json={"code": -1000, "msg": "System abnormality"})
    binance.answers |= {"api.binance.com/sapi/v1/rebate/taxQuery": refused, DEPOSITS: refused}
    (rebates,) = asked(binance, SyncKind.LEDGER, wanted("rebates")).steps
    assert isinstance(rebates.error, NotSupported)
    assert "rebates" in rebates.error.message
    assert isinstance(asked(binance, SyncKind.TRANSFERS, DEPOSITED).error, Transient)


def test_a_kind_that_an_exchange_does_not_tell_is_not_supported(exchange):
    exchange.answers = written.answers("kraken")
    outcome = asked(exchange, SyncKind.FUNDING_PAYMENTS, wanted("spot"), name="kraken")
    assert isinstance(outcome.error, NotSupported)


def test_one_account_in_trouble_costs_no_other(binance):
    def by_key(asked: Asked) -> Said:
        return Said(raw="<html>") if asked.headers["X-MBX-APIKEY"] == "bad-key-of-a-test" else Said(json=[trade(1)])

    binance.answers[TRADES] = by_key
    good = credentials_for("binance")
    jobs = [Job(credentials=who, wanted=[SPOT]) for who in (good, replace(good, api_key="bad-key-of-a-test"), good)]
    outcomes = batch(route_to("binance", binance.base), SyncKind.TRADES, jobs)
    assert [len(outcome.steps[0].rows) for outcome in outcomes] == [1, 0, 1]
    assert isinstance(outcomes[1].verdict, BadResponse)


# --- In time


def test_what_was_read_before_a_deadline_stays(binance):
    binance.answers[FUTURES_TRADES] = Said(json=[], wait=60)
    binance.answers[TRADES] = Said(json=[trade(7)])
    spot, futures = asked(binance, SyncKind.TRADES, SPOT, FUTURES, seconds=1).steps
    assert ([row.trade_id for row in spot.rows], spot.error) == (["7"], None)
    assert type(futures.error) is Transient
    assert futures.cursor == FUTURES.cursor


def test_the_pages_of_a_list_that_got_slow_stay(binance):
    def page(asked: Asked) -> Said:
        first = int(asked.query["fromId"])
        return Said(json=[trade(first + n) for n in range(1000)], wait=0 if first == 1 else 60)

    binance.answers[TRADES] = page
    (done,) = asked(binance, SyncKind.TRADES, SPOT, seconds=1).steps
    assert type(done.error) is Transient
    assert (len(done.rows), done.cursor.page) == (1000, "1000")


def test_a_deadline_before_anything_was_read_is_the_accounts(binance):
    binance.answers[TRADES] = Said(json=[], wait=60)
    outcome = asked(binance, SyncKind.TRADES, SPOT, FUTURES, seconds=1)
    assert (type(outcome.error), outcome.steps) == (Transient, ())


# --- Rows


def test_a_row_that_comes_twice_in_a_step_is_told_once(binance):
    binance.answers[TRADES] = Said(json=[trade(5), trade(5)])
    (done,) = asked(binance, SyncKind.TRADES, SPOT).steps
    assert [row.trade_id for row in done.rows] == ["5"]


def test_two_different_trades_of_one_id_are_refused(binance):
    binance.answers[TRADES] = Said(json=[trade(5), trade(5, qty="0.2")])
    (done,) = asked(binance, SyncKind.TRADES, SPOT).steps
    assert "BTC/USDT 5 twice, and differently" in done.error.message


def test_a_status_that_nobody_has_seen_is_refused_and_named(binance):
    row = {"amount": "1", "coin": "BTC", "status": 77, "txId": "t", "insertTime": 1, "address": "a"}
    binance.answers[DEPOSITS] = Said(json=[row])
    (done,) = asked(binance, SyncKind.TRANSFERS, DEPOSITED).steps
    assert "deposit" in done.error.message
    assert "77" in done.error.message


def test_a_market_that_is_gone_keeps_the_name_that_an_export_gives_it(exchange):
    row = {
        "symbol": "GONEUSDT",
        "side": "Buy",
        "execType": "Trade",
        "execFee": "0.1",
        "feeCurrency": "",
        "orderId": "1",
    }
    row |= {"execPrice": "1", "execQty": "1", "execValue": "1", "execTime": "1700000000000", "execId": "e"}
    exchange.answers = written.answers("bybit")
    for category, symbol in (("spot", "GONE/USDT"), ("linear", "GONE/USDT:USDT")):
        said = {"retCode": 0, "result": {"list": [row], "category": category, "nextPageCursor": ""}}
        exchange.answers[EXECUTIONS] = Said(json=said)
        (done,) = asked(exchange, SyncKind.TRADES, wanted(category, days=3), name="bybit").steps
        assert done.error is None
        assert [(each.symbol, each.amount) for each in done.rows] == [(symbol, Decimal(1))]


def test_an_answer_of_which_ccxt_lost_a_row_is_refused():
    history = History(source="", rows="[]")
    with pytest.raises(BadResponse, match="has 2 rows, of which 1 could be read"):
        check_whole(history, [{}, {}], [{}, {}], [{}])
    check_whole(history, [], [], [])


@pytest.mark.parametrize("document", [{"status": "error"}, {"code": 1}])
def test_what_nobody_has_described_must_have_a_place_for_rows(document):
    with pytest.raises(BadResponse):
        check_whole(History(source=""), document, list(document.values()), [])


@pytest.mark.parametrize(
    ("document", "rows"),
    [({"total": 0}, []), ({"total": "0", "rows": None}, []), ({"total": 1, "rows": [{"a": 1}]}, [{"a": 1}])],
)
def test_a_list_may_be_missing_where_the_answer_says_that_there_is_nothing(document, rows):
    assert raw_rows(History(source="", rows="rows[]", count_at="total"), document) == rows


def test_a_missing_list_of_something_is_refused():
    with pytest.raises(BadResponse):
        raw_rows(History(source="", rows="rows[]", count_at="total"), {"total": 3})
