"""Ids that rise with time, also where a past is planted between what is there: a thousand to every millisecond."""

from collections.abc import Iterable

_EPOCH_MS = 1_483_228_800_000  # the first of January 2017
_PER_MS = 1000


class Ids:
    """`base` keeps numbers of one sort apart from those of another. All stay below 2**53."""

    def __init__(self, base: int = 0) -> None:
        self._base = base
        self.last = base

    def first(self, at_ms: int) -> int:
        """The lowest id of that millisecond."""
        return self._base + (at_ms - _EPOCH_MS) * _PER_MS

    def next(self, at_ms: int) -> int:
        """For what happens now: above every other."""
        self.last = max(self.last + 1, self.first(at_ms))
        return self.last


class PastIds:
    """For what happened then: the lowest that is free. `taken` are the ids that are there already."""

    def __init__(self, ids: Ids, taken: Iterable[int]) -> None:
        self._ids = ids
        self._taken = set(taken)
        self._free: dict[int, int] = {}  # by the first id of a millisecond, so that a crowded one is not searched again

    def take(self, at_ms: int) -> int:
        first = self._ids.first(at_ms)
        number = self._free.get(first, first)
        while number in self._taken:
            number += 1
        self._taken.add(number)
        self._free[first] = number + 1
        self._ids.last = max(self._ids.last, number)
        return number
