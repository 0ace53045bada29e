"""Random faults for minutes, from a seed that is printed; then the truth must be in the database.

    python -m tests.chaos.soak [--minutes 10] [--seed N] [--db sqlite|postgres]

Accounts change at the sandbox while processes are killed, Redis forgets and exchanges misbehave. Afterwards, with the
world kind again, balances, positions and open orders are equal on both sides, nothing is there twice, and no exchange
ever said that we ask too much. The exit status is 1 otherwise.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.chaos.setup import set_django_up

INTERVAL = 5  # seconds between two syncs
PATIENCE = 240


def main() -> int:
    options = _options()
    print(f"seed {options.seed}, {options.minutes:g} minutes, {options.db}", flush=True)
    with tempfile.TemporaryDirectory(prefix="alphapulse-soak-") as folder:
        set_django_up(folder)
        from tests.chaos.scenario import Broken, Where
        from tests.chaos.world import World

        with World(Path(folder) / "home", Where(options.db)) as world:
            try:
                print(_soaked(world.begin(), options))
            except Broken as problem:
                print(f"{world.story()}\nBROKEN (seed {options.seed}): {problem}")
                return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--db", choices=["sqlite", "postgres"], default="sqlite")
    return parser.parse_args()


def _soaked(world, options: argparse.Namespace) -> str:  # type: ignore[no-untyped-def]
    """What happened, in words. Raises Broken."""
    from tests.chaos.mischief import Mischief
    from tests.chaos.scenario import Broken, expect
    from tests.chaos.truth import differences

    mischief = Mischief(world, random.Random(options.seed), interval=INTERVAL)
    end = time.monotonic() + options.minutes * 60
    mischief.begin()
    refused = 0
    while time.monotonic() < end:
        mischief.step()
        refused += mischief.new_refusals()
    mischief.end()
    try:
        recovery = world.until(lambda: not differences(world), PATIENCE, "the truth")
    except Broken as late:
        raise Broken(f"{late}: {differences(world)[:5]}") from None
    refused += mischief.new_refusals()
    expect(refused == 0, f"exchanges said {refused} times that we ask too much")
    return _told(mischief.done, recovery)


def _told(done: "Counter[str]", recovery: float) -> str:
    events = ", ".join(f"{count} {name}" for name, count in done.most_common())
    return f"{events}\nheld: truth equals database {recovery:.1f} s after the last fault; nothing twice, no 429, no ban"


if __name__ == "__main__":
    sys.exit(main())
