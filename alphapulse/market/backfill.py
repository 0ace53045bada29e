"""Which candles are asked for next, and what an answer proves. Pure; the times are those of an exchange's clock.

A series is one stretch of time that has been read. It grows at both ends: at the newer one up to now, at the older one
back to what is wanted, so that the newest candles are there first, and a restart goes on where it was.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alphapulse.market import timeframes

# A candle may show so long after its end.
LATE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """All candles that open in [since, until) have been read, closed ones; both None: nothing has been."""

    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Candles that open in [since, until) are asked for."""

    since: datetime
    until: datetime


def windows(
    covered: Covered, *, timeframe: str, wanted_since: datetime, per_page: int, now: datetime
) -> Iterator[Window]:
    """What is to be asked for, in this order, until all is read: the newer end, then backwards. May be cut anywhere.

    The newest closed candle is asked for again: some change a little after their end.
    """
    end = timeframes.ends(timeframes.floor(now, timeframe), timeframe)
    first = min(timeframes.ceiling(wanted_since, timeframe), timeframes.step(end, timeframe, -1))
    since, until = covered.since, covered.until
    if since is None or until is None:
        since = until = max(first, timeframes.step(end, timeframe, -per_page))
    begin = timeframes.step(until, timeframe, -1) if covered.until else until
    while begin < end:
        reach = min(end, timeframes.step(begin, timeframe, per_page))
        yield Window(since=begin, until=reach)
        begin = reach
    while first < since:
        begin = max(first, timeframes.step(since, timeframe, -per_page))
        yield Window(since=begin, until=since)
        since = begin


def after(covered: Covered, window: Window, *, timeframe: str, as_of: datetime) -> Covered:
    """What has been read once this window has been answered as of then."""
    closed = min(window.until, timeframes.floor(as_of - LATE, timeframe))
    if covered.since is None or covered.until is None:
        return Covered(since=min(window.since, closed), until=closed)
    if window.until == covered.since:
        return replace(covered, since=window.since)
    if window.since <= covered.until:
        return replace(covered, until=max(covered.until, closed))
    return covered


def is_behind(covered: Covered, *, timeframe: str, wanted_since: datetime, now: datetime) -> bool:
    """Whether closed candles that there should be have not been read."""
    if covered.since is None or covered.until is None:
        return True
    newest = timeframes.floor(now - LATE, timeframe)
    return covered.until < newest or timeframes.ceiling(wanted_since, timeframe) < covered.since
