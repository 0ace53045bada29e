"""When candles begin and end, in UTC: weeks on Mondays, months by the calendar."""

from datetime import UTC, datetime, timedelta

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

# ccxt's names, from the shortest to the longest. Months have no fixed length.
FIXED = {
    "1m": _MINUTE,
    "3m": 3 * _MINUTE,
    "5m": 5 * _MINUTE,
    "15m": 15 * _MINUTE,
    "30m": 30 * _MINUTE,
    "1h": _HOUR,
    "2h": 2 * _HOUR,
    "4h": 4 * _HOUR,
    "6h": 6 * _HOUR,
    "8h": 8 * _HOUR,
    "12h": 12 * _HOUR,
    "1d": _DAY,
    "1w": 7 * _DAY,
}
MONTH = "1M"
TIMEFRAMES = (*FIXED, MONTH)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


def floor(at: datetime, timeframe: str) -> datetime:
    """When the candle that `at` falls into opened. Raises KeyError for a timeframe that nobody knows."""
    if timeframe == MONTH:
        return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    origin = _FIRST_MONDAY if timeframe == "1w" else _EPOCH
    return at - (at - origin) % FIXED[timeframe]


def step(opened_at: datetime, timeframe: str, count: int = 1) -> datetime:
    """When the candle that opens so many later (or, below zero, earlier) opens."""
    if timeframe == MONTH:
        months = opened_at.year * 12 + opened_at.month - 1 + count
        return opened_at.replace(year=months // 12, month=months % 12 + 1)
    return opened_at + count * FIXED[timeframe]


def ends(opened_at: datetime, timeframe: str) -> datetime:
    """When the candle is closed, and the next one opens."""
    return step(opened_at, timeframe)


def ceiling(at: datetime, timeframe: str) -> datetime:
    """The first opening time that is not before `at`."""
    opened_at = floor(at, timeframe)
    return opened_at if opened_at == at else ends(opened_at, timeframe)


def minutes(timeframe: str) -> int:
    """How long a candle lasts; a month counts thirty days."""
    return 30 * 24 * 60 if timeframe == MONTH else FIXED[timeframe] // _MINUTE


def count(since: datetime, until: datetime, timeframe: str) -> int:
    """How many candles open in [since, until), both of them opening times."""
    if timeframe == MONTH:
        return (until.year - since.year) * 12 + until.month - since.month
    return (until - since) // FIXED[timeframe]


def divides(finer: str, coarser: str) -> bool:
    """Whether whole candles of the one make a candle of the other: days make weeks, weeks make no months."""
    if coarser == MONTH:
        return finer != "1w"
    return finer in FIXED and FIXED[coarser] % FIXED[finer] == timedelta(0)
