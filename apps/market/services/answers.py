"""What an answer makes of a series: candles, holes, how far it has been read, and when it is asked for again."""

from collections.abc import Sequence
from datetime import datetime
from random import random

from django.db import DatabaseError, OperationalError, transaction

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.errors import STOPS_ALL, BadResponse, ExchangeError, NotSupported
from alphapulse.exchanges.reading import BarsRead
from alphapulse.market import backfill, timeframes
from alphapulse.market.backfill import Answer, Covered, Window
from alphapulse.market.candles import candles, holes
from apps.market.models import Candle, CandleHole, CandleSeries, SeriesStatus
from apps.market.services.candles import store_candles
from apps.market.services.series import UNFINISHED, covered, fail, start

_MOVED = [
    "covered_from",
    "covered_to",
    "newest_read_at",
    "told_from",
    "due_at",
    "is_behind",
    "status",
    "failures",
    "error",
]


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
    rests = row.due_at is None
    try:
        with transaction.atomic():
            written = _store(row, reads, now)
    except OperationalError:
        raise
    except (DatabaseError, ValueError, TypeError) as problem:
        row.refresh_from_db()
        written = 0
        fail(row, BadResponse(f"The database refused what {row.exchange_id} told of {row}: {problem}"), now)
    if rests:
        # Nobody watches it any more.
        row.due_at = None
    row.save(update_fields=_MOVED)
    return written


def _store(row: CandleSeries, reads: Sequence[BarsRead], now: datetime) -> int:
    written, is_known = 0, row.failures > 0
    for read in reads:
        if isinstance(read.error, STOPS_ALL):
            # The exchange's trouble, and none of this series'.
            break
        error = read.error or _doubt(row, read, is_known=is_known)
        if error is not None:
            fail(row, error, now)
            break
        written += _take(row, read, now)
        _go_on(row, read.as_of, now)
    return written


def _doubt(row: CandleSeries, read: BarsRead, *, is_known: bool) -> ExchangeError | None:
    """Why an answer proves nothing, though it is one. What would have us ask no more, or all anew, may be a slip: it is
    believed the second time (`is_known`).
    """
    name = catalogue.exchange(row.exchange_id).name
    if read.rows and all(bar.opened_at != timeframes.floor(bar.opened_at, row.timeframe) for bar in read.rows):
        begin = f"{read.rows[0].opened_at:%a %H:%M}"
        return NotSupported(f"{name} begins its candles of {row.timeframe} at {begin} UTC, not as others do.")
    if read.newer is not None and read.newer > read.as_of:
        return BadResponse(f"{name} told candles of {row.symbol} that are still to come.")
    if not (is_known and (read.rows or read.newer)) and _lacks_known(row, read):
        return BadResponse(f"{name} no longer tells the newest candle of {row.symbol} that it told.")
    if not is_known and backfill.is_untold(_answer(read), newest=row.last_at):
        since = f"{read.wanted.since:%Y-%m-%d %H:%M}"
        return BadResponse(f"{name} told its newest candles of {row.symbol} in place of those from {since} on.")
    return None


def _answer(read: BarsRead) -> Answer:
    window = Window(since=read.wanted.since, until=read.wanted.until)
    return Answer(window=window, as_of=read.as_of, opened=[bar.opened_at for bar in read.rows], newer=read.newer)


def _lacks_known(row: CandleSeries, read: BarsRead) -> bool:
    """Whether the newest closed candle that we know was asked for again, and not told."""
    wanted = read.wanted
    if row.covered_to is None or not wanted.since < row.covered_to <= wanted.until:
        return False
    known = Candle.objects.filter(series=row, timeframe=row.timeframe, is_closed=True)
    told = [bar.opened_at for bar in read.rows]
    return known.filter(opened_at__gte=wanted.since, opened_at__lt=row.covered_to).exclude(opened_at__in=told).exists()


def _take(row: CandleSeries, read: BarsRead, now: datetime) -> int:
    """The candles and holes of one answer, and how far it brings the series. Returns how many candles are new."""
    answer, known = _answer(read), backfill.wanted(covered(row), wanted_since=_start(row, now))
    if read.rows and _lacks_known(row, read):
        # It told the newest alone: what is between is not known, and a new stretch begins.
        known = Covered()
    row.covered_from, row.covered_to = known.since, known.until
    if backfill.is_untold(answer, newest=row.last_at):
        reached = backfill.without(known, answer)
        row.told_from = reached.since
    else:
        _remember_holes(row, answer, now)
        reached = backfill.after(known, answer, timeframe=row.timeframe)
    written = store_candles(row, candles(read.rows, symbol=row.symbol, timeframe=row.timeframe, as_of=read.as_of))
    row.refresh_from_db(fields=["first_at", "last_at"])
    row.covered_from, row.covered_to = reached.since, reached.until
    if answer.window.until > timeframes.floor(read.as_of, row.timeframe):
        row.newest_read_at = now
    return written


def _go_on(row: CandleSeries, as_of: datetime, now: datetime) -> None:
    row.status, row.failures, row.error = SeriesStatus.OK, 0, ""
    row.is_behind = backfill.is_behind(
        covered(row), timeframe=row.timeframe, wanted_since=_start(row, now), now=min(as_of, now)
    )
    edge = timeframes.ends(timeframes.floor(now, row.timeframe), row.timeframe) + backfill.LATE
    spread = random() * min(UNFINISHED, edge - now) / 20  # noqa: S311  (spreading load, not secrets)
    row.due_at = now if row.is_behind else min(edge, now + UNFINISHED) + spread


def _start(row: CandleSeries, now: datetime) -> datetime:
    keeps = [each.keeps for each in catalogue.exchange(row.exchange_id).candles if each.keeps is not None]
    return start(row, max(keeps, default=None), now)


def _remember_holes(row: CandleSeries, answer: Answer, now: datetime) -> None:
    """Between the candles of a window, and to those beside it. What was a hole and has come meanwhile is none."""
    if not answer.opened:
        return
    found = holes([*answer.opened, *_beside(row, answer)], row.timeframe)
    # A candle that has not come by its end may be late.
    settled = [hole for hole in found if hole.until <= timeframes.floor(answer.as_of - backfill.LATE, row.timeframe)]
    row.holes.filter(since__lt=answer.window.until, until__gt=answer.window.since).exclude(
        since__in=[hole.since for hole in settled]
    ).delete()
    CandleHole.objects.bulk_create(
        [CandleHole(series=row, since=hole.since, until=hole.until, found_at=now) for hole in settled],
        update_conflicts=True,
        unique_fields=["series", "since"],
        update_fields=["until"],
    )


def _beside(row: CandleSeries, answer: Answer) -> list[datetime]:
    """The candles before and after those of an answer, where all between has been asked for."""
    if row.covered_from is None or row.covered_to is None:
        return []
    if answer.window.until < row.covered_from or row.covered_to < answer.window.since:
        return []
    read = Candle.objects.filter(
        series=row, timeframe=row.timeframe, opened_at__gte=row.covered_from, opened_at__lt=row.covered_to
    )
    before, after = read.filter(opened_at__lt=min(answer.opened)), read.filter(opened_at__gt=max(answer.opened))
    times = (before.order_by("-opened_at"), after.order_by("opened_at"))
    return [at for each in times for at in each.values_list("opened_at", flat=True)[:1]]
