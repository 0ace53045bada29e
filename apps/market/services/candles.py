"""The one way candles become rows, and how they are read.

A few thousand go as one JSON upsert, more by COPY (`bulk.py`).
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from operator import lt

from django.db import connection, transaction
from django.db.models import QuerySet

from alphapulse import types
from alphapulse.market import timeframes
from alphapulse.market.candles import Hole, resample
from apps.core.clock import now
from apps.core.upsert import upsert
from apps.market.models import Candle, CandleSeries, FeatureSeries
from apps.market.services import bulk, partitions
from apps.market.signals import candles_stored

# Above that COPY is faster than one JSON parameter.
MANY = 5_000


def series_of(*, exchange_id: str, environment: str, symbol: str, timeframe: str) -> CandleSeries:
    """The series of that name, made where there is none. Nobody reads it on until somebody watches it."""
    name = {"exchange_id": exchange_id, "environment": environment, "symbol": symbol, "timeframe": timeframe}
    return CandleSeries.objects.get_or_create(**name)[0]


@transaction.atomic
def store_candles(series: CandleSeries, candles: Sequence[types.Candle]) -> int:
    """Returns how many are new or other than before; the same again changes nothing.

    All are of the series' symbol and timeframe. Of two of one time the later in the list counts.
    """
    if not candles:
        return 0
    locked = CandleSeries.objects.select_for_update().get(pk=series.pk)
    rows = _in_order(candles)
    partitions.make(series.timeframe, _months(rows))
    closed = [row for row in rows if row.is_closed]
    written = _store(series, closed)
    if written:
        until = timeframes.ends(closed[-1].opened_at, series.timeframe)
        FeatureSeries.objects.set_back(series, closed[0].opened_at, until, now())
    # Apart: what is not closed moves all the time, and nothing is made of it.
    written += _store(series, [row for row in rows if not row.is_closed])
    if written:
        _stretch(locked, rows)
        _announce(series, rows)
    return written


def candles_of(
    exchange_id: str, environment: str, symbol: str, timeframe: str, since: datetime, until: datetime
) -> list[types.Candle]:
    """Those that open in [since, until), oldest first: as they are, with their holes, the newest perhaps not closed.

    Coarser than what is read of the symbol they are made of the longest that fit, and before what is read of what was
    read once; [] where there is nothing of it.
    """
    name = {"exchange_id": exchange_id, "environment": environment, "symbol": symbol}
    found: list[types.Candle] = []
    for series in _sources(**name, timeframe=timeframe):
        read_from = timeframes.ceiling(series.covered_from or series.first_at or since, timeframe)
        found = _candles(series, timeframe, max(since, read_from), until) + found
        until = min(until, read_from)
        if until <= since:
            break
    return found


def series_behind(*, exchange_id: str, environment: str, symbol: str, timeframe: str) -> CandleSeries | None:
    """Whose candles the newest of these are: the symbol's own of that timeframe, or the longest that make it, of those
    that are read on, or, where none is, of those that rest. None: there is nothing of it.
    """
    name = {"exchange_id": exchange_id, "environment": environment, "symbol": symbol}
    return next(iter(_sources(**name, timeframe=timeframe)), None)


def _sources(*, exchange_id: str, environment: str, symbol: str, timeframe: str) -> list[CandleSeries]:
    """The best one first."""
    rows = CandleSeries.objects.filter(
        exchange_id=exchange_id, environment=environment, symbol=symbol, last_at__isnull=False
    )
    fit = [row for row in rows if row.timeframe == timeframe or timeframes.divides(row.timeframe, timeframe)]
    by_length = sorted(fit, key=lambda row: -timeframes.minutes(row.timeframe))
    return sorted(by_length, key=lambda row: (row.due_at is None, row.timeframe != timeframe))


def newest_closed(series: CandleSeries, since: datetime | None = None) -> datetime | None:
    """When the newest of its closed candles opened, at `since` or later; None: there is none."""
    closed = Candle.objects.filter(series=series, timeframe=series.timeframe, is_closed=True)
    found = closed.filter(opened_at__gte=since) if since else closed
    return found.order_by("-opened_at").values_list("opened_at", flat=True).first()


def holes_of(series: CandleSeries, since: datetime, until: datetime) -> list[Hole]:
    """The holes that lie in [since, until), or reach into it."""
    rows = series.holes.filter(since__lt=until, until__gt=since).order_by("since")
    return [Hole(row.since, row.until) for row in rows]


def _candles(series: CandleSeries, timeframe: str, since: datetime, until: datetime) -> list[types.Candle]:
    whole = series.timeframe == timeframe
    return candles_in(series, since, until) if whole else _resampled(series, timeframe, since, until)


def _resampled(series: CandleSeries, timeframe: str, since: datetime, until: datetime) -> list[types.Candle]:
    begin, end = timeframes.ceiling(since, timeframe), timeframes.ceiling(until, timeframe)
    # One that began before what is read would be made of its end alone.
    begin = timeframes.ceiling(max(begin, series.covered_from or begin), timeframe)
    parts = candles_in(series, begin, end)
    if not parts:
        return []
    as_of = series.covered_to or timeframes.ends(parts[-1].opened_at, series.timeframe)
    return resample(parts, timeframe, since=begin, as_of=as_of)


def candles_in(series: CandleSeries, since: datetime, until: datetime) -> list[types.Candle]:
    """A series' own that open in [since, until), oldest first."""
    rows = _rows(series, since, until).order_by("opened_at").values_list("opened_at", *bulk.CHANGING)
    return [
        types.Candle(
            symbol=series.symbol,
            timeframe=series.timeframe,
            opened_at=opened_at,
            open=opened,
            high=high,
            low=low,
            close=close,
            volume=volume,
            is_closed=is_closed,
        )
        for opened_at, opened, high, low, close, volume, is_closed in rows.iterator(chunk_size=10_000)
    ]


def _rows(series: CandleSeries, since: datetime, until: datetime) -> QuerySet[Candle]:
    # The timeframe says which partitions are looked into.
    return Candle.objects.filter(series=series, timeframe=series.timeframe, opened_at__gte=since, opened_at__lt=until)


# --- Storing ------------------------------------------------------------------------------------------------------


def _in_order(candles: Sequence[types.Candle]) -> Sequence[types.Candle]:
    opened = [candle.opened_at for candle in candles]
    if all(map(lt, opened, opened[1:])):
        return candles
    return sorted({candle.opened_at: candle for candle in candles}.values(), key=lambda candle: candle.opened_at)


def _months(rows: Sequence[types.Candle]) -> set[datetime]:
    first, last = rows[0].opened_at, timeframes.floor(rows[-1].opened_at, timeframes.MONTH)
    months = {timeframes.floor(first, timeframes.MONTH)}
    while max(months) < last:
        months.add(timeframes.ends(max(months), timeframes.MONTH))
    return months


def _store(series: CandleSeries, rows: Sequence[types.Candle]) -> int:
    if connection.vendor != "postgresql" or len(rows) < MANY:
        return sum(_upserted(series, rows[start : start + MANY]) for start in range(0, len(rows), MANY))
    if _rows(series, rows[0].opened_at, timeframes.ends(rows[-1].opened_at, series.timeframe)).exists():
        return bulk.merge(series, rows)
    return bulk.copy(series, rows)


def _stretch(series: CandleSeries, rows: Sequence[types.Candle]) -> None:
    first, last = rows[0].opened_at, rows[-1].opened_at
    series.first_at, series.last_at = min(series.first_at or first, first), max(series.last_at or last, last)
    series.save(update_fields=["first_at", "last_at"])


def _upserted(series: CandleSeries, rows: Sequence[types.Candle]) -> int:
    told = [
        {"series_id": series.pk, "timeframe": series.timeframe, "opened_at": row.opened_at}
        | {name: getattr(row, name) for name in bulk.CHANGING}
        for row in rows
    ]
    return upsert(Candle, told, key=bulk.KEY, only_where=bulk.NEWER)


def _announce(series: CandleSeries, rows: Sequence[types.Candle]) -> None:
    told = partial(
        candles_stored.send_robust,
        CandleSeries,
        series_id=series.pk,
        exchange_id=series.exchange_id,
        environment=series.environment,
        symbol=series.symbol,
        timeframe=series.timeframe,
        since=rows[0].opened_at,
        until=timeframes.ends(rows[-1].opened_at, series.timeframe),
    )
    transaction.on_commit(told)
