"""What a scenario is: a fault, caused for real, and one sentence that must hold all the same."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Where(StrEnum):
    """The system it is run against; those of one kind share one that is started once."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"
    PROXIED = "proxied"  # SQLite, and a proxy that can swallow packets between everybody and Redis


ON_BOTH = (Where.SQLITE, Where.POSTGRES)


class Broken(Exception):
    """The promise was not kept; the text says what happened instead."""


@dataclass(frozen=True, slots=True)
class Held:
    """What happened, and after how many seconds all was well again (None: nothing ever was not)."""

    story: str
    recovery: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    fault: str
    where: Where
    promise: str
    cause: Callable[[Any], Held]
    is_quick: bool

    @property
    def name(self) -> str:
        """`kill_9_of_beat` on SQLite, `kill_9_of_beat@postgres` elsewhere."""
        return self.fault if self.where is Where.SQLITE else f"{self.fault}@{self.where}"

    @property
    def words(self) -> str:
        return self.name.replace("_", " ")


SCENARIOS: list[Scenario] = []


def scenario(
    promise: str, *, on: tuple[Where, ...] = (Where.SQLITE,), quick: bool = False
) -> Callable[[Callable[[Any], Held]], Callable[[Any], Held]]:
    """Registers the function under its own name. `quick`: part of `make test`, on the first system named."""

    def register(cause: Callable[[Any], Held]) -> Callable[[Any], Held]:
        for where in on:
            is_quick = quick and where is on[0]
            SCENARIOS.append(
                Scenario(fault=cause.__name__, where=where, promise=promise, cause=cause, is_quick=is_quick)
            )
        return cause

    return register


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)
