"""Worth over time: curves laid on each other, and what of a long past is kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A look at something whose worth was not known then."""

    at: datetime


Curve = Sequence[Point | Gap]


def added_up(curves: Sequence[Curve], *, since: datetime | None = None) -> list[Point]:
    """The sum of curves (each oldest first) at every point of any of them from `since` on.

    Where one has no point it has its last one, incomplete from a gap on; before its first it is not there.
    """
    moments = sorted({look.at for curve in curves for look in curve if isinstance(look, Point)})
    lasting = [_Lasting(curve) for curve in curves]
    found = []
    for at in moments:
        newest = [point for curve in lasting if (point := curve.until(at)) is not None]
        if since is None or at >= since:
            value = summed(point.value for point in newest)
            found.append(Point(at=at, value=value, is_complete=all(point.is_complete for point in newest)))
    return found


class _Lasting:
    """Goes along a curve, and knows its last point."""

    def __init__(self, curve: Curve) -> None:
        self._curve = curve
        self._place = 0
        self._last: Point | None = None

    def until(self, at: datetime) -> Point | None:
        while self._place < len(self._curve) and self._curve[self._place].at <= at:
            look = self._curve[self._place]
            self._last = look if isinstance(look, Point) else self._last and replace(self._last, is_complete=False)
            self._place += 1
        return self._last


def surplus(taken: Iterable[tuple[T, datetime, int]], *, each: timedelta) -> list[T]:
    """What need not be kept if one in `each` is enough: of the best ones the last stays.

    `taken`: each with its time and how good it is (True is better than False).
    """
    best: dict[int, tuple[int, datetime, T]] = {}
    others = []
    for what, at, rank in sorted(taken, key=lambda one: one[1]):
        slot = (at - _EPOCH) // each
        kept = best.get(slot)
        if kept is None or (rank, at) >= kept[:2]:
            best[slot] = (rank, at, what)
            others += [kept[2]] if kept else []
        else:
            others.append(what)
    return others
