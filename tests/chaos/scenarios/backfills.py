"""A past that is read back, step by step, while its readers die."""

import time

from django.db.models import Q

from alphapulse.types import HISTORY_KINDS
from apps.core.clock import now
from apps.sync.models import SyncRun, SyncState
from tests.chaos import past
from tests.chaos.scenario import Held, expect, scenario
from tests.chaos.system import SYNC_WORKERS
from tests.chaos.world import World

KILLS = 5


@scenario("it goes on where it was: of the past nothing is missing, and nothing is there twice")
def kill_9_of_workers_in_the_middle_of_a_backfill(world: World) -> Held:
    begun = time.monotonic()
    readers = [past.given_to(world, exchange_id, trades=300, seed=7) for exchange_id in past.KINDS]
    states = past.states_of(readers)
    world.sandbox.fault("latency", seconds=0.3)
    past.read_on(states)
    cut_off = sum(_kill_in_the_middle(world) for _ in range(KILLS))
    world.sandbox.clear_faults()
    last = time.monotonic()
    behind = states.filter(is_behind=True)
    world.until(lambda: not behind.exists(), 240, "the end of the past", of=behind)
    recovery = time.monotonic() - last
    wrong = [line for reader in readers for line in past.differences(world, reader)]
    expect(not wrong, f"{len(wrong)} differences: {wrong[:5]}")
    rows = sum(past.here(reader, past.KINDS[reader.exchange_id]).total() for reader in readers)
    told = f"all sync workers killed {KILLS} times, {cut_off} steps cut off; {rows} rows are those of the sandbox"
    return Held(f"{told} (in {time.monotonic() - begun:.0f} s)", recovery)


def _kill_in_the_middle(world: World) -> int:
    """How many steps were cut off. Their leases end at once; by themselves they take 40 s.

    What an earlier kill cut off has been read by then: whom three in a row hit is rightly left alone for a while.
    """
    cut_before = SyncState.objects.filter(Q(losses__gt=0) | Q(claimed_until__lt=now()))
    world.until(lambda: not cut_before.exists(), 120, "the end of what the last kill cut off", of=cut_before)
    done = SyncRun.objects.filter(kind__in=HISTORY_KINDS, finished_at__isnull=False)
    live = SyncRun.objects.filter(kind__in=HISTORY_KINDS, finished_at=None, lease_until__gt=now())
    before = done.count()
    world.until(lambda: done.count() > before and live.exists(), 120, "a step done, and one under way")
    world.kill(*SYNC_WORKERS)
    cut_off = live.count()
    live.update(lease_until=now())
    SyncState.objects.filter(claimed_until__gt=now()).update(claimed_until=now())
    return cut_off
