from datetime import timedelta

import pytest

from apps.sync.models import SyncRun, SyncState
from apps.sync.services.watch import Progress, look, meant
from tests.apps.builders import NOON, account, later, state

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def run_at(moment) -> SyncRun:
    return SyncRun.objects.create(
        exchange_id="binance",
        environment="sandbox",
        egress="default",
        kind="balances",
        started_at=moment,
        lease_until=moment + timedelta(seconds=40),
        claimed=1,
    )


def progress(of: SyncState) -> Progress:
    (watched,) = look([of.pk], asked_at=NOON)
    return watched.progress


def settled(by: SyncRun, **fields) -> SyncState:
    return state(account(), claim=by.pk, attempted_at=later(5), **fields)


def test_what_nobody_has_touched_yet_is_waiting():
    assert progress(state(account())) is Progress.WAITING


def test_what_a_run_that_started_after_the_question_settled_is_done():
    assert progress(settled(run_at(later(1)))) is Progress.SUCCEEDED


def test_what_such_a_run_could_not_read_has_failed():
    assert progress(settled(run_at(later(1)), error_kind="Transient", failures=1)) is Progress.FAILED


def test_a_run_that_was_under_way_when_it_was_asked_for_is_no_answer():
    assert progress(settled(run_at(later(-1)))) is Progress.WAITING


def test_what_is_claimed_right_now_is_waiting():
    assert progress(settled(run_at(later(1)), claimed_until=later(40))) is Progress.WAITING


def test_what_is_no_longer_synced_has_failed():
    assert progress(settled(run_at(later(1)), due_at=None)) is Progress.FAILED


def test_an_account_a_kind_or_an_exchange_is_meant_where_it_is_synced_at_all():
    mine, other = account("mine"), account("other", exchange_id="bybit")
    for each in (mine, other):
        state(each, "balances")
        state(each, "orders", due_at=None if each is mine else NOON)
    SyncState.objects.create(account=None, exchange_id="bybit", environment="sandbox", kind="tickers", due_at=NOON)

    def kinds(**words) -> list[str]:
        nothing = {"account_id": None, "exchange_id": None, "kind": None}
        return sorted(each.kind for each in meant(**(nothing | words)))

    assert kinds(account_id=mine.pk) == ["balances"]
    assert kinds(account_id=other.pk) == ["balances", "orders"]
    assert kinds(account_id=other.pk, kind="orders") == ["orders"]
    assert kinds(exchange_id="bybit") == ["balances", "orders", "tickers"]


def test_looking_takes_two_queries_however_many_there_are(django_assert_num_queries):
    states = [state(account(f"account {number}"), claim=run_at(later(1)).pk) for number in range(20)]
    with django_assert_num_queries(2):
        assert len([str(watched.state) for watched in look([each.pk for each in states], asked_at=NOON)]) == 20
