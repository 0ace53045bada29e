import pytest

from alphapulse.exchanges.route import Route
from alphapulse.types import Environment, SyncKind
from apps.exchanges import health
from apps.sync.models import SyncRun, SyncState
from apps.sync.services.claim import BATCH, LEASE
from apps.sync.services.dispatch import MAX_LIVE, MAX_LIVE_OF_EXCHANGE, asked_for, batches_wanted, other_exchanges_due
from tests.apps.builders import NOON, account, later, state

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def live_run(kind: str = "balances", **fields) -> None:
    where = {"exchange_id": "binance", "environment": "sandbox", "egress": "default", "kind": kind}
    SyncRun.objects.create(**where, started_at=NOON, lease_until=NOON + LEASE, claimed=1, **fields)


def test_nothing_due_needs_no_message():
    state(account(), due_at=later(1))
    assert batches_wanted("binance", NOON) == {}


def test_as_many_batches_as_the_due_need_by_kind():
    for number in range(BATCH + 1):
        state(account(f"a{number}"))
    state(account("b"), "orders")
    assert batches_wanted("binance", NOON) == {SyncKind.BALANCES: 2, SyncKind.ORDERS: 1}


def test_only_a_few_batches_of_an_exchange_are_ever_live():
    for number in range(BATCH + 1):
        state(account(f"a{number}"))
    for _ in range(MAX_LIVE - 1):
        live_run()
    assert batches_wanted("binance", NOON) == {SyncKind.BALANCES: 1}
    live_run()
    assert batches_wanted("binance", NOON) == {}


def test_all_kinds_of_an_exchange_together_never_hold_the_threads_that_others_need():
    for number in range(3 * BATCH):
        mine = account(f"a{number}")
        for kind in ("balances", "positions", "orders"):
            state(mine, kind)
    assert sum(batches_wanted("binance", NOON).values()) == MAX_LIVE_OF_EXCHANGE
    for _ in range(MAX_LIVE):
        live_run("orders")
    assert sum(batches_wanted("binance", NOON).values()) == MAX_LIVE_OF_EXCHANGE - MAX_LIVE
    for kind in ("tickers", "positions", "balances"):
        live_run(kind)
    assert batches_wanted("binance", NOON) == {}


def test_finished_runs_and_those_of_dead_workers_do_not_count():
    state(account(), due_at=NOON)
    for _ in range(MAX_LIVE):
        live_run(finished_at=NOON)
    assert batches_wanted("binance", NOON) == {SyncKind.BALANCES: 1}
    for _ in range(MAX_LIVE):
        live_run()
    assert batches_wanted("binance", NOON + LEASE) == {SyncKind.BALANCES: 1}


def test_no_message_is_sent_for_what_waits_behind_a_ban():
    state(account())
    route = Route(exchange_id="binance", environment=Environment.SANDBOX)
    health.banned(route, until=later(60), error="banned", at=NOON)
    assert batches_wanted("binance", NOON) == {}


def test_what_people_asked_for_is_noticed_until_somebody_has_taken_it():
    mine = state(account(), due_at=later(600))
    assert asked_for("binance", NOON) == []
    SyncState.objects.filter(pk=mine.pk).update(requested_at=NOON)
    assert asked_for("binance", NOON) == [False]
    assert asked_for("bybit", NOON) == []
    state(mine.account, "trades", requested_at=NOON)
    assert asked_for("binance", NOON) == [False, True]
    SyncState.objects.update(claimed_until=later(40))
    assert asked_for("binance", NOON) == []


def test_exchanges_outside_the_catalogue_are_found():
    state(account("known"))
    state(account("other", exchange_id="bitvavo"))
    assert other_exchanges_due(NOON) == ["bitvavo"]


def test_prices_come_first_then_the_kind_that_waits_longest():
    mine = account()
    state(mine, "balances", due_at=later(-5))
    state(mine, "positions", due_at=later(-60))
    SyncState.objects.create(exchange_id="binance", environment="sandbox", kind="tickers", due_at=NOON)
    assert list(batches_wanted("binance", NOON)) == ["tickers", "positions", "balances"]
