"""Books calculated by workers that fail, die or are asked too often: what is told of it, and when it is tried again."""

from decimal import Decimal

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.ledger.models import LedgerEntry
from apps.portfolio import tasks
from apps.portfolio.models import Statement
from apps.portfolio.services import bookkeeping, statements
from tests.alphapulse.portfolio.happenings import day, entry, trade, transfer
from tests.apps.api import get, logged_in
from tests.apps.builders import NOON, later
from tests.apps.pasts import tell_at_binance
from tests.apps.portfolio.holdings import holding, tell
from tests.apps.portfolio.ledgers import happen

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

PARAMS = {"environment": "sandbox", "currency": "USDT"}
# What no version of ours ever wrote: nobody can make an event of it.
POISON = {"source": "spot", "entry_id": "x", "kind": "nonsense", "currency": "USDT", "amount": 1, "exchange_at": day(3)}


@pytest.fixture(autouse=True)
def _prices(monkeypatch):
    tell_at_binance(monkeypatch)
    tell()


@pytest.fixture
def at(monkeypatch):
    """Sets the clock so many seconds after noon."""

    def set_to(seconds):
        for place in ("api.pnl", "api.performance", "tasks"):
            monkeypatch.setattr(f"apps.portfolio.{place}.now", lambda: later(seconds))

    set_to(0)
    return set_to


@pytest.fixture
def mine(at):
    account = holding("main", USDT="0")
    happen(account, transfer("deposit 1000 USDT", 1), trade("buy 1 at 100", 2), trade("sell 1 at 130", 3))
    return account


@pytest.fixture
def sent(monkeypatch):
    """The messages that ask a worker: every past is a long one."""
    messages = []
    monkeypatch.setattr(statements, "AT_ONCE", 0)
    monkeypatch.setattr(tasks.keep_books, "delay", lambda **kwargs: messages.append(kwargs["statement_id"]))
    return messages


def asked(**params):
    answer = logged_in().get("/api/portfolio/pnl", PARAMS | params)
    return answer.status_code, answer.json()


def only() -> Statement:
    return Statement.objects.get()


def work(message="first", *, seconds=0, statement=None):
    bookkeeping.work_at((statement or only()).pk, message=message, now=later(seconds))


def poisoned(account):
    LedgerEntry.objects.create(account=account, **POISON)


# --- What cannot be calculated ----------------------------------------------------------------------------------------


def test_what_cannot_be_calculated_says_so_and_is_tried_again_later_and_later(mine, at, sent):
    poisoned(mine)
    assert asked()[1]["state"] == "calculating"
    work()
    # Once again at once: it may have been the machine's fault.
    at(5)
    assert asked()[1]["state"] == "calculating"
    assert len(sent) == 2
    work("second", seconds=5)
    at(10)
    status, answer = asked()
    assert (status, answer["state"], answer["error"]) == (202, "failed", bookkeeping.OURS)
    assert answer["again_at"].startswith("2026-11-21T12:01:05")
    assert len(sent) == 2
    at(70)
    asked()
    work("third", seconds=70)
    assert only().rests_until >= later(70 + 5 * 60)
    assert len(sent) == 3


def test_a_message_that_comes_while_it_rests_changes_nothing(mine, at, sent):
    poisoned(mine)
    asked()
    work()
    work("second", seconds=5)
    work("third", seconds=10)
    assert only().failures == 2


def test_what_was_told_before_is_told_on_with_the_reason_why_it_is_not_newer(mine, at, sent):
    asked()
    work()
    poisoned(mine)
    at(60)
    asked()
    work("second", seconds=60)
    work("third", seconds=61)
    at(65)
    status, answer = asked()
    assert (status, answer["totals"]["realised"]) == (200, "30")
    assert (answer["current"], answer["complete"], answer["made_at"]) == (False, False, "2026-11-21T12:00:00Z")
    [reason] = [reason for reason in answer["reasons"] if reason.startswith("It could not be calculated anew.")]
    assert reason.endswith("It is tried again at 12:02 UTC.")


def test_it_is_right_again_once_the_row_is(mine, at, sent):
    poisoned(mine)
    asked()
    for number in range(3):
        work(str(number), seconds=100 * number)
    LedgerEntry.objects.all().delete()
    at(3600)
    asked()
    work("last", seconds=3600)
    assert (only().error, only().failures) == ("", 0)
    assert asked()[1]["totals"]["realised"] == "30"


def test_a_short_past_that_fails_is_told_too_and_not_calculated_for_every_request(mine, at):
    poisoned(mine)
    for seconds in range(4):
        at(seconds)
        status, answer = asked()
    assert (status, answer["state"], answer["error"]) == (202, "failed", bookkeeping.OURS)
    assert only().failures == 2
    LedgerEntry.objects.all().delete()
    at(120)
    assert asked()[1]["totals"]["realised"] == "30"


@pytest.mark.parametrize(
    ("problem", "words"),
    [(SoftTimeLimitExceeded(), bookkeeping.TOO_LONG), (MemoryError(), bookkeeping.TOO_LARGE)],
)
def test_too_long_and_too_large_are_said_to_be_that(mine, at, sent, monkeypatch, problem, words):
    def value(*_):
        raise problem

    asked()
    monkeypatch.setattr(bookkeeping, "value", value)
    work()
    assert only().error == words


def test_performance_tells_that_the_books_failed(mine, at, sent):
    poisoned(mine)
    client = logged_in()
    client.get("/api/portfolio/performance", PARAMS)
    work()
    work("second", seconds=5)
    at(10)
    assert client.get("/api/portfolio/performance", PARAMS).json()["state"] == "failed"


# --- Workers that die -------------------------------------------------------------------------------------------------


def test_a_worker_that_died_is_followed_by_another_at_once_and_by_a_third_after_a_minute(mine, at, sent, monkeypatch):
    """The broker brings the message of a child that was killed once more."""
    asked()

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(bookkeeping, "_keep", killed)
    with pytest.raises(KeyboardInterrupt):
        work()
    assert (only().begun_at, only().failures) == (NOON, 0)
    with pytest.raises(KeyboardInterrupt):
        work(seconds=20)
    assert (only().begun_at, only().failures) == (later(20), 1)
    # The message comes a third time: nobody begins.
    work(seconds=40)
    assert (only().begun_at, only().failures, only().error) == (None, 2, bookkeeping.LOST)
    at(45)
    assert asked()[1]["error"] == bookkeeping.LOST
    at(101)
    assert asked()[1]["state"] == "calculating"


def test_who_is_at_it_is_left_alone_until_nobody_can_be_at_it_any_more(mine, at, sent):
    asked()
    Statement.objects.update(begun_at=NOON, begun_by="first")
    work("second", seconds=60)
    assert only().made_at is None
    end = bookkeeping.LEASE.total_seconds()
    at(end - 1)
    asked()
    assert len(sent) == 1
    at(end + 1)
    asked()
    work("third", seconds=end + 1)
    assert (only().made_at, len(sent)) == (later(end + 1), 2)


# --- How often --------------------------------------------------------------------------------------------------------


def test_it_rests_nine_times_as_long_as_it_took(mine, at, sent, monkeypatch):
    ticks = iter((100.0, 100.0))
    monkeypatch.setattr(bookkeeping, "monotonic", lambda: next(ticks, 120.0))
    asked()
    work()
    happen(mine, trade("sell 1 at 140", 4))
    at(199)
    status, answer = asked()
    assert (status, answer["current"], answer["made_at"]) == (200, False, "2026-11-21T12:00:00Z")
    assert answer["reasons"][0] == "Something has happened, or prices have come, since: it is being calculated anew."
    assert len(sent) == 1
    at(201)
    asked()
    assert len(sent) == 2


def test_what_waits_for_a_worker_together_is_calculated_together(mine, at, sent, monkeypatch):
    """What things were worth is the same by all methods."""
    for method in ("fifo", "lifo", "average"):
        asked(method=method)
    asked(currency="EUR")
    counted, value = [], bookkeeping.value
    monkeypatch.setattr(bookkeeping, "value", lambda *told: counted.append(told) or value(*told))
    work("of fifo", statement=Statement.objects.get(method="fifo", currency="USDT"))
    assert len(counted) == 1
    assert set(Statement.objects.filter(made_at=NOON).values_list("currency", "method")) == {
        ("USDT", "fifo"),
        ("USDT", "lifo"),
        ("USDT", "average"),
    }
    work("of lifo", statement=Statement.objects.get(method="lifo"), seconds=1)
    assert len(counted) == 1


# --- What is read of it -----------------------------------------------------------------------------------------------


def test_the_number_of_queries_does_not_depend_on_how_much_there_is(mine, at):
    client = logged_in()
    few = _queries(client)
    for number in range(3):
        other = holding(f"other {number}", USDT="0")
        happen(other, *(entry("reward", f"{each + 1} {coin}", 2 + each) for each in range(9) for coin in ("USDT", "X")))
    get(client, "/api/portfolio/pnl", **PARAMS)
    assert _queries(client) == few


def _queries(client):
    get(client, "/api/portfolio/pnl", **PARAMS)
    get(client, "/api/portfolio/performance", **PARAMS)
    counts = []
    for path in ("pnl", "performance"):
        with CaptureQueriesContext(connection) as queries:
            get(client, f"/api/portfolio/{path}", **PARAMS)
        counts.append(len(queries))
    return counts


def test_gaps_are_told_of_what_is_asked_for_however_many_others_there_are(mine, at):
    other = holding("other", USDT="0")
    for number in range(60):
        happen(mine, entry("airdrop", "1 AAA", 2 + number))
    happen(other, entry("airdrop", "2 ZZZ", 80), entry("airdrop", "3 ZZZ", 80.5), entry("airdrop", "4 ZZZ", 90))
    answer = get(logged_in(), "/api/portfolio/pnl", **PARAMS)
    assert len(answer["gaps"]) == 50
    assert [(row["asset"], row["count"]) for row in answer["gap_counts"]] == [("AAA", 60), ("ZZZ", 3)]
    narrowed = get(logged_in(), "/api/portfolio/pnl", **PARAMS, asset="ZZZ")
    assert [(row["asset"], row["amount"], row["count"], row["at"]) for row in narrowed["gaps"]] == [
        ("ZZZ", "5", 2, "2026-03-21T00:00:00Z"),
        ("ZZZ", "4", 1, "2026-03-31T00:00:00Z"),
    ]
    assert get(logged_in(), "/api/portfolio/pnl", **PARAMS, account="other")["gap_counts"] == [
        {"account_id": other.pk, "asset": "ZZZ", "missing": "nothing tells its price then", "count": 3}
    ]
    later_on = get(logged_in(), "/api/portfolio/pnl", **PARAMS, since="2026-03-25")
    assert [(row["asset"], row["count"]) for row in later_on["gap_counts"]] == [("ZZZ", 1)]
    assert "ZZZ: nothing tells its price then (1 times)." in later_on["reasons"]


def test_sums_of_a_span_are_those_of_its_days(mine, at):
    happen(mine, *(entry("reward", f"{number} USDT", 10 + number) for number in range(1, 8)))
    totals = get(logged_in(), "/api/portfolio/pnl", **PARAMS, since="2026-01-12", until="2026-01-15")
    assert (totals["totals"]["reward"], [row["day"] for row in totals["days"]]) == (
        "9",
        ["2026-01-12", "2026-01-13", "2026-01-14"],
    )
    assert Decimal(totals["assets"][0]["total"]) == 9
