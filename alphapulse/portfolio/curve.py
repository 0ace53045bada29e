"""Worth over time: curves laid on each other, and what of a long past is kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from alphapulse.portfolio.valuation import summed

T = TypeVar("T")

_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    at: datetime
    value: Decimal
    is_complete: bool


def added_up(curves: Sequence[Sequence[Point]]) -> list[Point]:
    """The sum of curves (each oldest first), at every time of any of them.

    Where one has no point it has its last one; before its first it is not there.
    """
    moments = sorted({point.at for curve in curves for point in curve})
    places = [0] * len(curves)
    result = []
    for at in moments:
        newest = []
        for number, curve in enumerate(curves):
            while places[number] < len(curve) and curve[places[number]].at <= at:
                places[number] += 1
            if places[number]:
                newest.append(curve[places[number] - 1])
        value = summed(point.value for point in newest)
        result.append(Point(at=at, value=value, is_complete=all(point.is_complete for point in newest)))
    return result


def surplus(taken: Iterable[tuple[T, datetime, bool]], *, each: timedelta) -> list[T]:
    """What need not be kept if one in `each` is enough: the last complete one stays, or the last, if none is.

    `taken`: each with its time and whether it is complete.
    """
    best: dict[int, tuple[bool, datetime, T]] = {}
    others = []
    for what, at, is_complete in sorted(taken, key=lambda one: one[1]):
        slot = (at - _EPOCH) // each
        kept = best.get(slot)
        if kept is None or (is_complete, at) >= kept[:2]:
            best[slot] = (is_complete, at, what)
            others += [kept[2]] if kept else []
        else:
            others.append(what)
    return others
