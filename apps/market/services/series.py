"""Which candles are read next, and how long they are kept."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import random

from django.db import transaction
from django.db.models import Min, Q, QuerySet

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.errors import ExchangeError, NotSupported, Transient
from alphapulse.exchanges.facts import CandleList
from alphapulse.exchanges.reading import BarsWanted
from alphapulse.market import backfill, timeframes
from alphapulse.market.backfill import Covered, Window
from alphapulse.resilience.retry import RetryPolicy
from apps.market.models import CandleSeries, Market, SeriesStatus

# So long the candles of a timeframe are kept, and so far they are read back. Those of a day are kept for good.
KEPT: Mapping[str, timedelta] = {
    "1m": timedelta(days=30),
    "3m": timedelta(days=60),
    "5m": timedelta(days=90),
    "15m": timedelta(days=180),
    "30m": timedelta(days=365),
    "1h": timedelta(days=730),
    "2h": timedelta(days=1_095),
    "4h": timedelta(days=1_825),
    "6h": timedelta(days=1_825),
    "8h": timedelta(days=1_825),
    "12h": timedelta(days=1_825),
}
# Weeks and months are made of days: exchanges begin them differently.
READ_TIMEFRAMES = (*KEPT, "1d")
BEGINNING = datetime(2015, 1, 1, tzinfo=UTC)
# How old the candle that is not closed may be.
UNFINISHED = timedelta(minutes=15)
# What is not offered may be some day.
SELDOM = timedelta(days=1)
RETRY = RetryPolicy()
BROKEN = RetryPolicy(first=timedelta(minutes=5), cap=timedelta(days=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one step asks for of an exchange's candles, and by which list: as many of these as requests."""

    bars: Sequence[BarsWanted] = ()
    lists: Sequence[CandleList] = ()


def wanted_since(series: CandleSeries, now: datetime) -> datetime:
    """From when on its candles are read: what was asked for, as far as such candles are kept here, and told there."""
    kept = now - KEPT[series.timeframe] if series.timeframe in KEPT else BEGINNING
    return max(kept, series.wanted_since or kept)


def next_due(exchange_id: str, environment: str) -> datetime | None:
    """When the first of these series is to be read on; None: nobody watches any."""
    return _asked(exchange_id, environment).aggregate(first=Min("due_at"))["first"]


def behind(exchange_id: str, environment: str) -> int:
    """How many of them have not been read back to their start, or fail."""
    behind = Q(is_behind=True) | Q(status=SeriesStatus.FAILED)
    return _asked(exchange_id, environment).filter(behind).exclude(status=SeriesStatus.NOT_OFFERED).count()


def failing(exchange_id: str, environment: str) -> int:
    """How many of them failed when they were asked for last."""
    return _asked(exchange_id, environment).filter(status=SeriesStatus.FAILED).count()


def newly_failed(exchange_id: str, environment: str, symbols: Collection[str]) -> tuple[int, bool]:
    """How many of these symbols have a series that failed after it had been well; whether other symbols are well."""
    rows = _asked(exchange_id, environment)
    failed = rows.filter(status=SeriesStatus.FAILED, failures=1, symbol__in=symbols)
    well = rows.filter(status=SeriesStatus.OK, covered_to__isnull=False).exclude(symbol__in=symbols)
    return failed.order_by().values("symbol").distinct().count(), well.exists()


def asked(exchange_id: str, environment: str) -> int:
    """How many are read at all."""
    return _asked(exchange_id, environment).count()


def ask_again(exchange_id: str, environment: str, now: datetime) -> None:
    """Somebody wants to know it now: all are due, also what was not told before."""
    with transaction.atomic():
        # In one order, as who stores candles locks them.
        resting = _asked(exchange_id, environment).filter(due_at__gt=now).order_by("pk").select_for_update()
        CandleSeries.objects.filter(pk__in=[row.pk for row in resting]).update(due_at=now, told_from=None)


def _asked(exchange_id: str, environment: str) -> QuerySet[CandleSeries]:
    return CandleSeries.objects.filter(exchange_id=exchange_id, environment=environment, due_at__isnull=False)


# --- Before a step ------------------------------------------------------------------------------------------------


def plan(
    exchange_id: str,
    environment: str,
    now: datetime,
    *,
    requests: int,
    lists: Collection[CandleList] | None = None,
) -> Plan:
    """One window of each series whose turn is longest ago; what is left goes to the first of those that want more.

    `lists`: those that may be asked; None: all.
    """
    rows = _asked(exchange_id, environment).filter(due_at__lte=now)
    due = list(_told_by(lists, rows, exchange_id, environment).order_by("due_at", "pk")[:requests])
    told_by = _lists(exchange_id, environment, due, now)
    waiting = {row: list(islice(_windows(row, told_by[row], now), requests)) for row in due if row in told_by}
    chosen = [(row, window) for row, windows in waiting.items() for window in windows[:1]]
    chosen += [(row, window) for row, windows in waiting.items() for window in windows[1:]]
    bars = [_wanted(row, window) for row, window in chosen[:requests]]
    return Plan(bars=bars, lists=[told_by[row] for row, _ in chosen[:requests]])


def _told_by(
    lists: Collection[CandleList] | None, rows: QuerySet[CandleSeries], exchange_id: str, environment: str
) -> QuerySet[CandleSeries]:
    told = catalogue.exchange(exchange_id).candles
    if lists is None or all(each in lists for each in told) or not all(each.market_type for each in told):
        return rows
    types = Q(pk__in=[])
    for each in lists:
        types |= Q(type=each.market_type, is_inverse=each.is_inverse)
    markets = Market.objects.filter(types, exchange_id=exchange_id, environment=environment)
    return rows.filter(symbol__in=markets.values("symbol"))


def _lists(
    exchange_id: str, environment: str, rows: Iterable[CandleSeries], now: datetime
) -> dict[CandleSeries, CandleList]:
    """How the candles of each are told. What is not listed there is marked, once the markets are known."""
    markets = Market.objects.filter(exchange_id=exchange_id, environment=environment)
    symbols = {row.symbol for row in rows}
    types = {
        symbol: (market_type, is_inverse)
        for symbol, market_type, is_inverse in markets.filter(symbol__in=symbols).values_list(
            "symbol", "type", "is_inverse"
        )
    }
    facts, found = catalogue.exchange(exchange_id), {}
    for row in rows:
        market_type, is_inverse = types.get(row.symbol, ("", False))
        told = facts.candle_list(market_type, is_inverse=is_inverse) if market_type else None
        if told is not None:
            found[row] = told
        else:
            _leave_unlisted(row, is_known=markets.exists(), now=now)
    return found


def _leave_unlisted(row: CandleSeries, *, is_known: bool, now: datetime) -> None:
    """Unless somebody has moved it meanwhile: it may rest, or have been woken."""
    seen = CandleSeries.objects.filter(pk=row.pk, due_at=row.due_at, status=row.status)
    if is_known:
        name = catalogue.exchange(row.exchange_id).name
        fail(row, NotSupported(f"{name} tells no candles of {row.symbol}."), now)
    else:
        row.due_at = now + timedelta(minutes=1)
    seen.update(due_at=row.due_at, status=row.status, failures=row.failures, error=row.error)


def _windows(row: CandleSeries, told: CandleList, now: datetime) -> Iterable[Window]:
    return backfill.windows(
        covered(row),
        timeframe=row.timeframe,
        wanted_since=start(row, told.keeps, now),
        per_page=told.per_page,
        now=now,
        is_fresh=_is_fresh(row, now),
    )


def _is_fresh(row: CandleSeries, now: datetime) -> bool:
    """Whether its newest candles, the one that is not closed among them, have been asked for lately."""
    if row.newest_read_at is None or now - row.newest_read_at >= UNFINISHED:
        return False
    return backfill.has_all_closed(covered(row), timeframe=row.timeframe, now=now)


def start(row: CandleSeries, keeps: int | None, now: datetime) -> datetime:
    """From when on its candles are wanted, and still told: none before those of days begin."""
    since = max(wanted_since(row, now), row.told_from or BEGINNING)
    since = max(since, _first_day(row, since) or BEGINNING)
    if keeps is None:
        return since
    return max(since, timeframes.step(timeframes.floor(now, row.timeframe), row.timeframe, 1 - keeps))


def _first_day(row: CandleSeries, since: datetime) -> datetime | None:
    """When the symbol's first daily candle since then opened; None where those are not read back so far."""
    if timeframes.minutes(row.timeframe) >= timeframes.minutes("1d"):
        return None
    where = {"exchange_id": row.exchange_id, "environment": row.environment, "symbol": row.symbol}
    days = CandleSeries.objects.filter(**where, timeframe="1d", covered_from__lte=since, first_at__gt=since)
    found: datetime | None = days.values_list("first_at", flat=True).first()
    return found


def _wanted(row: CandleSeries, window: Window) -> BarsWanted:
    return BarsWanted(symbol=row.symbol, timeframe=row.timeframe, since=window.since, until=window.until)


def covered(row: CandleSeries) -> Covered:
    return Covered(since=row.covered_from, until=row.covered_to)


def fail(row: CandleSeries, error: ExchangeError, now: datetime) -> None:
    """Not saved yet."""
    row.error, row.failures = str(error)[:500], row.failures + 1
    if isinstance(error, NotSupported):
        row.status, row.failures, row.due_at = SeriesStatus.NOT_OFFERED, 0, now + SELDOM
    else:
        row.status = SeriesStatus.FAILED
        policy = RETRY if isinstance(error, Transient) else BROKEN
        row.due_at = now + policy.wait(failures=row.failures, chance=random())  # noqa: S311
