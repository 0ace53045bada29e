"""Bybit's lists: newest first, `limit` rows a page, a cursor to the next one, windows of seven days."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import quote, unquote

from alphapulse.sandbox.bybit import errors
from alphapulse.sandbox.bybit.params import Params
from alphapulse.sandbox.clock import DAY_MS

WINDOW_MS = 7 * DAY_MS
_RECORD_DAYS = 30
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    rows: list[Row]
    cursor: str


def page(
    newest_first: Sequence[Row], params: Params, *, key: Callable[[Row], int], default: int, most: int
) -> Page[Row]:
    """The rows after the cursor. `key` falls strictly along the list, so new rows on top never shift a page."""
    limit = params.limit(default=default, most=most)
    rest = list(newest_first)
    if cursor := params.text("cursor"):
        after = _decoded(cursor)
        rest = [row for row in rest if key(row) < after]
    rows = rest[:limit]
    return Page(rows, _encoded(key(rows[-1])) if len(rest) > len(rows) else "")


def time_window(params: Params, now_ms: int) -> tuple[int, int]:
    """startTime and endTime, both included: seven days at most, and the last seven when neither is given."""
    start, end = params.whole("startTime"), params.whole("endTime")
    if start is None and end is None:
        return now_ms - WINDOW_MS, now_ms
    if start is None:
        assert end is not None
        return end - WINDOW_MS, end
    if end is None:
        return start, start + WINDOW_MS
    if end < start:
        raise errors.bad_parameter("params error: startTime cannot be greater than endTime")
    if end - start > WINDOW_MS:
        raise errors.bad_parameter("The time range between startTime and endTime cannot exceed 7 days")
    return start, end


def day_window(params: Params, now_ms: int) -> tuple[int, int]:
    """As above, but a day when one time or both are missing."""
    start, end = params.whole("startTime"), params.whole("endTime")
    if start is not None and end is not None:
        return time_window(params, now_ms)
    if start is not None:
        return start, start + DAY_MS
    end = now_ms if end is None else end
    return end - DAY_MS, end


def record_window(params: Params, now_ms: int, most_days: int = _RECORD_DAYS) -> tuple[int, int]:
    """Of assets' records: until now unless told otherwise, so that a start alone may be too early."""
    end = params.whole("endTime") or now_ms
    start = params.whole("startTime") or end - most_days * DAY_MS
    if not 0 <= end - start <= most_days * DAY_MS:
        raise errors.BybitError(131002, "The interval between the startTime and endTime is incorrect")
    return start, end


def _encoded(key: int) -> str:
    return quote(f"{key}:0,{key}:0", safe="")


def _decoded(cursor: str) -> int:
    try:
        return int(unquote(unquote(cursor)).split(":")[0])
    except ValueError:
        raise errors.bad_parameter("params error: cursor invalid") from None
