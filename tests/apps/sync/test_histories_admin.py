from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from apps.audit.models import AuditEntry
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import HistoryCursor, HistorySweep
from apps.sync.models import SyncState
from tests.apps.builders import NOON, account, later, state
from tests.apps.pages import accounts, act, add_url, list_url, logged_in, now, page_url, queries_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def cursor(of: ExchangeAccount, symbol: str = "BTC/USDT", **fields) -> HistoryCursor:
    caught_up = {"kind": "trades", "source": "spot", "start_at": later(-9_999_999), "reached_at": NOON, "page": "77"}
    caught_up |= {"caught_up_at": NOON, "is_behind": False, "due_at": later(86_400)}
    return HistoryCursor.objects.create(account=of, symbol=symbol, **(caught_up | fields))


def fill(numbers: range) -> None:
    for owned in accounts(numbers):
        cursor(owned, status="failed", error="no answer")
        HistorySweep.objects.create(account=owned, source="spot", looked=120, listed=2247, began_at=NOON, due_at=NOON)


@pytest.mark.parametrize("model", [HistoryCursor, HistorySweep])
def test_a_list_needs_as_many_queries_for_thirty_rows_as_for_one(model):
    client = logged_in()
    fill(range(1))
    for_one = queries_of(client, list_url(model))
    fill(range(1, 30))
    assert queries_of(client, list_url(model)) == for_one


@pytest.mark.parametrize("model", [HistoryCursor, HistorySweep])
def test_where_a_history_stands_can_be_read_and_not_be_written(model):
    client = logged_in()
    fill(range(1))
    row = model.objects.get()
    assert client.get(page_url(row)).status_code == 200
    assert client.get(add_url(model)).status_code == 403
    assert client.post(page_url(row), {"page": "0"}).status_code == 403


def test_a_list_says_how_far_it_is_and_what_is_wrong_with_it():
    fill(range(1))
    shown = text_of(logged_in(), list_url(HistoryCursor))
    assert "BTC/USDT" in shown
    assert "no answer" in shown
    assert "120 of 2247 markets" in text_of(logged_in_again(), list_url(HistorySweep))


def logged_in_again() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.get(username="ops"))
    return client


def read_again(client, day: str, *rows: HistoryCursor) -> list[str]:
    chosen = {"action": "read_again", "again_from": day, "_selected_action": [row.pk for row in rows]}
    answer = client.post(list_url(HistoryCursor), chosen, follow=True)
    assert answer.status_code == 200
    return [str(message) for message in answer.context["messages"]]


def test_lists_are_read_again_from_their_own_start():
    mine = account()
    trades = state(mine, "trades", due_at=now() + timedelta(hours=1))
    ledger = state(mine, "ledger", due_at=now() + timedelta(hours=1))
    rows = [cursor(mine), cursor(mine, "ETH/USDT")]
    untouched = cursor(mine, "SOL/USDT")
    assert read_again(logged_in(), "", *rows) == ["2 lists will be read again, step by step."]
    for row in rows:
        row.refresh_from_db()
        assert (row.reached_at, row.page, row.caught_up_at, row.is_behind) == (row.start_at, "", None, True)
        assert row.due_at <= now()
    untouched.refresh_from_db()
    assert untouched.page == "77"
    assert SyncState.objects.get(pk=trades.pk).due_at <= now() < SyncState.objects.get(pk=ledger.pk).due_at


def test_lists_are_read_again_from_a_day_and_that_is_audited():
    mine = account()
    row = cursor(mine)
    read_again(logged_in(), "2026-11-01", row)
    before = row.start_at
    row.refresh_from_db()
    assert (row.reached_at.isoformat(), row.start_at) == ("2026-11-01T00:00:00+00:00", before)
    read_again(logged_in_again(), "2019-01-01", row)
    row.refresh_from_db()
    # More of the past than before: complete only from there on.
    assert row.start_at == row.reached_at
    assert row.start_at.year == 2019
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.details["lists"], entry.details["first"]) == (
        "history.read_again",
        1,
        ["trades spot BTC/USDT"],
    )


def test_what_is_no_day_changes_nothing():
    row = cursor(account())
    assert read_again(logged_in(), "last spring", row) == ["That is no day: write it as 2024-01-31, or leave it empty."]
    row.refresh_from_db()
    assert row.page == "77"


def test_who_may_only_look_is_not_offered_to_read_again():
    row = cursor(account())
    client = logged_in()
    user = get_user_model().objects.get(username="ops")
    user.is_superuser = False
    user.save()
    user.user_permissions.add(Permission.objects.get(codename="view_historycursor"))
    assert "read_again" not in text_of(client, list_url(HistoryCursor))
    act(client, HistoryCursor, "read_again", row)
    row.refresh_from_db()
    assert row.page == "77"
