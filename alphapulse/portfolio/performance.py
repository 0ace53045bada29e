"""How well it went: ratios out of worths and of what came from outside. Pure; floats, for a ratio is no amount.

The risks are of daily returns (UTC), 365 a year, for these markets have no weekends. What is asked of too short a past
is None. `statistics` does what is statistics; nothing here needs a library that a web process would have to carry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import exp, log, sqrt
from statistics import correlation, fmean, stdev
from typing import NamedTuple

from alphapulse.portfolio.growth import Flow, Index, Point, growth, shown

YEAR = 365
DAY = timedelta(days=1)
# Of daily returns, for anything that is called a risk or a year's return.
FEWEST = 30
# What moves less than this has not moved: that much floats do by themselves.
STILL = 1e-9
# Between the last looks of two days, for a return of a day.
SHORTEST_DAY, LONGEST_DAY = DAY / 2, DAY * 3 / 2


class Fall(NamedTuple):
    """The deepest one: `depth` is below zero, `back_at` is when the peak was reached again, if it was."""

    depth: float
    peak_at: datetime
    trough_at: datetime
    back_at: datetime | None


def annual(total: float, span: timedelta) -> float | None:
    """A return over a span as that of a year; None of less than a month: it would be a prophecy."""
    if span < FEWEST * DAY or total <= -1:
        return None
    try:
        return float((1 + total) ** (YEAR * DAY / span) - 1)
    except OverflowError:
        return None


def money_weighted(points: Sequence[Point], flows: Iterable[Flow]) -> float | None:
    """The yearly rate at which what was put in would have become what there is (the internal rate of return).

    None of less than a month: as a year's it would be a prophecy.
    """
    if len(points) < 2 or points[-1].at - points[0].at < FEWEST * DAY:
        return None
    first, last = points[0], points[-1]
    paid = [(first.at, first.worth), (last.at, -last.worth)]
    paid += [(flow.at, flow.value) for flow in shown(points, flows) if flow.value is not None]
    return _rate([((at - first.at) / DAY / YEAR, value) for at, value in sorted(paid)])


# Of the logarithm of a year's growth: from all but a thousandth of it lost, to 22,000 times as much.
_BOUND = 10.0
_PARTS = 400


def _rate(paid: Sequence[tuple[float, float]]) -> float | None:
    """By halving: no derivative that fails, and no import of scipy in a web process for these lines."""

    def balance(growth: float) -> float:
        return sum(value * exp(-growth * years) for years, value in paid)

    # Where money came and went in turns, several rates may explain it: then none is the rate.
    edges = [-_BOUND + 2 * _BOUND * number / _PARTS for number in range(_PARTS + 1)]
    signs = [(edge, balance(edge) > 0) for edge in edges]
    turns = [(low, high, one) for (low, one), (high, other) in pairwise(signs) if one != other]
    if len(turns) != 1:
        return None
    [(low, high, begin)] = turns
    for _ in range(100):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if begin == (balance(middle) > 0) else (low, middle)
    return exp(low) - 1


def daily(indexes: Iterable[Index]) -> dict[date, float]:
    """The return of each day: from the last value of one to that of the next; none where a day is not known.

    It is not where the two lie closer together than half a day, or further apart than one and a half.
    """
    last = {index.at.astimezone(UTC).date(): index for index in indexes}
    return {
        after: last[after].value / last[before].value - 1
        for before, after in pairwise(sorted(last))
        if after - before == DAY
        and SHORTEST_DAY <= last[after].at - last[before].at <= LONGEST_DAY
        and last[before].value > 0
    }


def volatility(returns: Sequence[float]) -> float | None:
    return stdev(returns) * sqrt(YEAR) if len(returns) >= FEWEST else None


def sharpe(returns: Sequence[float], risk_free: float = 0.0) -> float | None:
    """`risk_free` is a year's; None where nothing moved."""
    if len(returns) < FEWEST or (spread := stdev(returns)) < STILL:
        return None
    return (fmean(returns) - _a_day(risk_free)) / spread * sqrt(YEAR)


def sortino(returns: Sequence[float], risk_free: float = 0.0) -> float | None:
    """Against the days that were below `risk_free` alone; None where there are none."""
    if len(returns) < FEWEST:
        return None
    wanted = _a_day(risk_free)
    downside = sqrt(fmean(min(0.0, each - wanted) ** 2 for each in returns))
    return (fmean(returns) - wanted) / downside * sqrt(YEAR) if downside >= STILL else None


def _a_day(yearly: float) -> float:
    return exp(log(1 + yearly) / YEAR) - 1


def drawdown(indexes: Sequence[Index]) -> list[Index]:
    """How far below its highest it was, at each time: zero or less."""
    peak, curve = 0.0, []
    for index in indexes:
        peak = max(peak, index.value)
        curve.append(Index(index.at, index.value / peak - 1 if peak else 0.0))
    return curve


def deepest(indexes: Sequence[Index]) -> Fall | None:
    """None where it never fell."""
    curve = drawdown(indexes)
    trough = min(curve, key=lambda index: index.value, default=None)
    if trough is None or trough.value > -STILL:
        return None
    peak = max((index for index in indexes if index.at <= trough.at), key=lambda index: index.value)
    back = next((index.at for index in curve if index.at > trough.at and index.value > -STILL), None)
    return Fall(trough.value, peak.at, trough.at, back)


def calmar(yearly: float | None, fall: Fall | None) -> float | None:
    """A year's return against the deepest fall."""
    return yearly / -fall.depth if yearly is not None and fall else None


def together(one: Mapping[date, float], other: Mapping[date, float]) -> float | None:
    """The correlation of returns, of the days that both know; None where one of them did not move."""
    days = sorted(one.keys() & other.keys())
    both = [one[day] for day in days], [other[day] for day in days]
    if len(days) < FEWEST or any(stdev(each) < STILL for each in both):
        return None
    return correlation(*both)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratios:
    """All that a curve of worth tells; `days`: the daily returns. None: too short, or there is no such number."""

    indexes: Sequence[Index]
    days: Mapping[date, float]
    time_weighted: float | None
    annual: float | None
    money_weighted: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    fall: Fall | None


def ratios(points: Sequence[Point], flows: Sequence[Flow], risk_free: float = 0.0) -> Ratios:
    """Of worths, oldest first. `risk_free` is a year's."""
    indexes = growth(points, flows)
    days = daily(indexes)
    returns = [days[day] for day in sorted(days)]
    total = indexes[-1].value - 1 if len(indexes) > 1 else None
    yearly = None if total is None else annual(total, indexes[-1].at - indexes[0].at)
    fall = deepest(indexes)
    return Ratios(
        indexes=indexes,
        days=days,
        time_weighted=total,
        annual=yearly,
        money_weighted=money_weighted(points, flows),
        volatility=volatility(returns),
        sharpe=sharpe(returns, risk_free),
        sortino=sortino(returns, risk_free),
        calmar=calmar(yearly, fall),
        fall=fall,
    )


class Concentration(NamedTuple):
    """`herfindahl` is 1 when all is one asset; `effective` so many equal parts would be as concentrated."""

    herfindahl: float
    effective: float
    largest: str
    largest_part: float


def concentration(values: Mapping[str, float]) -> Concentration | None:
    """Of what is owned; debts are no part of it."""
    owned = {asset: value for asset, value in values.items() if value > 0}
    whole = sum(owned.values())
    if not whole:
        return None
    parts = {asset: value / whole for asset, value in owned.items()}
    herfindahl = sum(each**2 for each in parts.values())
    largest = max(sorted(parts), key=lambda asset: parts[asset])
    return Concentration(herfindahl, 1 / herfindahl, largest, parts[largest])


class Exposure(NamedTuple):
    """What moves with the markets, as parts of what it is all worth: 1.5 long and 0.5 short are 2 gross and 1 net."""

    long: float
    short: float

    @property
    def gross(self) -> float:
        return self.long + self.short

    @property
    def net(self) -> float:
        return self.long - self.short


def exposure(exposed: Iterable[float], equity: float) -> Exposure | None:
    """`exposed`: what is held of each asset that is no cash, and each position's notional, short ones below zero."""
    if equity <= 0:
        return None
    values = list(exposed)
    long, short = sum(each for each in values if each > 0), -sum(each for each in values if each < 0)
    return Exposure(long / equity, short / equity)
