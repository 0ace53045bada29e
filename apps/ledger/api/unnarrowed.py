"""Rows as they are asked for most: without filters, the first page."""

from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.db.models import QuerySet

from apps.core.prepared import Parameters, Prepared
from apps.ledger.models import WalletReading

# Gives the rows of readings, by `values_list`.
RowsOf = Callable[[Any], QuerySet]


@dataclass(frozen=True, slots=True)
class Unnarrowed:
    """For `Pages`, which takes it for a queryset: the first page by SQL that was written before, others as ever."""

    rows_of: RowsOf
    readings: Sequence[int]
    ordering: tuple[str, ...] = ()

    def order_by(self, *ordering: str) -> "Unnarrowed":
        return replace(self, ordering=ordering)

    def filter(self, *conditions: Any, **lookups: Any) -> QuerySet:
        return self.rows_of(self.readings).order_by(*self.ordering).filter(*conditions, **lookups)

    def __getitem__(self, page: slice) -> list[Any]:
        prepared, row = _prepared(self.rows_of, len(self.readings), self.ordering, page.start, page.stop)
        return [row._make(each) for each in prepared.rows(readings=self.readings)]


@lru_cache(maxsize=256)
def _prepared(rows_of: RowsOf, readings: int, ordering: tuple[str, ...], start: int, stop: int) -> tuple[Prepared, Any]:
    """A page of the rows of so many readings, and what a row is."""
    found = rows_of(Parameters("readings", WalletReading._meta.pk, count=readings)).order_by(*ordering)[start:stop]
    return Prepared(lambda: found), namedtuple("Row", found._fields)
