"""Runs scenarios, one system for all of a kind, and tells how they went."""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path

from tests.chaos.scenario import SCENARIOS, Broken, Held, Scenario, Where
from tests.chaos.setup import begin_beside
from tests.chaos.table import Row, table
from tests.chaos.world import World


def run(scenarios: Sequence[Scenario], folder: Path) -> bool:
    """Whether all promises held. Prints each as it is done, then the table."""
    begun = time.monotonic()
    here = [each for each in scenarios if each.where is Where.SQLITE]
    with _beside([each.name for each in scenarios if each not in here], folder) as others:
        rows = _groups(here, folder) + others.result()
    print(f"\nTook {time.monotonic() - begun:.0f} s.\n\n{table(rows)}", flush=True)
    return all(row.held for row in rows)


@contextmanager
def _beside(names: Sequence[str], folder: Path) -> Iterator[Future[list[Row]]]:
    """Those of the other systems meanwhile, in a process that has their database for its own: most of it is waiting."""
    home = folder / "beside"
    home.mkdir()
    with ProcessPoolExecutor(1, get_context("spawn"), begin_beside, (os.getpid(), str(home))) as process:
        yield process.submit(_named, names, home)


def _named(names: Sequence[str], folder: Path) -> list[Row]:
    from tests.chaos import scenarios  # noqa: F401  they register themselves

    return _groups([each for each in SCENARIOS if each.name in names], folder)


def _groups(scenarios: Sequence[Scenario], folder: Path) -> list[Row]:
    rows: list[Row] = []
    in_turn = sorted(scenarios, key=lambda each: list(Where).index(each.where))
    for _where, together in groupby(in_turn, key=lambda each: each.where):
        rows += Group(folder).run(list(together))
    return rows


class Group:
    """Scenarios of one kind of system. One that broke a promise leaves a system that nobody should build upon."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._world: World | None = None

    def run(self, scenarios: Sequence[Scenario]) -> list[Row]:
        try:
            return [self._row(each) for each in scenarios]
        finally:
            self._drop()

    def _row(self, scenario: Scenario) -> Row:
        begun = time.monotonic()
        try:
            held: Held | None = scenario.cause(self._kind_world(scenario))
            story = held.story if held else ""
        except Exception as problem:  # noqa: BLE001  whatever went wrong, the others are to be run
            held, story = None, str(problem) if isinstance(problem, Broken) else f"{type(problem).__name__}: {problem}"
            self._tell_why()
        print(
            f"{'held  ' if held else 'BROKEN'} {scenario.words} ({time.monotonic() - begun:.0f} s): {story}", flush=True
        )
        recovery = held.recovery if held else None
        return Row(
            fault=scenario.words, promise=scenario.promise, story=story, recovery=recovery, held=held is not None
        )

    def _kind_world(self, scenario: Scenario) -> World:
        if self._world is not None:
            self._world.reset()
            return self._world
        home = self._folder / f"{scenario.where}-{time.monotonic_ns()}"
        self._world = World(home, scenario.where)
        return self._world.begin()

    def _tell_why(self) -> None:
        if self._world is not None:
            print(self._world.story(), flush=True)
            self._drop()

    def _drop(self) -> None:
        world, self._world = self._world, None
        if world is not None:
            world.__exit__()
            shutil.rmtree(world.home, ignore_errors=True)
