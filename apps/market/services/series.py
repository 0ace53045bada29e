"""Which candles are read next, what an answer makes of a series, and how long they are kept."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import random

from django.db import DatabaseError, OperationalError, transaction
from django.db.models import Min, QuerySet

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.errors import STOPS_ALL, BadResponse, ExchangeError, NotSupported, Transient
from alphapulse.exchanges.facts import CandleList
from alphapulse.exchanges.reading import BarsRead, BarsWanted
from alphapulse.market import backfill, timeframes
from alphapulse.market.backfill import Covered, Window
from alphapulse.market.candles import candles, holes
from alphapulse.resilience.retry import RetryPolicy
from apps.market.models import Candle, CandleHole, CandleSeries, Market, SeriesStatus
from apps.market.services.candles import store_candles

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
    """How many of them have not been read back to their start."""
    return _asked(exchange_id, environment).filter(is_behind=True).exclude(status=SeriesStatus.NOT_OFFERED).count()


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
    """Somebody wants to know it now: all are due."""
    _asked(exchange_id, environment).filter(due_at__gt=now).update(due_at=now)


def _asked(exchange_id: str, environment: str) -> QuerySet[CandleSeries]:
    return CandleSeries.objects.filter(exchange_id=exchange_id, environment=environment, due_at__isnull=False)


# --- Before a step ------------------------------------------------------------------------------------------------


def plan(exchange_id: str, environment: str, now: datetime, *, requests: int) -> Plan:
    """One window of each series whose turn is longest ago; what is left goes to the first of those that want more."""
    due = list(_asked(exchange_id, environment).filter(due_at__lte=now).order_by("due_at", "pk")[:requests])
    lists = _lists(exchange_id, environment, due, now)
    waiting = {row: list(islice(_windows(row, lists[row], now), requests)) for row in due if row in lists}
    chosen = [(row, window) for row, windows in waiting.items() for window in windows[:1]]
    chosen += [(row, window) for row, windows in waiting.items() for window in windows[1:]]
    bars = [_wanted(row, window) for row, window in chosen[:requests]]
    return Plan(bars=bars, lists=[lists[row] for row, _ in chosen[:requests]])


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
    name = catalogue.exchange(row.exchange_id).name
    if is_known:
        fail(row, NotSupported(f"{name} tells no candles of {row.symbol}."), now)
    else:
        row.due_at = now + timedelta(minutes=1)
    row.save(update_fields=_MOVED)


def _windows(row: CandleSeries, told: CandleList, now: datetime) -> Iterable[Window]:
    since = _start(row, told.keeps, now)
    return backfill.windows(covered(row), timeframe=row.timeframe, wanted_since=since, per_page=told.per_page, now=now)


def _start(row: CandleSeries, keeps: int | None, now: datetime) -> datetime:
    """From when on its candles are wanted, and still told."""
    since = wanted_since(row, now)
    if keeps is None:
        return since
    return max(since, timeframes.step(timeframes.floor(now, row.timeframe), row.timeframe, 1 - keeps))


def _wanted(row: CandleSeries, window: Window) -> BarsWanted:
    return BarsWanted(symbol=row.symbol, timeframe=row.timeframe, since=window.since, until=window.until)


def covered(row: CandleSeries) -> Covered:
    return Covered(since=row.covered_from, until=row.covered_to)


# --- After it -----------------------------------------------------------------------------------------------------

_MOVED = ["covered_from", "covered_to", "due_at", "is_behind", "status", "failures", "error"]


def store(exchange_id: str, environment: str, reads: Sequence[BarsRead], now: datetime) -> int:
    """Candles, holes and how far each series has been read, in one transaction. Returns how many candles are new."""
    names = {(read.wanted.symbol, read.wanted.timeframe) for read in reads}
    series = CandleSeries.objects.filter(exchange_id=exchange_id, environment=environment)
    rows = series.filter(symbol__in={symbol for symbol, _ in names}).order_by("pk").select_for_update()
    of_name = {(row.symbol, row.timeframe): row for row in rows if (row.symbol, row.timeframe) in names}
    return sum(
        _store_or_refuse(row, [read for read in reads if (read.wanted.symbol, read.wanted.timeframe) == name], now)
        for name, row in of_name.items()
    )


def _store_or_refuse(row: CandleSeries, reads: Sequence[BarsRead], now: datetime) -> int:
    """What the database cannot hold costs its own series, not those beside it."""
    try:
        with transaction.atomic():
            return _store(row, reads, now)
    except OperationalError:
        raise
    except (DatabaseError, ValueError, TypeError) as problem:
        row.refresh_from_db()
        fail(row, BadResponse(f"The database refused what {row.exchange_id} told of {row}: {problem}"), now)
        row.save(update_fields=_MOVED)
        return 0


def _store(row: CandleSeries, reads: Sequence[BarsRead], now: datetime) -> int:
    written = 0
    for read in reads:
        if isinstance(read.error, STOPS_ALL):
            # The exchange's trouble, and none of this series'.
            break
        if read.error is not None:
            fail(row, read.error, now)
            break
        window = Window(since=read.wanted.since, until=read.wanted.until)
        _remember_holes(row, read, now)
        told = candles(read.rows, symbol=row.symbol, timeframe=row.timeframe, as_of=read.as_of)
        written += store_candles(row, told)
        row.refresh_from_db(fields=["first_at", "last_at"])
        reached = backfill.after(covered(row), window, timeframe=row.timeframe, as_of=read.as_of)
        row.covered_from, row.covered_to = reached.since, reached.until
        _go_on(row, now)
    row.save(update_fields=_MOVED)
    return written


def _go_on(row: CandleSeries, now: datetime) -> None:
    row.status, row.failures, row.error = SeriesStatus.OK, 0, ""
    keeps = [each.keeps for each in catalogue.exchange(row.exchange_id).candles if each.keeps is not None]
    since = _start(row, max(keeps, default=None), now)
    row.is_behind = backfill.is_behind(covered(row), timeframe=row.timeframe, wanted_since=since, now=now)
    edge = timeframes.ends(timeframes.floor(now, row.timeframe), row.timeframe) + backfill.LATE
    spread = random() * min(UNFINISHED, edge - now) / 20  # noqa: S311  (spreading load, not secrets)
    row.due_at = now if row.is_behind else min(edge, now + UNFINISHED) + spread


def fail(row: CandleSeries, error: ExchangeError, now: datetime) -> None:
    """Not saved yet."""
    row.error, row.failures = str(error)[:500], row.failures + 1
    if isinstance(error, NotSupported):
        row.status, row.failures, row.due_at = SeriesStatus.NOT_OFFERED, 0, now + SELDOM
    else:
        row.status = SeriesStatus.FAILED
        policy = RETRY if isinstance(error, Transient) else BROKEN
        row.due_at = now + policy.wait(failures=row.failures, chance=random())  # noqa: S311


def _remember_holes(row: CandleSeries, read: BarsRead, now: datetime) -> None:
    """Between the candles of a window, and to those beside it. What was a hole and has come meanwhile is none."""
    wanted, opened = read.wanted, [bar.opened_at for bar in read.rows]
    if not opened:
        return
    beside = [
        _beside(row, "-opened_at", opened_at__lt=min(opened)),
        _beside(row, "opened_at", opened_at__gt=max(opened)),
    ]
    found = holes([*opened, *(at for at in beside if at)], row.timeframe)
    # A candle that has not come by its end may be late.
    settled = [hole for hole in found if hole.until <= timeframes.floor(read.as_of - backfill.LATE, row.timeframe)]
    row.holes.filter(since__lt=wanted.until, until__gt=wanted.since).exclude(
        since__in=[hole.since for hole in settled]
    ).delete()
    CandleHole.objects.bulk_create(
        [CandleHole(series=row, since=hole.since, until=hole.until, found_at=now) for hole in settled],
        update_conflicts=True,
        unique_fields=["series", "since"],
        update_fields=["until"],
    )


def _beside(row: CandleSeries, order: str, **where: datetime) -> datetime | None:
    rows = Candle.objects.filter(series=row, timeframe=row.timeframe, **where)
    found: datetime | None = rows.order_by(order).values_list("opened_at", flat=True).first()
    return found
