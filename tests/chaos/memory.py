"""An hour of a thousand accounts on one exchange, in one worker, as fast as it goes: does its memory stay flat?

    python -m tests.chaos.memory [--accounts 1000] [--syncs 120] [--db sqlite|postgres]

Balances, positions and open orders of Bybit accounts are due all the time, each account by one of many IPs, until each
kind was read as often as in an hour (120 times at 30 seconds). The other workers that could read them sleep. Prints the
worker's memory as it grows; the exit status is 1 if it has grown by more than 10 % since a tenth of the work was done.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.chaos.setup import set_django_up

if TYPE_CHECKING:
    from tests.chaos.world import World

AN_IP = 50  # accounts: what Bybit allows an IP is more than enough for them
WARM = 0.1  # of the work
GROWTH = 1.10
LOOK = 10  # seconds


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="alphapulse-memory-") as folder:
        set_django_up(folder)
        from tests.chaos.scenario import Where
        from tests.chaos.world import World

        egresses = -(-options.accounts // AN_IP)
        with World(Path(folder) / "home", Where(options.db), egresses=egresses) as world:
            world.begin()
            return 0 if _is_flat(world, options) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--syncs", type=int, default=120, help="of each account and kind")
    parser.add_argument("--db", choices=["sqlite", "postgres"], default="sqlite")
    return parser.parse_args()


def _is_flat(world: "World", options: argparse.Namespace) -> bool:
    from tests.chaos.system import SYNC_WORKERS

    for number in range(options.accounts):
        world.add_accounts("bybit", 1, prefix="crowd", egress=f"ip{number // AN_IP + 1}")
    world.rest()
    one, *others = SYNC_WORKERS
    with world.suspended(*others, "worker-resync"):
        seen = _watched(world, psutil.Process(world.pid(one)), 3 * options.accounts * options.syncs)
    warm = next(memory for share, memory in seen if share >= WARM)
    most = max(memory for share, memory in seen if share >= WARM)
    print(f"{warm:.0f} MB when a tenth was done, {most:.0f} MB at most since: {100 * (most / warm - 1):+.1f} %")
    return most <= GROWTH * warm


def _watched(world: "World", worker: psutil.Process, work: int) -> list[tuple[float, float]]:
    """The share of the work that was done, and the worker's megabytes then, again and again until the end."""
    from datetime import timedelta

    from django.db.models import Sum

    from apps.sync.models import SyncRun, SyncState

    last = SyncRun.objects.order_by("-pk").values_list("pk", flat=True)[0]
    mine = SyncState.objects.filter(account__label__startswith="crowd-")
    world.make_due(mine, every=timedelta(seconds=1))
    begun, seen, done = time.monotonic(), [], 0
    while done < work:
        time.sleep(LOOK)
        # A row is gone after three days; here none is.
        done = SyncRun.objects.filter(pk__gt=last, exchange_id="bybit").aggregate(of=Sum("succeeded"))["of"] or 0
        seen.append((done / work, worker.memory_info().rss / 1e6))
        seconds = time.monotonic() - begun
        print(f"{seconds:5.0f} s  {done:7,} syncs  {done / seconds:4.0f}/s  {seen[-1][1]:.0f} MB", flush=True)
    return seen


if __name__ == "__main__":
    sys.exit(main())
