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
    written = _store(series, rows)
    if written:
        _stretch(locked, rows)
        FeatureSeries.objects.set_back(series, rows[0].opened_at)
        _announce(series, rows)
    return written


def candles_of(
    exchange_id: str, environment: str, symbol: str, timeframe: str, since: datetime, until: datetime
) -> list[types.Candle]:
    """Those that open in [since, until), oldest first: as they are, with their holes, the newest perhaps not closed.

    Coarser than what is read of the symbol they are made of the longest that fit; [] where nothing is read of it.
    """
    series = series_behind(exchange_id=exchange_id, environment=environment, symbol=symbol, timeframe=timeframe)
    if series is None:
        return []
    return _read(series, since, until) if series.timeframe == timeframe else _resampled(series, timeframe, since, until)


def series_behind(*, exchange_id: str, environment: str, symbol: str, timeframe: str) -> CandleSeries | None:
    """Whose candles these are: the symbol's own of that timeframe, or the longest that make it; None: none."""
    named = CandleSeries.objects.filter(exchange_id=exchange_id, environment=environment, symbol=symbol)
    series = {row.timeframe: row for row in named.filter(last_at__isnull=False)}
    longest = [each for each in reversed(timeframes.TIMEFRAMES) if timeframes.divides(each, timeframe)]
    return next((series[each] for each in (timeframe, *longest) if each in series), None)


def holes_of(series: CandleSeries, since: datetime, until: datetime) -> list[Hole]:
    """The holes that lie in [since, until), or reach into it."""
    rows = series.holes.filter(since__lt=until, until__gt=since).order_by("since")
    return [Hole(row.since, row.until) for row in rows]


def _resampled(series: CandleSeries, timeframe: str, since: datetime, until: datetime) -> list[types.Candle]:
    begin, end = timeframes.ceiling(since, timeframe), timeframes.ceiling(until, timeframe)
    # One that began before what is read would be made of its end alone.
    begin = timeframes.ceiling(max(begin, series.covered_from or begin), timeframe)
    parts = _read(series, begin, end)
    if not parts:
        return []
    as_of = series.covered_to or timeframes.ends(parts[-1].opened_at, series.timeframe)
    return resample(parts, timeframe, since=begin, as_of=as_of)


def _read(series: CandleSeries, since: datetime, until: datetime) -> list[types.Candle]:
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
