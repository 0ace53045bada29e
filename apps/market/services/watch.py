"""Whose candles are read: those of symbols that are held, that a rule or a target names, or that somebody pinned."""

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import partial

from django.db import transaction

from apps.market.models import CandleSeries, SeriesStatus, WatchedSymbol
from apps.market.signals import symbols_watched
from apps.users.models import Workspace

# Symbol and timeframe.
Watched = tuple[str, str]


def watch(
    source: str,
    *,
    exchange_id: str,
    environment: str,
    symbols: Collection[Watched],
    now: datetime,
    workspace: Workspace | None = None,
) -> bool:
    """All that this source wants there from now on, in the place of what it wanted before. Whether that differs.

    With a `workspace` all that it wants for this one. Pins of workspaces come one by one: `services.pins`.
    """
    where = {"source": source, "exchange_id": exchange_id, "environment": environment, "workspace": workspace}
    wanted = set(symbols)
    # Nearly always nothing has changed, and then nobody is kept waiting.
    if wanted == set(WatchedSymbol.objects.filter(**where).values_list("symbol", "timeframe")):
        return False
    with transaction.atomic():
        # Two of one source: the second replaces what the first wanted, all of it.
        rows = WatchedSymbol.objects.filter(**where).order_by("pk").select_for_update()
        known = {(row.symbol, row.timeframe): row.pk for row in rows}
        gone, new = known.keys() - wanted, sorted(wanted - known.keys())
        WatchedSymbol.objects.filter(pk__in=[known[name] for name in gone]).delete()
        made = [WatchedSymbol(**where, symbol=symbol, timeframe=timeframe) for symbol, timeframe in new]
        WatchedSymbol.objects.bulk_create(made, ignore_conflicts=True)
        follow(exchange_id, environment, now)
    return bool(gone or new)


@transaction.atomic
def follow(exchange_id: str, environment: str, now: datetime) -> None:
    """Series of what is watched are read on, others rest: what they have is kept until its time."""
    where = {"exchange_id": exchange_id, "environment": environment}
    # Locked as who stores candles locks them, and before it is looked who watches: who comes second sees what the
    # first has changed.
    rows = CandleSeries.objects.filter(**where).order_by("pk").select_for_update()
    series = {(row.symbol, row.timeframe): row for row in rows}
    watched = set(WatchedSymbol.objects.filter(**where).values_list("symbol", "timeframe"))
    new = [
        CandleSeries(**where, symbol=symbol, timeframe=timeframe, due_at=now)
        for symbol, timeframe in sorted(watched - series.keys())
    ]
    CandleSeries.objects.bulk_create(new, ignore_conflicts=True)
    woken = [row.pk for name, row in series.items() if name in watched and row.due_at is None]
    rested = [row.pk for name, row in series.items() if name not in watched and row.due_at is not None]
    _wake(woken, now)
    CandleSeries.objects.filter(pk__in=rested).update(due_at=None)
    if new or woken:
        transaction.on_commit(partial(symbols_watched.send_robust, WatchedSymbol, **where))


def follow_all(now: datetime) -> None:
    """What went without a word, as the pins of a workspace that is deleted."""
    for exchange_id, environment in sorted(_places()):
        follow(exchange_id, environment, now)


def _wake(pks: Iterable[int], now: datetime) -> None:
    """With all its chances again."""
    fresh = {"status": SeriesStatus.OK, "failures": 0, "error": "", "told_from": None, "is_behind": True}
    CandleSeries.objects.filter(pk__in=list(pks)).update(due_at=now, **fresh)


def _places() -> set[tuple[str, str]]:
    read = CandleSeries.objects.filter(due_at__isnull=False).order_by()
    watched = WatchedSymbol.objects.order_by()
    names = ("exchange_id", "environment")
    return {*read.values_list(*names).distinct(), *watched.values_list(*names).distinct()}
