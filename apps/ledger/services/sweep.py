"""One look into each market in which nobody expects anything: what is complete is proven, not assumed.

Only lists that tell a market's whole past in one request are swept: those whose rows go by id. What a look finds gets
a cursor of its own, as every market has in which something is expected; those are not looked at here.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import takewhile

from django.db.models import Min

from alphapulse.exchanges.errors import ExchangeError, NotSupported, PermissionMissing, Transient
from alphapulse.exchanges.exchange import REQUESTS_A_STEP
from alphapulse.exchanges.facts import History
from alphapulse.exchanges.history import Cursor, Step, Wanted
from alphapulse.types import SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import LEFT_OUT, HistoryCursor, HistoryStatus, HistorySweep
from apps.ledger.services import cursors, histories
from apps.market import services as market

# What is swept is fills: an order that was never filled moved nothing.
KIND = SyncKind.TRADES
# A round begins that long after the last was through, for who buys and sells between two syncs leaves no trace.
AGAIN = timedelta(days=30)
# No markets are known: they are being read.
SOON = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """The next looks of one account's sweep. `symbols` are all that there are, in order."""

    sweep: HistorySweep
    history: History
    symbols: Sequence[str]
    wanted: Sequence[Wanted]


def looks(accounts: Iterable[ExchangeAccount], now: datetime) -> dict[int, Looks]:
    """By account: where to look next. Of those without, nothing is left for now."""
    listed = cache(market.listed)
    found = ((account.pk, _looks(account, listed, now)) for account in accounts)
    return {account_id: next_looks for account_id, next_looks in found if next_looks}


def next_due(account: ExchangeAccount) -> datetime | None:
    """When the first of its sweeps goes on; None: there is none yet."""
    sources = [history.source for history in _lists(account)]
    return HistorySweep.objects.filter(account=account, source__in=sources).aggregate(first=Min("due_at"))["first"]


def is_behind(account: ExchangeAccount) -> bool:
    """Is there a sweep that has never been through, and can be?"""
    sources = [history.source for history in _lists(account)]
    rows = HistorySweep.objects.filter(account=account, source__in=sources, through_at=None)
    return rows.exclude(status__in=LEFT_OUT).exists()


def is_readable(account: ExchangeAccount) -> bool:
    """Is there a list to be swept that the key may read, or that nobody has tried?"""
    rows = HistorySweep.objects.filter(account=account, status__in=LEFT_OUT)
    return bool({history.source for history in _lists(account)} - set(rows.values_list("source", flat=True)))


def put_off(looks: Looks, *, until: datetime) -> None:
    """Nothing is wrong with it."""
    HistorySweep.objects.filter(pk=looks.sweep.pk, due_at__lt=until).update(due_at=until)


def ask_again(account_id: int, now: datetime) -> None:
    """Somebody wants it to go on now, or to begin another round."""
    HistorySweep.objects.filter(account=account_id, due_at__gt=now).update(due_at=now)


def _lists(account: ExchangeAccount) -> list[History]:
    swept = [history.source for history in account.exchange.swept]
    return [history for history in cursors.lists(KIND, account) if history.source in swept]


def _looks(account: ExchangeAccount, listed: cursors.Listing, now: datetime) -> Looks | None:
    for history in _lists(account):
        first = {"began_at": now, "due_at": now}
        sweep, _ = HistorySweep.objects.get_or_create(account=account, source=history.source, defaults=first)
        if sweep.due_at <= now and (found := _next_looks(account, sweep, history, listed, now)):
            return found
    return None


def _next_looks(
    account: ExchangeAccount, sweep: HistorySweep, history: History, listed: cursors.Listing, now: datetime
) -> Looks | None:
    markets = listed(account.exchange_id, account.environment, history.market_type, history.is_inverse)
    symbols = [each.symbol for each in markets]
    rows = HistoryCursor.objects.filter(account=account, kind=KIND, source=history.source)
    known = set(rows.values_list("symbol", flat=True))
    left = [symbol for symbol in symbols[bisect_right(symbols, sweep.symbol) :] if symbol not in known]
    if not left:
        _rest(sweep, len(symbols), now)
        return None
    cursor = Cursor(reached_at=cursors.start(account, history, now))
    wanted = [Wanted(source=history.source, symbol=symbol, cursor=cursor) for symbol in left[:REQUESTS_A_STEP]]
    return Looks(sweep=sweep, history=history, symbols=symbols, wanted=wanted)


def _rest(sweep: HistorySweep, listed: int, now: datetime) -> None:
    """It is through; or nobody knows yet through what."""
    done = {"through_at": now, "symbol": "", "looked": listed, "listed": listed, "due_at": now + AGAIN}
    HistorySweep.objects.filter(pk=sweep.pk).update(**done if listed else {"due_at": now + SOON})


def store(account: ExchangeAccount, looked: Looks, steps: Sequence[Step], now: datetime) -> int:
    """What the looks found, and how far they came, together. Returns how many rows are new or different."""
    done = list(takewhile(lambda step: not isinstance(step.error, STOPS), steps))
    stopped_by = steps[len(done)].error if len(done) < len(steps) else None
    if not _move(looked, done[-1].symbol if done else looked.sweep.symbol, stopped_by, now):
        return 0
    found = [_cursor(account, looked.history, step, now) for step in done if _found(step)]
    HistoryCursor.objects.bulk_create(found, ignore_conflicts=True)
    return histories.store_rows(KIND, [(account, step) for step in done])


# It is not this market's trouble: the others would have it, too.
STOPS = (PermissionMissing, Transient)


def _found(step: Step) -> bool:
    """Is there anything to be read on? A market that is gone has nothing; one that cannot be read may have."""
    if step.error is not None:
        return not isinstance(step.error, NotSupported)
    return bool(step.rows) or not step.is_caught_up


def _cursor(account: ExchangeAccount, history: History, step: Step, now: datetime) -> HistoryCursor:
    found = cursors.begun(account, KIND, history, step.symbol, now, why=HistoryCursor.Why.SWEPT)
    cursors.move(found, step, rest=cursors.IDLE, asked_at=now, now=now)
    return found


def _move(looked: Looks, symbol: str, stopped_by: ExchangeError | None, now: datetime) -> bool:
    """False: it was set anew meanwhile."""
    sweep, before = looked.sweep, looked.sweep.symbol
    sweep.symbol, sweep.listed = symbol, len(looked.symbols)
    sweep.looked = bisect_right(looked.symbols, symbol)
    if not before:
        sweep.began_at = now
    if stopped_by:
        cursors.fail(sweep, stopped_by, now)
    else:
        sweep.status, sweep.failures, sweep.error, sweep.due_at = HistoryStatus.OK, 0, "", now
    values = {name: getattr(sweep, name) for name in _MOVED}
    return HistorySweep.objects.filter(pk=sweep.pk, symbol=before).update(**values) == 1


_MOVED = ("symbol", "looked", "listed", "began_at", "status", "failures", "error", "due_at")
