"""What became of one unit of money that was there from the beginning, whatever came and went. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Protocol, TypeVar

from alphapulse.money import negated

# A worth that is read so soon after a flow may be without it: balances are read later, and deposits are told before
# they are there.
SETTLING = timedelta(minutes=15)
# Where flows never end, the index stands still for no longer than this.
STANDS = timedelta(hours=2)


class Point(NamedTuple):
    """Incomplete: some of it is of earlier, and may be without what came or went since."""

    at: datetime
    worth: float
    is_complete: bool = True


# Of what went from one own account to another: the asset, and how much of it came (positive) or went.
Own = tuple[str, Decimal]


class Flow(NamedTuple):
    """What came (positive) or went, at its worth then; None: nobody says. `own`: one end of a transfer between own
    accounts; None: from outside, or there."""

    at: datetime
    value: float | None
    own: Own | None = None


class Index(NamedTuple):
    """What one unit of money at the beginning had become, whatever came and went."""

    at: datetime
    value: float


def growth(points: Sequence[Point], flows: Iterable[Flow]) -> list[Index]:
    """The time-weighted index. From one worth to the next, what came is there from the beginning and what went stays
    until the end: then little that was there before much came is not taken for what earned all of it. While a flow
    settles, or the worths after it are not complete, the index stands: a withdrawal that the worth does not show yet
    would be a gain, and then a loss."""
    moved = list(flows)
    grown = {point.at: 1.0 for point in points[:1]}
    for before, after, between in _intervals(points, moved):
        grown[after.at] = grown[before.at] * _factor(before.worth, after.worth, _outside(between))
    indexes, value = [], 1.0
    for point in points:
        value = grown.get(point.at, value)
        indexes.append(Index(point.at, value))
    return indexes


class _Moved(Protocol):
    """A flow, with its worth in whatever."""

    @property
    def at(self) -> datetime: ...
    @property
    def own(self) -> Own | None: ...


M = TypeVar("M", bound=_Moved)


def shown(points: Sequence[Point], flows: Iterable[M]) -> list[M]:
    """What the worths can show of flows: of transfers between own accounts, those that were on their way when one was
    taken. Both ends between two worths are nothing that came or went."""
    return [flow for _, _, between in _intervals(points, list(flows)) for flow in _outside(between)]


def _intervals(points: Sequence[Point], flows: Sequence[M]) -> Iterator[tuple[Point, Point, Sequence[M]]]:
    """From one worth that tells all that moved to the next, and what moved between them."""
    moved = sorted(flows, key=lambda flow: flow.at)
    times = [flow.at for flow in moved]
    before = points[0] if points else None
    for after in points[1:]:
        assert before is not None
        if after is points[-1] or after.at - before.at >= STANDS or not _settles(times, before, after):
            yield before, after, moved[bisect_right(times, before.at) : bisect_right(times, after.at)]
            before = after


def _outside(between: Sequence[M]) -> list[M]:
    """Without pairs of what went from one own account and came into another: as much of the same, sooner or later."""
    waiting: defaultdict[Own, list[int]] = defaultdict(list)
    paired: set[int] = set()
    for place, flow in enumerate(between):
        if flow.own is None:
            continue
        asset, amount = flow.own
        if others := waiting[asset, negated(amount)]:
            paired |= {place, others.pop(0)}
        else:
            waiting[flow.own].append(place)
    return [flow for place, flow in enumerate(between) if place not in paired]


def _settles(times: Sequence[datetime], before: Point, after: Point) -> bool:
    """What moved at that very time is an account that was added then: its worth is known."""
    place = bisect_left(times, after.at)
    if not place:
        return False
    last = times[place - 1]
    return after.at - last < SETTLING or (not after.is_complete and last > before.at)


def _factor(before: float, after: float, flows: Iterable[Flow]) -> float:
    values = [flow.value for flow in flows if flow.value is not None]
    came, went = sum(value for value in values if value > 0), -sum(value for value in values if value < 0)
    # Of nothing, or of debts alone, there is no return.
    return max(0.0, (after + went) / (before + came)) if before + came > 0 else 1.0
