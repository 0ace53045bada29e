"""Whose candles are read: those of symbols that are held, that a rule or a target names, or that somebody pinned."""

from collections.abc import Collection
from datetime import datetime
from functools import partial

from django.db import transaction

from apps.market.models import CandleSeries, SeriesStatus, WatchedSymbol
from apps.market.signals import symbols_watched

# Symbol and timeframe.
Watched = tuple[str, str]


@transaction.atomic
def watch(source: str, *, exchange_id: str, environment: str, symbols: Collection[Watched], now: datetime) -> bool:
    """All that this source wants there from now on, in the place of what it wanted before. Whether that differs."""
    where = {"source": source, "exchange_id": exchange_id, "environment": environment}
    rows = WatchedSymbol.objects.filter(**where)
    known = {(row.symbol, row.timeframe): row.pk for row in rows}
    gone, new = known.keys() - set(symbols), sorted(set(symbols) - known.keys())
    if not gone and not new:
        return False
    rows.filter(pk__in=[known[name] for name in gone]).delete()
    wanted = [WatchedSymbol(**where, symbol=symbol, timeframe=timeframe) for symbol, timeframe in new]
    WatchedSymbol.objects.bulk_create(wanted, ignore_conflicts=True)
    follow(exchange_id, environment, now)
    return True


@transaction.atomic
def follow(exchange_id: str, environment: str, now: datetime) -> None:
    """Series of what is watched are read on, others rest: what they have is kept until its time."""
    where = {"exchange_id": exchange_id, "environment": environment}
    watched = set(WatchedSymbol.objects.filter(**where).values_list("symbol", "timeframe"))
    series = {(row.symbol, row.timeframe): row for row in CandleSeries.objects.filter(**where)}
    new = [
        CandleSeries(**where, symbol=symbol, timeframe=timeframe, due_at=now)
        for symbol, timeframe in sorted(watched - series.keys())
    ]
    CandleSeries.objects.bulk_create(new, ignore_conflicts=True)
    woken = [row.pk for name, row in series.items() if name in watched and row.due_at is None]
    rested = [row.pk for name, row in series.items() if name not in watched and row.due_at is not None]
    CandleSeries.objects.filter(pk__in=woken).update(due_at=now, status=SeriesStatus.OK, failures=0, error="")
    CandleSeries.objects.filter(pk__in=rested).update(due_at=None)
    if new or woken:
        transaction.on_commit(partial(symbols_watched.send_robust, WatchedSymbol, **where))
