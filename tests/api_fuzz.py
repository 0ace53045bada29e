"""`python -m tests.api_fuzz`: tests/config/test_fuzz.py with many examples, and a table of what was asked.

    python -m tests.api_fuzz [--examples 20] [--seed N]

Every operation of the served schema is asked as each role. Prints for each how many questions were asked and how many
were answered with 2xx. The exit status is 1 if a test fails, if an operation was asked fewer than 20 times or never
answered with 2xx, or if fewer than 3,000 questions were asked in all. Without a seed the same is asked each time.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.config.doors import DOORS

# What this module tells the tests that it starts.
_EXAMPLES, _SEED, _FOLDER = "API_FUZZ_EXAMPLES", "API_FUZZ_SEED", "API_FUZZ_FOLDER"
EXAMPLES = int(os.environ.get(_EXAMPLES, "3"))  # of each operation, as each role
SEED = os.environ.get(_SEED)

LEAST_EACH, LEAST_IN_ALL = 20, 3000


def note(operation: str, status: int) -> None:
    """One question and its answer; for who counts. Several processes write, each a file of its own."""
    if folder := os.environ.get(_FOLDER):
        with (Path(folder) / str(os.getpid())).open("a") as file:
            file.write(f"{operation}\t{status}\n")


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="alphapulse-fuzz-") as folder:
        failed = _run(options, folder)
        answers = [tuple(line.split("\t")) for file in Path(folder).iterdir() for line in file.read_text().splitlines()]
    asked = Counter(operation for operation, _ in answers)
    accepted = Counter(operation for operation, status in answers if status.startswith("2"))
    problems = _problems(asked, accepted)
    _print(asked, accepted, problems)
    return int(bool(failed or problems))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=20, help="of each operation, as each of the five roles")
    parser.add_argument("--seed", type=int, help="asks what another seed does not")
    return parser.parse_args()


def _run(options: argparse.Namespace, folder: str) -> int:
    told = {_EXAMPLES: str(options.examples), _FOLDER: folder}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "tests/config/test_fuzz.py"]
    if options.seed is not None:
        told[_SEED] = str(options.seed)
        command.append(f"--hypothesis-seed={options.seed}")
    return subprocess.call(command, env=os.environ | told)


def _problems(asked: Counter[str], accepted: Counter[str]) -> list[str]:
    operations = sorted({_label(str(door)) for door in DOORS} | set(asked))
    seldom = [f"{each} was asked {asked[each]} times." for each in operations if asked[each] < LEAST_EACH]
    never = [f"{each} never answered with 2xx." for each in operations if not accepted[each]]
    few = [f"{asked.total()} questions are fewer than {LEAST_IN_ALL}."] if asked.total() < LEAST_IN_ALL else []
    return seldom + never + few


def _label(door: str) -> str:
    return door.replace(" ", " /").replace("<int:", "{").replace(">", "}")


def _print(asked: Counter[str], accepted: Counter[str], problems: list[str]) -> None:
    total = (f"{len(asked)} operations", asked.total(), accepted.total())
    rows = [(each, asked[each], accepted[each]) for each in sorted(asked, key=lambda each: each.split()[::-1])]
    for operation, questions, good in [("operation", "asked", "2xx"), *rows, total]:
        print(f"{operation:<66} {questions:>6} {good:>6}")
    for problem in problems:
        print(problem)


if __name__ == "__main__":
    sys.exit(main())
