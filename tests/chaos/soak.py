"""Random faults for minutes, from a seed that is printed; then the truth must be in the database.

    python -m tests.chaos.soak [--minutes 10] [--seed N] [--db sqlite|postgres]

Accounts change at the sandbox while processes are killed, Redis forgets, exchanges misbehave, a past is read back and
people read pages. Afterwards, with the world kind again, balances, positions, orders and what happened are equal on
both sides, nothing is there twice, no exchange ever said that we ask too much, and no log says that the database is
locked. Otherwise the exit status is 1, and the system's folder is kept.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos.setup import set_django_up

if TYPE_CHECKING:
    from tests.chaos.mischief import Mischief
    from tests.chaos.world import World

INTERVAL = timedelta(seconds=5)
READERS = 4
PATIENCE = 300


def main() -> int:
    options = _options()
    print(f"seed {options.seed}, {options.minutes:g} minutes, {options.db}", flush=True)
    folder = tempfile.mkdtemp(prefix="alphapulse-soak-")
    set_django_up(folder)
    from tests.chaos.scenario import Broken, Where
    from tests.chaos.world import World

    with World(Path(folder) / "home", Where(options.db)) as world:
        try:
            print(_soaked(world.begin(), options), flush=True)
        except Broken as problem:
            print(f"{world.story()}\nBROKEN (seed {options.seed}): {problem}", flush=True)
            print(f"kept for a look: {folder}", flush=True)
            return 1
    shutil.rmtree(folder)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--db", choices=["sqlite", "postgres"], default="sqlite")
    return parser.parse_args()


def _soaked(world: "World", options: argparse.Namespace) -> str:
    """What happened, in words. Raises Broken."""
    from tests.chaos.mischief import Mischief
    from tests.chaos.scenario import expect
    from tests.chaos.visitor import people_reading

    mischief = Mischief(world, random.Random(options.seed), interval=INTERVAL)
    with people_reading(world, READERS) as pages:
        refused = _mischief_done(mischief, options.minutes * 60)
        expect(not refused, f"exchanges said that we ask too much: {dict(refused)}")
        mischief.end()
        recovery = _seconds_until_true(world, mischief)
    refused += mischief.new_refusals()
    expect(not refused, f"exchanges said that we ask too much: {dict(refused)}")
    # PostgreSQL is killed, too: who asks meanwhile is told to come again.
    told = {"503"} if options.db == "postgres" else set()
    failed = {status: number for status, number in pages.items() if status.startswith("5") and status not in told}
    expect(not failed, f"pages failed: {failed}")
    locked = world.logs_that_say("database is locked")
    expect(not locked, f"{locked} say that the database is locked")
    return _told(mischief, recovery, pages)


def _mischief_done(mischief: "Mischief", seconds: float) -> "Counter[str]":
    """What exchanges refused meanwhile."""
    end, refused = time.monotonic() + seconds, Counter[str]()
    mischief.begin()
    while time.monotonic() < end:
        mischief.step()
        refused += mischief.new_refusals()
    return refused


def _seconds_until_true(world: "World", mischief: "Mischief") -> float:
    from tests.chaos import past, truth
    from tests.chaos.scenario import Broken

    def wrong() -> list[str]:
        return truth.differences(world) + [line for each in mischief.readers for line in past.differences(world, each)]

    try:
        return world.until(lambda: not wrong(), PATIENCE, "the truth", of=past.states_of(mischief.readers))
    except Broken as late:
        left = wrong()
        raise Broken(f"{late}; {len(left)} differences: {left[:5]}") from None


def _told(mischief: "Mischief", recovery: float, pages: "Counter[str]") -> str:
    from apps.sync.models import SyncRun
    from tests.chaos import past

    runs = SyncRun.objects.all()
    synced, failed = (sum(runs.values_list(name, flat=True)) for name in ("succeeded", "failed"))
    events = ", ".join(f"{count} {name}" for name, count in mischief.done.most_common())
    rows = sum(past.here(each, past.KINDS[each.exchange_id]).total() for each in mischief.readers)
    return (
        f"{events}\n{runs.count()} runs, {synced} syncs ({failed} failed), {pages['200']} pages read\n"
        f"held: truth equals database {recovery:.1f} s after the last fault, {rows} rows of the past among it; nothing "
        "twice, no 429, no ban, no database locked"
    )


if __name__ == "__main__":
    sys.exit(main())
