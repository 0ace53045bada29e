"""Which candles are asked for next, and what an answer proves. Pure; the times are those of an exchange's clock.

Answers are not taken at their word: some exchanges tell the newest candles whatever they are asked for, or fewer than
they are asked for.

A series is one stretch of time that has been read. It grows at both ends: at the newer one up to now, at the older one
back to what is wanted, so that the newest candles are there first, and a restart goes on where it was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from alphapulse.market import timeframes
from alphapulse.market.candles import holes

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an exchange told of a window, `as_of` its clock: when the candles open that it told, and where it told none
    of the window, the newest of the later ones that it told in their place.
    """

    window: Window
    as_of: datetime
    opened: Sequence[datetime] = ()
    newer: datetime | None = None


def wanted(covered: Covered, *, wanted_since: datetime) -> Covered:
    """What was read so long ago that what came after it is no longer wanted, or told, is given up: none of it."""
    return Covered() if covered.until is not None and covered.until < wanted_since else covered


def windows(
    covered: Covered,
    *,
    timeframe: str,
    wanted_since: datetime,
    per_page: int,
    now: datetime,
    is_fresh: bool = False,
) -> Iterator[Window]:
    """What is to be asked for, in this order, until all is read: the newer end, then backwards. May be cut anywhere.

    The newest closed candle is asked for again: some change a little after their end, and it shows that what is told
    joins what is known. There is always a newer end, so who takes one window at a time would never come further:
    `is_fresh` where it has just been asked for, and comes last.
    """
    end = timeframes.ends(timeframes.floor(now, timeframe), timeframe)
    first = min(timeframes.ceiling(wanted_since, timeframe), timeframes.step(end, timeframe, -1))
    covered = wanted(covered, wanted_since=wanted_since)
    since, until = covered.since, covered.until
    if since is None or until is None:
        since = until = max(first, timeframes.step(end, timeframe, -per_page))
    newer = _forwards(timeframes.step(until, timeframe, -1) if covered.until else until, end, timeframe, per_page)
    older = _backwards(since, first, timeframe, per_page)
    yield from chain(older, newer) if is_fresh else chain(newer, older)


def _backwards(since: datetime, first: datetime, timeframe: str, per_page: int) -> Iterator[Window]:
    while first < since:
        begin = max(first, timeframes.step(since, timeframe, -per_page))
        yield Window(since=begin, until=since)
        since = begin


def _forwards(begin: datetime, end: datetime, timeframe: str, per_page: int) -> Iterator[Window]:
    overlap = min(1, per_page - 1)
    while begin < end:
        reach = min(end, timeframes.step(begin, timeframe, per_page))
        yield Window(since=begin, until=reach)
        begin = timeframes.step(reach, timeframe, -overlap) if reach < end else end


def has_all_closed(covered: Covered, *, timeframe: str, now: datetime) -> bool:
    return covered.until is not None and covered.until >= timeframes.floor(now - LATE, timeframe)


def is_untold(answer: Answer, *, newest: datetime | None) -> bool:
    """Whether an exchange told its newest in place of what it was asked for: it tells none of that. `newest` is the
    newest candle that we know.

    Later ones that end before the newest are those that follow a time without any: it looked, and there are none.
    """
    return not answer.opened and answer.newer is not None and (newest is None or answer.newer >= newest)


def without(covered: Covered, answer: Answer) -> Covered:
    """What is left as read where an exchange tells none of a window: what is newer than it."""
    if covered.since is not None and answer.window.until <= covered.since:
        return covered
    return Covered()


def after(covered: Covered, answer: Answer, *, timeframe: str) -> Covered:
    """What has been read once this has been told."""
    closed = timeframes.floor(answer.as_of - LATE, timeframe)
    since, until = _proven(answer, timeframe, closed)
    if covered.since is None or covered.until is None:
        return Covered(since=min(since, until), until=until)
    if answer.window.until == covered.since:
        return replace(covered, since=since)
    if answer.window.since <= covered.until:
        return replace(covered, until=max(covered.until, until))
    return covered


def _proven(answer: Answer, timeframe: str, closed: datetime) -> tuple[datetime, datetime]:
    """Of which time an answer tells all. Candles without a hole that break off inside of the window may be all that
    the exchange tells at once: the rest is asked for again.
    """
    window, opened = answer.window, answer.opened
    until = min(window.until, closed)
    if not opened or holes(opened, timeframe):
        return window.since, until
    first, end = min(opened), timeframes.ends(max(opened), timeframe)
    since = first if end >= until else window.since
    # One alone is known already: nothing follows it.
    if len(opened) > 1:
        until = min(until, end)
    return since, until


def is_behind(covered: Covered, *, timeframe: str, wanted_since: datetime, now: datetime) -> bool:
    """Whether closed candles that there should be have not been read. `now` is the exchange's clock."""
    covered = wanted(covered, wanted_since=wanted_since)
    if covered.since is None or not has_all_closed(covered, timeframe=timeframe, now=now):
        return True
    return timeframes.ceiling(wanted_since, timeframe) < covered.since
