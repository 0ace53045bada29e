"""What was acquired, when and for how much, and which of it is given first. Pure.

`cost` is in the books' currency, for the whole lot; None: it was acquired for a price that nobody knows. Costs are
exact to 1e-18: what a division leaves beyond that stays with the rest of the lot, so that nothing is lost.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

from alphapulse.money import ZERO

# An amount has up to 38 digits, and so has a price.
EXACT = Context(prec=100)
COST_STEP = Decimal("1e-18")


class Method(StrEnum):
    """Which lot is given first: the oldest, the newest, the dearest, or a part of all at their average."""

    FIFO = "fifo"
    LIFO = "lifo"
    HIFO = "hifo"
    AVERAGE = "average"


class Lot(NamedTuple):
    """A tuple: a long past has hundreds of thousands of them."""

    amount: Decimal
    cost: Decimal | None

    def split(self, amount: Decimal) -> tuple[Lot, Lot]:
        """So much of it, and the rest. Less than all."""
        left = EXACT.subtract(self.amount, amount)
        if self.cost is None:
            return Lot(amount, None), Lot(left, None)
        cost = part(self.cost, amount, self.amount)
        return Lot(amount, cost), Lot(left, EXACT.subtract(self.cost, cost))


def part(value: Decimal, amount: Decimal, whole: Decimal) -> Decimal:
    """What of a value falls on an amount of the whole."""
    return to_step(EXACT.divide(EXACT.multiply(value, amount), whole))


def to_step(exact: Decimal) -> Decimal:
    # By place: names of arguments would cost three times what it takes.
    return exact.quantize(COST_STEP, ROUND_HALF_EVEN, EXACT)


class Given(NamedTuple):
    """What a disposal took: `cost` of the known lots' `amount`, and how much came from lots without a cost, or from
    nowhere at all."""

    amount: Decimal
    cost: Decimal
    without_cost: Decimal
    uncovered: Decimal


class Pool(Protocol):
    """An asset's lots."""

    def add(self, lot: Lot) -> None: ...
    def first(self) -> Lot | None: ...
    def replace_first(self, lot: Lot | None) -> None: ...
    def all(self) -> list[Lot]: ...


def give(pool: Pool, amount: Decimal) -> Given:
    """Takes so much out of the pool, as far as it is there."""
    known, cost, without_cost = ZERO, ZERO, ZERO
    while amount and (lot := pool.first()):
        taken, rest = lot.split(amount) if amount < lot.amount else (lot, None)
        pool.replace_first(rest)
        amount = EXACT.subtract(amount, taken.amount)
        if taken.cost is None:
            without_cost = EXACT.add(without_cost, taken.amount)
        else:
            known, cost = EXACT.add(known, taken.amount), EXACT.add(cost, taken.cost)
    return Given(known, cost, without_cost, amount)


class Oldest:
    def __init__(self) -> None:
        self._lots: deque[Lot] = deque()

    def add(self, lot: Lot) -> None:
        self._lots.append(lot)

    def first(self) -> Lot | None:
        return self._lots[0] if self._lots else None

    def replace_first(self, lot: Lot | None) -> None:
        self._lots.popleft()
        if lot:
            self._lots.appendleft(lot)

    def all(self) -> list[Lot]:
        return list(self._lots)


class Newest:
    def __init__(self) -> None:
        self._lots: list[Lot] = []

    def add(self, lot: Lot) -> None:
        self._lots.append(lot)

    def first(self) -> Lot | None:
        return self._lots[-1] if self._lots else None

    def replace_first(self, lot: Lot | None) -> None:
        self._lots.pop()
        if lot:
            self._lots.append(lot)

    def all(self) -> list[Lot]:
        return list(self._lots)


class Dearest:
    """By the cost of one; of equal ones the oldest first. Lots without a cost come last: they tell no gain."""

    def __init__(self) -> None:
        self._heap: list[tuple[bool, Decimal, int, Lot]] = []
        self._number = 0

    def add(self, lot: Lot) -> None:
        self._number += 1
        price = ZERO if lot.cost is None else EXACT.divide(lot.cost, lot.amount)
        heapq.heappush(self._heap, (lot.cost is None, -price, self._number, lot))

    def first(self) -> Lot | None:
        return self._heap[0][3] if self._heap else None

    def replace_first(self, lot: Lot | None) -> None:
        is_unknown, price, number, _ = self._heap[0]
        if lot:
            # The price of one is that of the whole: it keeps its place.
            heapq.heapreplace(self._heap, (is_unknown, price, number, lot))
        else:
            heapq.heappop(self._heap)

    def all(self) -> list[Lot]:
        return [lot for *_, lot in sorted(self._heap, key=lambda entry: entry[:3])]


class Average:
    """One lot of what has a cost, which is given first, and one of what has none: an average with it is unknown."""

    def __init__(self) -> None:
        self._known = Lot(ZERO, ZERO)
        self._unknown = Lot(ZERO, None)

    def add(self, lot: Lot) -> None:
        if lot.cost is None:
            self._unknown = Lot(EXACT.add(self._unknown.amount, lot.amount), None)
        else:
            assert self._known.cost is not None
            self._known = Lot(EXACT.add(self._known.amount, lot.amount), EXACT.add(self._known.cost, lot.cost))

    def first(self) -> Lot | None:
        return next(iter(self.all()), None)

    def replace_first(self, lot: Lot | None) -> None:
        if self._known.amount:
            self._known = lot or Lot(ZERO, ZERO)
        else:
            self._unknown = lot or Lot(ZERO, None)

    def all(self) -> list[Lot]:
        return [lot for lot in (self._known, self._unknown) if lot.amount]


POOLS: Mapping[Method, Callable[[], Pool]] = {
    Method.FIFO: Oldest,
    Method.LIFO: Newest,
    Method.HIFO: Dearest,
    Method.AVERAGE: Average,
}
