"""Whatever is sealed, sealed anew with the first key of CREDENTIAL_KEYS: online, and as often as one likes.

Each row is a statement of its own, which leaves alone a row that has changed meanwhile. So nobody waits for it, what
people enter at the same time stays, and a run that is killed has done a part of the work and nothing by halves.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet, Value
from django.db.models.functions import Left, StrIndex

from apps.audit.services import record
from apps.core.clock import now
from apps.core.encryption import CannotOpen, first_key_id, open_sealed, seal_anew
from apps.exchanges.models import ExchangeAccount
from apps.users.models import TwoFactor

CHUNK = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of sealed texts. Empty is what was erased, or never there."""

    name: str
    model: Any
    field: str

    @property
    def rows(self) -> QuerySet[Any]:
        return self.model._default_manager.exclude(**{self.field: ""})

    def left(self) -> QuerySet[Any]:
        """Those that another key than the first has sealed."""
        return self.rows.exclude(**{f"{self.field}__startswith": f"{first_key_id()}:"})

    def by_key(self) -> dict[str, int]:
        key_id = Left(self.field, StrIndex(self.field, Value(":")) - 1)
        found = self.rows.order_by().annotate(key_id=key_id).values("key_id").annotate(rows=Count("pk"))
        return {each["key_id"]: each["rows"] for each in found}

    def text(self, row: Any) -> str:
        return getattr(row, self.field)


# What entries of the audit name as their target: all keys, not one row.
KEYS = "credential keys"

COLUMNS = (
    Column(name="credentials of accounts", model=ExchangeAccount, field="sealed_credentials"),
    Column(name="two-factor secrets", model=TwoFactor, field="sealed_secret"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One row that was looked at. `problem`: why it could not be opened."""

    name: str
    is_moved: bool = False
    problem: str = ""


def by_key() -> dict[str, Counter[str]]:
    """How many rows of each column each key has sealed."""
    return {column.name: Counter(column.by_key()) for column in COLUMNS}


def left() -> int:
    """How many rows another key than the first has sealed."""
    return sum(column.left().count() for column in COLUMNS)


def unreadable() -> Iterator[Step]:
    """Rows that none of our keys opens."""
    for column in COLUMNS:
        for row in _in_chunks(column.rows):
            try:
                open_sealed(column.text(row), bound_to=row.seal_name)
            except CannotOpen as problem:
                yield Step(name=str(row), problem=str(problem))


def seal_all_anew() -> Iterator[Step]:
    """One step for each row that another key than the first has sealed. The audit is told before and after: of a run
    that is killed, that it began.
    """
    record("keys.rotation_begun", KEYS, at=now(), key=first_key_id(), rows=left())
    moved = 0
    for column in COLUMNS:
        for row in _in_chunks(column.left()):
            step = _seal_anew(column, row)
            moved += step.is_moved
            yield step
    record("keys.rotated", KEYS, at=now(), key=first_key_id(), rows=moved, left=left())


def _seal_anew(column: Column, row: Any) -> Step:
    sealed = column.text(row)
    try:
        fresh = seal_anew(sealed, bound_to=row.seal_name)
    except CannotOpen as problem:
        return Step(name=str(row), problem=str(problem))
    unchanged = column.model._default_manager.filter(pk=row.pk, **{column.field: sealed})
    return Step(name=str(row), is_moved=bool(unchanged.update(**{column.field: fresh})))


def _in_chunks(rows: QuerySet[Any]) -> Iterator[Any]:
    """By key, a few at a time: no cursor is held open while others write."""
    last = 0
    while chunk := list(rows.filter(pk__gt=last).order_by("pk")[:CHUNK]):
        yield from chunk
        last = chunk[-1].pk
