"""A past that is read back, step by step, while its readers die."""

import time
from datetime import timedelta

from alphapulse.types import HISTORY_KINDS, SyncKind
from apps.core.clock import now
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import HistoryCursor
from apps.sync.models import SyncRun, SyncState
from tests.chaos import past
from tests.chaos.scenario import Held, expect, scenario
from tests.chaos.system import SYNC_WORKERS
from tests.chaos.world import World

DAYS = 15
PAST = {"days": DAYS, "trades": 300, "symbols": ["BTCUSDT", "ETHUSDT", "linear:BTCUSDT"]}
# Binance's others are so dear that they take minutes.
KINDS = {
    "binance": (SyncKind.TRADES, SyncKind.CLOSED_ORDERS, SyncKind.FUNDING_PAYMENTS),
    "bybit": HISTORY_KINDS,
}
KILLS = 5


@scenario("it goes on where it was: of the past nothing is missing, and nothing is there twice")
def kill_9_of_workers_in_the_middle_of_a_backfill(world: World) -> Held:
    begun = time.monotonic()
    readers = [_with_a_past(world, exchange_id) for exchange_id in KINDS]
    states = SyncState.objects.none()
    for reader in readers:
        states |= SyncState.objects.filter(account=reader, kind__in=KINDS[reader.exchange_id])
    world.sandbox.fault("latency", seconds=0.3)
    states.update(due_at=now(), is_behind=True)
    cut_off = sum(_kill_in_the_middle(world, states) for _ in range(KILLS))
    world.sandbox.clear_faults()
    last = time.monotonic()
    behind = states.filter(is_behind=True)
    world.until(lambda: not behind.exists(), 240, "the end of the past", of=behind)
    recovery = time.monotonic() - last
    rows = sum(_expect_the_same(world, reader) for reader in readers)
    told = f"all sync workers killed {KILLS} times, {cut_off} steps cut off; {rows} rows are those of the sandbox"
    return Held(f"{told} (in {time.monotonic() - begun:.0f} s)", recovery)


def _with_a_past(world: World, exchange_id: str) -> ExchangeAccount:
    reader = world.accounts(exchange_id)[0]
    world.sandbox.generate_history(exchange_id, reader.label, **PAST)
    since = (now() - timedelta(days=DAYS + 1)).date()
    ExchangeAccount.objects.filter(pk=reader.pk).update(history_from=since)
    HistoryCursor.objects.filter(account=reader).delete()
    world.make_due(world.states(exchange_id, "balances"))
    return reader


def _kill_in_the_middle(world: World, states: object) -> int:
    """How many steps were cut off. Their leases end at once; by themselves they take 40 s."""
    done = SyncRun.objects.filter(kind__in=HISTORY_KINDS, finished_at__isnull=False)
    live = SyncRun.objects.filter(kind__in=HISTORY_KINDS, finished_at=None, lease_until__gt=now())
    before = done.count()
    world.until(lambda: done.count() >= before + 3 and live.exists(), 120, "steps done, and one under way")
    world.kill(*SYNC_WORKERS)
    cut_off = live.count()
    live.update(lease_until=now())
    SyncState.objects.filter(claimed_until__gt=now()).update(claimed_until=now())
    return cut_off


def _expect_the_same(world: World, reader: ExchangeAccount) -> int:
    kinds = KINDS[reader.exchange_id]
    there = past.there(world.sandbox.history(reader.exchange_id, reader.label), kinds)
    here = past.here(reader, kinds)
    missing, more = list((there - here).elements()), list((here - there).elements())
    expect(not missing, f"{reader.label}: {len(missing)} are missing: {missing[:3]}")
    expect(not more, f"{reader.label}: {len(more)} are too many: {more[:3]}")
    return here.total()
