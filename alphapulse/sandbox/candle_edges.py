"""When the candles of a timeframe begin."""

from datetime import UTC, datetime

from alphapulse.sandbox.clock import DAY_MS, HOUR_MS, MINUTE_MS

WEEK_MS = 7 * DAY_MS
_MONDAY_MS = 4 * DAY_MS  # 1970-01-05
TIMEFRAMES = {
    "1s": 1000,
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": WEEK_MS,
    "1M": 0,
}


def edges(timeframe: str, *, start_ms: int | None, end_ms: int | None, now_ms: int, limit: int) -> list[int]:
    """Opening times of up to `limit` candles, oldest first, and the one that closes the last.

    From `start_ms` on when it is given, else the latest before `end_ms` (or now). Ends with what has begun.
    """
    last = _number(timeframe, min(now_ms if end_ms is None else end_ms, now_ms))
    if start_ms is None:
        first = last - limit + 1
    else:
        first = _number(timeframe, start_ms - 1) + 1
        last = min(last, first + limit - 1)
    return [_opens(timeframe, number) for number in range(first, last + 2)] if last >= first else []


def _number(timeframe: str, at_ms: int) -> int:
    """Which candle of the timeframe it is, counted from 1970."""
    if timeframe == "1M":
        moment = datetime.fromtimestamp(at_ms / 1000, UTC)
        return (moment.year - 1970) * 12 + moment.month - 1
    return (at_ms - _offset(timeframe)) // TIMEFRAMES[timeframe]


def _opens(timeframe: str, number: int) -> int:
    if timeframe == "1M":
        return int(datetime(1970 + number // 12, number % 12 + 1, 1, tzinfo=UTC).timestamp() * 1000)
    return number * TIMEFRAMES[timeframe] + _offset(timeframe)


def _offset(timeframe: str) -> int:
    return _MONDAY_MS if timeframe == "1w" else 0
