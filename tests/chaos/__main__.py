"""Faults, caused for real against a whole running system, and what they cost.

    python -m tests.chaos [NAME ...] [--list] [--quick]

Prints a table: fault, what was promised, what happened, recovery time. The last line is `N held, M broken`; the exit
status is 1 if any promise broke.
"""

import argparse
import sys
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path

from tests.chaos.scenario import Scenario
from tests.chaos.setup import set_django_up


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="alphapulse-chaos-") as folder:
        set_django_up(folder)
        from tests.chaos import scenarios  # noqa: F401  they register themselves
        from tests.chaos.runner import run
        from tests.chaos.scenario import SCENARIOS

        chosen = [each for each in SCENARIOS if _is_wanted(each, options.names)]
        chosen = [each for each in chosen if each.is_quick or not options.quick]
        if not chosen:
            print(f"There is no such scenario: {' '.join(options.names)}. --list shows them.")
            return 2
        if options.list:
            print("\n".join(f"{each.name:<60} {each.promise}" for each in chosen))
            return 0
        return 0 if run(chosen, Path(folder)) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; a pattern like 'kill_*' will do")
    parser.add_argument("--list", action="store_true", help="what there is")
    parser.add_argument("--quick", action="store_true", help="the five minutes that are part of `make test`")
    return parser.parse_args()


def _is_wanted(scenario: Scenario, names: list[str]) -> bool:
    """By the name that the table shows, or by its fault alone: then on every system."""
    return not names or any(fnmatchcase(name, wanted) for wanted in names for name in (scenario.name, scenario.fault))


if __name__ == "__main__":
    sys.exit(main())
