"""Since when everything is known: only what is proven."""

from datetime import date, datetime, timedelta

import pytest

from alphapulse.exchanges.errors import NotSupported, PermissionMissing, Transient
from alphapulse.exchanges.facts import History
from alphapulse.types import SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import HistoryCursor
from apps.ledger.services import cursors, sweep
from apps.ledger.services.coverage import Coverage, coverage
from apps.ledger.services.histories import AccountSteps, store_steps
from apps.ledger.services.sightings import note
from tests.apps.builders import NOON, account, later
from tests.apps.pasts import LISTS, Past, list_markets, tell_at_binance
from tests.events import trade

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

TRADES, ORDERS, TRANSFERS = SyncKind.TRADES, SyncKind.CLOSED_ORDERS, SyncKind.TRANSFERS
NOTHING = Past(events={})


@pytest.fixture(autouse=True)
def _lists(monkeypatch):
    tell_at_binance(monkeypatch)


@pytest.fixture
def mine() -> ExchangeAccount:
    list_markets("ADA/USDT", "BTC/USDT", "XRP/USDT")
    return account(history_from=date(2024, 1, 1))


START = datetime.fromisoformat("2024-01-01T00:00:00+00:00")


def known(of: ExchangeAccount, kind: SyncKind = TRADES, *, named: bool = False) -> Coverage:
    (found,) = [each for each in coverage([of], named=named) if each.kind is kind]
    return found


def read(of: ExchangeAccount, kind: SyncKind = TRADES, past: Past = NOTHING, at=NOON, **of_step) -> None:
    asked = cursors.wanted(kind, [of], at)[of.pk]
    steps = past.steps(asked, **of_step)
    told = AccountSteps(account=of, wanted=asked, steps=steps, rest=timedelta(minutes=5))
    store_steps(kind, [told], asked_at=at, now=at)


def look_everywhere(of: ExchangeAccount, past: Past = NOTHING, at=NOON) -> None:
    while looks := sweep.looks([of], at).get(of.pk):
        sweep.store(of, looks, past.steps(looks.wanted), at)


def test_a_list_of_all_markets_is_complete_when_its_end_was_reached(mine):
    assert (known(mine, TRANSFERS).complete_since, known(mine, TRANSFERS).progress) == (None, "not begun")
    read(mine, TRANSFERS)
    assert (known(mine, TRANSFERS).complete_since, known(mine, TRANSFERS).progress) == (START, "")


def test_fills_are_complete_when_the_likely_markets_were_read_and_the_others_swept(mine):
    note({(mine.pk, "spot"): {"BTC", "USDT"}})
    long = Past(events={("spot", "BTC/USDT"): [trade(str(number), at=later(number)) for number in range(5)]})
    read(mine, past=long, requests=1)
    behind = known(mine, named=True)
    # The fills were the first to see the market itself.
    progress = "1 of 1 lists to be read on, new markets to be asked, 0 of ? markets swept"
    assert (behind.complete_since, behind.progress) == (None, progress)
    assert [row.symbol for row in behind.first_behind] == ["BTC/USDT"]
    read(mine, past=long)
    assert known(mine).complete_since is None
    looks = sweep.looks([mine], NOON)[mine.pk]
    sweep.store(mine, looks, NOTHING.steps(looks.wanted[:1]), NOON)
    assert known(mine).progress == "1 of 3 markets swept"
    look_everywhere(mine)
    assert (known(mine).complete_since, known(mine).progress) == (START, "")


def test_what_the_sweep_finds_is_to_be_read_first(mine):
    found = Past(events={("spot", "XRP/USDT"): [trade(str(n), "XRP/USDT", at=later(n)) for n in range(30)]})
    look_everywhere(mine, found)
    assert (known(mine).complete_since, known(mine).behind) == (None, 1)
    # Its orders are not even asked for yet.
    assert known(mine, ORDERS).complete_since is None
    for _ in range(3):
        read(mine, past=found)
        read(mine, ORDERS)
    assert (known(mine).complete_since, known(mine, ORDERS).complete_since) == (START, START)


def test_of_an_account_in_which_nothing_was_ever_seen_nothing_is_missing_once_it_is_swept(mine):
    read(mine)
    assert known(mine).complete_since is None
    look_everywhere(mine)
    assert (known(mine).complete_since, known(mine, ORDERS).complete_since) == (START, START)


def test_what_is_seen_for_the_first_time_may_have_a_past_until_its_markets_were_read(mine):
    note({(mine.pk, "spot"): {"BTC", "USDT"}})
    for kind in (TRADES, ORDERS):
        read(mine, kind)
    look_everywhere(mine)
    assert [known(mine, kind).complete_since for kind in (TRADES, ORDERS)] == [START, START]
    note({(mine.pk, "spot"): {"XRP"}})
    assert [known(mine, kind).complete_since for kind in (TRADES, ORDERS)] == [None, None]
    assert known(mine, ORDERS).progress == "new markets to be asked"
    # The trades' step makes the orders' cursors, too: nobody calls them complete before they were read.
    read(mine, TRADES)
    assert [known(mine, kind).complete_since for kind in (TRADES, ORDERS)] == [START, None]
    assert known(mine, ORDERS).progress == "1 of 2 lists to be read on"
    read(mine, ORDERS)
    assert known(mine, ORDERS).complete_since == START


def test_without_the_exchanges_markets_nothing_that_was_seen_is_called_followed():
    mine = account(history_from=date(2024, 1, 1))
    note({(mine.pk, "spot"): {"BTC", "USDT"}})
    read(mine)
    assert known(mine).progress == "new markets to be asked, 0 of ? markets swept"
    list_markets("BTC/USDT")
    read(mine, ORDERS)
    assert known(mine).progress == "1 of 1 lists to be read on, 0 of ? markets swept"


def test_another_round_of_the_sweep_takes_nothing_back(mine):
    look_everywhere(mine)
    again = NOON + timedelta(days=31)
    looks = sweep.looks([mine], again)[mine.pk]
    sweep.store(mine, looks, NOTHING.steps(looks.wanted[:1]), again)
    assert known(mine).complete_since == START


def test_a_list_that_fails_is_named_and_keeps_the_rest_from_being_called_complete(mine):
    read(mine, TRANSFERS, Past(events={}, errors={("deposits", ""): Transient("no answer")}))
    told = known(mine, TRANSFERS, named=True)
    assert told.complete_since is None
    assert [(row.source, row.status, row.error) for row in told.troubles] == [("deposits", "failed", "no answer")]


@pytest.mark.parametrize(
    ("error", "status"), [(PermissionMissing("no"), "not permitted"), (NotSupported("gone"), "not offered")]
)
def test_what_cannot_be_had_is_named_and_counts_for_nothing(monkeypatch, error, status):
    tell_at_binance(monkeypatch, transfers=(History(source="fiat", costs={"sapi": 1}), *LISTS[TRANSFERS]))
    mine = account(history_from=date(2024, 1, 1))
    read(mine, TRANSFERS, Past(events={}, errors={("fiat", ""): error}))
    told = known(mine, TRANSFERS, named=True)
    assert told.complete_since == START
    assert [(row.source, row.status) for row in told.troubles] == [("fiat", status)]


def test_all_is_complete_only_since_the_last_source_is(monkeypatch):
    month = History(source="short", costs={"sapi": 1}, keeps=timedelta(days=30))
    tell_at_binance(monkeypatch, transfers=(month, *LISTS[TRANSFERS]))
    mine = account(history_from=date(2024, 1, 1))
    read(mine, TRANSFERS)
    told = known(mine, TRANSFERS)
    assert {source.source: source.complete_since for source in told.sources} == {
        "short": HistoryCursor.objects.get(source="short").start_at,
        "deposits": START,
    }
    assert told.complete_since == HistoryCursor.objects.get(source="short").start_at > NOON - timedelta(days=31)


def test_many_accounts_cost_as_many_queries_as_one(mine, django_assert_num_queries):
    others = [account(f"account {number}") for number in range(12)]
    for each in (mine, *others):
        note({(each.pk, "spot"): {"BTC", "USDT"}})
        read(each)
    for named, queries in ((False, 3), (True, 5)):
        with django_assert_num_queries(queries):
            assert all(each.progress for each in coverage([mine, *others], named=named))


def test_an_earlier_start_reads_more_and_a_later_one_promises_less(mine):
    read(mine, TRANSFERS)
    mine.history_from = date(2023, 1, 1)
    cursors.follow_account(mine, later(60))
    assert known(mine, TRANSFERS).complete_since is None
    read(mine, TRANSFERS, at=later(60))
    assert known(mine, TRANSFERS).complete_since.date() == date(2023, 1, 1)
    mine.history_from = date(2025, 6, 1)
    cursors.follow_account(mine, later(120))
    assert known(mine, TRANSFERS).complete_since.date() == date(2025, 6, 1)
