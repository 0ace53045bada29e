from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.models import AuditEntry
from apps.audit.services import record
from apps.exchanges.models import ExchangeAccount
from apps.sync.models import KeptPayload, SyncChange, SyncRun
from apps.sync.services import prune as pruning
from apps.sync.services.prune import prune
from tests.apps.builders import NOON, account

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def run(age: timedelta, **fields: object) -> SyncRun:
    return SyncRun.objects.create(**_columns(NOON - age), **fields)


def runs(number: int, age: timedelta) -> None:
    SyncRun.objects.bulk_create(SyncRun(**_columns(NOON - age)) for _ in range(number))


def _columns(started_at: datetime) -> dict[str, object]:
    lane = {"exchange_id": "binance", "environment": "sandbox", "egress": "default", "kind": "balances"}
    return lane | {"started_at": started_at, "lease_until": started_at, "finished_at": started_at, "claimed": 1}


def change(of: SyncRun, account: ExchangeAccount, at: datetime | None = None) -> SyncChange:
    return SyncChange.objects.create(run=of, account=account, at=at or of.started_at, key="BTC", after={"total": "1"})


def days(number: float) -> timedelta:
    return timedelta(days=number)


def test_uneventful_runs_are_kept_for_three_days():
    run(days(3.1))
    young = run(days(2.9))
    assert prune(NOON) == 1
    assert list(SyncRun.objects.all()) == [young]


def test_changes_and_their_runs_are_kept_for_ninety_days():
    mine = account()
    change(run(days(90.1)), mine)
    kept = change(run(days(89)), mine)
    assert prune(NOON) == 2
    assert (list(SyncChange.objects.all()), list(SyncRun.objects.all())) == ([kept], [kept.run])


def test_an_old_run_stays_while_one_of_its_changes_is_young_enough():
    mine = account()
    old = run(days(90.01))
    change(old, mine)
    kept = change(old, mine, NOON - days(89.99))
    prune(NOON)
    assert (list(SyncChange.objects.all()), list(SyncRun.objects.all())) == ([kept], [old])


def test_answers_that_were_not_understood_are_kept_for_a_week_with_their_runs():
    for age in (days(7.1), days(6)):
        KeptPayload.objects.create(run=run(age), error="no JSON", payload="<html>")
    assert prune(NOON) == 2
    assert KeptPayload.objects.get().run.started_at == NOON - days(6)
    assert SyncRun.objects.count() == 1


def test_a_thousand_such_answers_are_enough_and_the_newest_stay():
    one = run(days(0))
    KeptPayload.objects.bulk_create(KeptPayload(run=one, error="no JSON", payload=str(n)) for n in range(2_500))
    assert prune(NOON) == 1_500
    newest = KeptPayload.objects.order_by("pk").values_list("payload", flat=True)
    assert (len(newest), newest[0], newest[999]) == (1_000, "1500", "2499")


def test_thousands_of_rows_go_in_short_transactions_and_nothing_young_with_them():
    runs(3 * pruning.CHUNK + 1, days(4))
    runs(10, days(1))
    with CaptureQueriesContext(connection) as seen:
        assert prune(NOON) == 3 * pruning.CHUNK + 1
    assert SyncRun.objects.count() == 10
    outermost = [query["sql"] for query in seen if query["sql"].startswith("DELETE") and "sync_syncrun" in query["sql"]]
    assert len(outermost) >= 4


def test_old_rows_that_are_kept_are_not_looked_at_again_for_every_chunk(monkeypatch):
    monkeypatch.setattr(pruning, "CHUNK", 10)
    mine = account()
    for _ in range(15):
        change(run(days(4)), mine)
        run(days(4))
    assert prune(NOON) == 15
    assert (SyncRun.objects.count(), SyncChange.objects.count()) == (15, 15)


def test_pruning_again_finds_nothing():
    runs(5, days(4))
    assert (prune(NOON), prune(NOON)) == (5, 0)


def test_what_people_did_is_never_forgotten():
    record("account.disabled", account(), at=NOON - days(1000))
    prune(NOON)
    assert AuditEntry.objects.filter(action="account.disabled").exists()
