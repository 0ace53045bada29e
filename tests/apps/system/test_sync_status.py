"""`manage.py sync_status`, as somebody at a terminal sees it."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from apps.core.clock import now
from apps.exchanges.models import ExchangeAccount, ExchangeHealth
from apps.ledger.models import HistoryCursor
from apps.sync.models import SyncState
from apps.system.models import WATCHDOG, Heartbeat, OpsEvent, Trouble
from tests.apps.builders import account, state

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def status(**options) -> str:
    out = StringIO()
    call_command("sync_status", **options, stdout=out, no_color=True)
    return out.getvalue()


def some_states() -> None:
    mine = account("main", exchange_id="bybit")
    fine = {"succeeded_at": now() - timedelta(seconds=70), "due_at": now() + timedelta(seconds=20)}
    state(mine, "balances", **fine)
    trouble = {"error_kind": "Transient", "error": "Bybit did not answer in time.", "advice": "Wait.", "failures": 3}
    state(mine, "orders", due_at=now() - timedelta(minutes=2), **trouble)
    SyncState.objects.create(
        account=None, exchange_id="bybit", environment="sandbox", kind="tickers", due_at=now(), succeeded_at=now()
    )
    off = account("off", is_enabled=False, disabled_reason="the key was rejected twice")
    state(off, "balances", due_at=None)


def test_the_status_table_tells_how_each_one_goes():
    some_states()
    table = [line.split("  ") for line in status().splitlines()]
    rows = {
        (cells[0], cells[3]): cells[4:]
        for cells in ([cell.strip() for cell in line if cell.strip()] for line in table)
        if len(cells) == 8
    }

    assert rows["account", "kind"] == ["last success", "next due", "failures", "breaker"]
    assert rows["main", "balances"][0].startswith("1 min 1")
    assert rows["main", "orders"] == ["never", "2 min 0 s overdue", "3", "closed"]
    assert rows["off", "balances"] == ["never", "not asked", "0", "closed"]
    assert ("-", "tickers") in rows


def test_errors_stand_below_their_line_with_what_to_do():
    some_states()
    told = status()
    assert "    Bybit did not answer in time. Wait." in told
    assert "    disabled: the key was rejected twice" in told
    assert "4 states: 1 failing, 1 disabled." in told


def a_past(**fields) -> None:
    mine = account("young")
    state(mine, "trades", **({"is_behind": True, "succeeded_at": now()} | fields))
    HistoryCursor.objects.create(
        account=mine, kind="trades", source="spot", symbol="BTC/USDT", start_at=now(), reached_at=now(), due_at=now()
    )


def test_a_past_that_is_read_back_says_how_far_it_is_and_is_no_trouble():
    a_past(due_at=now() - timedelta(minutes=20))
    told = status()
    assert "reading back: 1 of 1 lists to be read on, 0 of ? markets swept" in told
    assert "1 state: 1 reading back." in told
    assert json.loads(status(failing=True, json=True))["states"] == []
    (line,) = json.loads(status(json=True))["states"]
    assert (line["standing"], line["lag"]) == ("reading back", 0)


def test_a_past_that_nobody_reads_for_an_hour_is_held_back():
    a_past(due_at=now() - timedelta(hours=2))
    (line,) = json.loads(status(failing=True, json=True))["states"]
    assert line["standing"] == "held back"


def test_only_what_fails_or_one_account_can_be_shown():
    some_states()
    failing = json.loads(status(failing=True, json=True))["states"]
    assert {(line["account"], line["kind"]) for line in failing} == {("main", "orders"), ("off", "balances")}
    mine = json.loads(status(account="main", json=True))["states"]
    assert {line["kind"] for line in mine} == {"balances", "orders"}
    assert isinstance(mine[0]["interval"], float)


def shut(**fields) -> None:
    ExchangeHealth.objects.create(exchange_id="bybit", environment="sandbox", changed_at=now(), **fields)


def test_a_whole_exchange_that_is_not_asked_is_not_fine_and_says_until_when():
    late = now() - timedelta(seconds=5)
    state(account("main", exchange_id="bybit"), due_at=late, succeeded_at=late)
    state(account("other"), due_at=late, succeeded_at=late)
    shut(banned_until=now() + timedelta(hours=1), error="banned until 1795239392453")
    told = status()
    assert "bybit sandbox by egress default is not asked, banned until " in told
    assert "banned until 2026-11-21 05:36:32 UTC" in told
    assert told.endswith("2 states: 1 held back.\n")
    (line,) = json.loads(status(failing=True, json=True))["states"]
    assert (line["account"], line["standing"], line["is_failing"]) == ("main", "held back", False)


def test_what_is_due_only_after_the_ban_is_not_held_back_by_it():
    state(account("main", exchange_id="bybit"), due_at=now() + timedelta(minutes=5), succeeded_at=now())
    shut(banned_until=now() + timedelta(minutes=1))
    assert status().endswith("1 state, all fine.\n")


def test_an_account_that_was_never_read_is_not_fine():
    state(account("fresh"), due_at=now())
    assert status().endswith("1 state: 1 not read yet.\n")


def test_what_a_key_may_not_read_is_nobodys_failure():
    calm = {"error_kind": "PermissionMissing", "error": "The key may not read positions."}
    state(account(), "positions", due_at=now() + timedelta(hours=1), **calm)
    assert status().endswith("1 state, all fine.\n")
    assert "The key may not read positions." in status()
    assert status(failing=True).endswith("Nothing to show.\n")


def test_where_nobody_works_everything_is_overdue_and_that_is_said():
    state(account(), due_at=now() - timedelta(minutes=10), succeeded_at=now() - timedelta(minutes=11))
    assert "Everything is overdue: no worker seems to run." in status()
    SyncState.objects.update(due_at=now())
    assert "no worker" not in status()


def test_an_empty_system_says_what_to_do():
    assert "Nothing is synced yet: `manage.py add_account`" in status()
    account("fresh")
    assert "Nothing to show." in status(account="fresh")


def test_the_table_takes_as_many_queries_for_thirty_states_as_for_one(django_assert_num_queries):
    state(account("first"))
    with django_assert_num_queries(5):
        status()
    for number in range(30):
        state(account(f"account {number}"))
    with django_assert_num_queries(5):
        status()
    assert ExchangeAccount.objects.count() == 31


def test_open_ops_events_stand_on_top():
    at = now()
    Heartbeat.objects.beaten(WATCHDOG, at)
    common = {"message": "m", "seen_at": at}
    OpsEvent.objects.create(
        kind=Trouble.QUEUE_STUCK, subject="queue sync", opened_at=at - timedelta(minutes=3), **common
    )
    OpsEvent.objects.create(kind=Trouble.BEAT_SILENT, subject="beat", opened_at=at - timedelta(hours=2), **common)
    OpsEvent.objects.create(kind=Trouble.REDIS_AWAY, subject="Redis", opened_at=at, closed_at=at, **common)
    told = status().splitlines()[0]
    assert told.startswith("2 ops events are open: a queue is stuck: queue sync (3 min ")
    assert "beat is silent: beat (2 h 0 min ago)" in told
    assert "Redis" not in told


def test_where_nobody_watches_it_says_so():
    assert status().splitlines()[0] == "The watchdog's last look was never. Is `manage.py watchdog` up?"
    Heartbeat.objects.beaten(WATCHDOG, now() - timedelta(minutes=5))
    assert status().splitlines()[0].startswith("The watchdog's last look was 5 min")
    Heartbeat.objects.beaten(WATCHDOG, now() - timedelta(seconds=70))
    assert "watchdog" not in status()
