"""Which lists of an account are read on next, and where each stands after a step. Moved by the claim's holder alone."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from random import random

from django.db.models import F, Min, QuerySet, Value
from django.db.models.functions import Least

from alphapulse.exchanges.errors import ExchangeError, NotSupported, PermissionMissing, Transient
from alphapulse.exchanges.exchange import REQUESTS_A_STEP
from alphapulse.exchanges.expected import Listed, expected
from alphapulse.exchanges.facts import History
from alphapulse.exchanges.history import Step, Wanted
from alphapulse.resilience.retry import RetryPolicy
from alphapulse.types import HISTORY_KINDS, SyncKind
from apps.core.upsert import upsert
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import LEFT_OUT, HistoryCursor, HistoryStatus, HistorySweep, ReadOn, Sighting
from apps.market import services as market

# A market that has caught up is looked at when the account moved there, and once a day.
IDLE = timedelta(days=1)
# What is not permitted or not offered may be some day.
SELDOM = timedelta(days=1)
# An answer that brings us nowhere is not asked for again at once.
STALLED = timedelta(minutes=5)
RETRY = RetryPolicy()
BROKEN = RetryPolicy(first=timedelta(minutes=5), cap=timedelta(days=1))
# What the exchange is about to forget may be gone when we ask.
KEPT_MARGIN = timedelta(hours=1)

# The markets of an exchange, environment and type, inverse or not: asked for once a batch.
Listing = Callable[[str, str, str, bool], list[Listed]]


# --- Before a step ------------------------------------------------------------------------------------------------


def wanted(kind: SyncKind, accounts: Iterable[ExchangeAccount], now: datetime) -> dict[int, list[Wanted]]:
    """By account: what its next step reads on, whose turn is longest ago first. May be nothing."""
    listed = cache(market.listed)
    return {account.pk: _wanted(kind, account, listed, now) for account in accounts}


def next_due(kind: SyncKind, account: ExchangeAccount) -> datetime | None:
    """When the first of its lists is to be read on; None: it has none yet."""
    return _asked(kind, account).aggregate(first=Min("due_at"))["first"]


def is_behind(kind: SyncKind, account: ExchangeAccount) -> bool:
    """Is there a list whose end has not been reached, and can be?"""
    return _asked(kind, account).filter(is_behind=True).exclude(status__in=LEFT_OUT).exists()


def is_readable(kind: SyncKind, account: ExchangeAccount) -> bool:
    """Is there a list that the key may read and the exchange tells, or that may come: of another market?"""
    refused = _asked(kind, account).filter(status=HistoryStatus.NOT_PERMITTED).exists()
    may_come = not refused and any(history.market_type for history in lists(kind, account))
    return may_come or _asked(kind, account).exclude(status__in=LEFT_OUT).exists()


def put_off(kind: SyncKind, account: ExchangeAccount, sources: Iterable[str], *, until: datetime) -> None:
    """Those of these lists that are due; nothing is wrong with them."""
    _asked(kind, account).filter(source__in=list(sources), due_at__lt=until).update(due_at=until)


def ask_again(kind: SyncKind, account_id: int, now: datetime) -> None:
    """Somebody wants to know it now: all of the account's lists are due, those that wait for nothing, too."""
    HistoryCursor.objects.filter(account=account_id, kind=kind, due_at__gt=now).update(due_at=now)


def read_again(rows: QuerySet[HistoryCursor], *, since: datetime | None, now: datetime) -> int:
    """From then on, or each from its own start, whatever was read. Returns how many lists that are.

    What is there is not stored twice. A start that is earlier than before is the new start.
    """
    earliest = (
        {"start_at": Least("start_at", Value(since)), "reached_at": since} if since else {"reached_at": F("start_at")}
    )
    begun = {"page": "", "window_until": None, "caught_up_at": None, "is_behind": True, "due_at": now}
    return rows.update(**earliest, **begun, status=HistoryStatus.OK, failures=0, error="")


def follow_account(account: ExchangeAccount, now: datetime) -> None:
    """After it was changed: another key may be allowed more, and its owner may want more of the past, or less."""
    for rows in (HistoryCursor.objects, HistorySweep.objects):
        rows.filter(account=account, status=HistoryStatus.NOT_PERMITTED, due_at__gt=now).update(due_at=now)
    wanted = account.history_start
    HistoryCursor.objects.filter(account=account, start_at__lt=wanted).update(start_at=wanted)
    for kind in HISTORY_KINDS:
        for history in lists(kind, account):
            since = start(account, history, now)
            late = HistoryCursor.objects.filter(account=account, kind=kind, source=history.source, start_at__gt=since)
            if history.goes_by_id:
                # Those are read from the first of all on.
                late.update(start_at=since)
            else:
                read_again(late, since=since, now=now)


def lists(kind: SyncKind, account: ExchangeAccount) -> list[History]:
    """What is read of an account: all that its exchange tells, of the wallets that its owner chose."""
    told = account.exchange.histories.get(kind, ())
    return [each for each in told if not account.wallets or each.wallet in ("", *account.wallets)]


def start(account: ExchangeAccount, history: History, now: datetime) -> datetime:
    """From when on a list is read: what is wanted, as far as the exchange still tells it."""
    if history.keeps is None:
        return account.history_start
    return max(account.history_start, now - history.keeps + KEPT_MARGIN)


def begun(
    account: ExchangeAccount, kind: SyncKind, history: History, symbol: str, now: datetime, **fields: object
) -> HistoryCursor:
    """A cursor at its start; not saved yet."""
    start_at = start(account, history, now)
    why = HistoryCursor.Why.LIKELY if symbol else HistoryCursor.Why.WHOLE
    first = {"why": why, "start_at": start_at, "reached_at": start_at, "due_at": now}
    return HistoryCursor(account=account, kind=kind, source=history.source, symbol=symbol, **(first | fields))


def _wanted(kind: SyncKind, account: ExchangeAccount, listed: Listing, now: datetime) -> list[Wanted]:
    _follow_sightings(kind, account, listed, now)
    _skip_forgotten(kind, account, now)
    due = _asked(kind, account).filter(due_at__lte=now).order_by("due_at", "pk")[:REQUESTS_A_STEP]
    return [Wanted(source=row.source, symbol=row.symbol, cursor=row.cursor) for row in due]


def _asked(kind: SyncKind, account: ExchangeAccount) -> QuerySet[HistoryCursor]:
    sources = [history.source for history in lists(kind, account)]
    return HistoryCursor.objects.filter(account=account, kind=kind, source__in=sources)


def _follow_sightings(kind: SyncKind, account: ExchangeAccount, listed: Listing, now: datetime) -> None:
    """What is new there makes markets likely for all kinds at once: none is called complete meanwhile.

    Without markets nothing can be made of it yet.
    """
    new = list(Sighting.objects.filter(account=account, is_followed=False).values_list("pk", flat=True))
    for each in HISTORY_KINDS if new else (kind,):
        _make_missing(each, account, listed, now)
    if new and market.are_listed(account.exchange_id, account.environment):
        Sighting.objects.filter(pk__in=new).update(is_followed=True)


def _make_missing(kind: SyncKind, account: ExchangeAccount, listed: Listing, now: datetime) -> None:
    there = set(_asked(kind, account).values_list("source", "symbol"))
    seen = set(Sighting.objects.filter(account=account).values_list("wallet", "name"))
    new = [
        begun(account, kind, history, symbol, now)
        for history in lists(kind, account)
        for symbol in _symbols(account, history, seen, listed)
        if (history.source, symbol) not in there
    ]
    HistoryCursor.objects.bulk_create(new, ignore_conflicts=True)


def _symbols(account: ExchangeAccount, history: History, seen: Iterable[tuple[str, str]], listed: Listing) -> list[str]:
    """`""` for a list of all markets."""
    if not history.market_type:
        return [""]
    anywhere = {name for _, name in seen}
    here = {name for wallet, name in seen if wallet == history.wallet} if history.is_apart else anywhere
    markets = listed(account.exchange_id, account.environment, history.market_type, history.is_inverse)
    return expected(markets, anywhere, here)


def _skip_forgotten(kind: SyncKind, account: ExchangeAccount, now: datetime) -> None:
    """What the exchange no longer tells cannot be read any more: complete is only what comes after the gap."""
    for history in lists(kind, account):
        if history.keeps is not None:
            oldest = now - history.keeps
            late = _asked(kind, account).filter(source=history.source, reached_at__lt=oldest)
            begins = oldest + KEPT_MARGIN
            late.update(start_at=begins, reached_at=begins, page="", window_until=None)


# --- After it -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSteps:
    """What was wanted of one account's histories, and what became of it.

    `rest`: how long a list of all markets need not be asked for when nothing is left there.
    """

    account: ExchangeAccount
    wanted: Sequence[Wanted]
    steps: Sequence[Step]
    rest: timedelta


def follow(kind: SyncKind, told: Sequence[AccountSteps], *, asked_at: datetime, now: datetime) -> None:
    """Moves the cursors behind what was stored. One that was set anew meanwhile stays where it was set."""
    begun_at = {_name(one, each): each.cursor for one in told for each in one.wanted}
    steps = {_name(one, step): (step, one.rest) for one in told for step in one.steps}
    moved = []
    for row in _locked(kind, steps):
        name = (row.account_id, row.source, row.symbol)
        if begun_at.get(name) == row.cursor:
            step, rest = steps[name]
            move(row, step, rest=IDLE if row.symbol else rest, asked_at=asked_at, now=now)
            moved.append({column: getattr(row, column) for column in _COLUMNS})
    upsert(HistoryCursor, moved, key=_KEY)
    for (account_id, *_), (step, _) in steps.items():
        if isinstance(step.error, PermissionMissing):
            _leave_source(kind, account_id, step, now)


_KEY = ("account_id", "kind", "source", "symbol")
_COLUMNS = [field.column for field in HistoryCursor._meta.concrete_fields if not field.primary_key]


def _name(one: AccountSteps, of: Wanted | Step) -> tuple[int, str, str]:
    return one.account.pk, of.source, of.symbol


def _locked(kind: SyncKind, names: Collection[tuple[int, str, str]]) -> list[HistoryCursor]:
    accounts, sources, symbols = ({name[place] for name in names} for place in range(3))
    rows = HistoryCursor.objects.filter(account__in=accounts, kind=kind, source__in=sources, symbol__in=symbols)
    pks = [pk for pk, *name in rows.values_list("pk", "account_id", "source", "symbol") if tuple(name) in names]
    return list(HistoryCursor.objects.filter(pk__in=pks).order_by("pk").select_for_update())


def move(row: HistoryCursor, step: Step, *, rest: timedelta, asked_at: datetime, now: datetime) -> None:
    """Where the step brought it, and when it comes next; not saved yet."""
    has_moved = bool(step.rows) or row.cursor != step.cursor
    row.cursor = step.cursor
    if step.error is not None:
        fail(row, step.error, now)
        return
    row.status, row.failures, row.error = HistoryStatus.OK, 0, ""
    row.is_behind = not step.is_caught_up
    if not step.is_caught_up:
        row.due_at = now if has_moved else now + STALLED
        return
    row.caught_up_at = now
    is_hinted = row.hinted_at is not None and row.hinted_at >= asked_at
    row.due_at = now if is_hinted else now + rest


def fail(row: ReadOn, error: ExchangeError, now: datetime) -> None:
    """Not saved yet."""
    row.error, row.failures = str(error)[:500], row.failures + 1
    if isinstance(error, PermissionMissing | NotSupported):
        is_missing = isinstance(error, PermissionMissing)
        row.status = HistoryStatus.NOT_PERMITTED if is_missing else HistoryStatus.NOT_OFFERED
        row.failures, row.due_at = 0, now + SELDOM
    else:
        row.status = HistoryStatus.FAILED
        policy = RETRY if isinstance(error, Transient) else BROKEN
        row.due_at = now + policy.wait(failures=row.failures, chance=random())  # noqa: S311


def _leave_source(kind: SyncKind, account_id: int, step: Step, now: datetime) -> None:
    """What the key may not read of one market, it may not read of the others."""
    others = HistoryCursor.objects.filter(account=account_id, kind=kind, source=step.source, due_at__lte=now)
    others.update(status=HistoryStatus.NOT_PERMITTED, error=str(step.error)[:500], failures=0, due_at=now + SELDOM)
