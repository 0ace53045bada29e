"""Books calculated and stored. Whatever happens on the way, the row says so, and it is tried again after a while.

What a long past was worth is the same by all methods, and most of the work: statements that wait for a worker together
are calculated together.
"""

import gc
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, NamedTuple

import orjson
from celery.exceptions import SoftTimeLimitExceeded
from django.db.models import Count, Max, Q, QuerySet
from loguru import logger

from alphapulse.portfolio.bookings import Booking, Why
from alphapulse.portfolio.books import keep_books
from alphapulse.portfolio.lots import Method
from alphapulse.portfolio.worths import value
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import FundingPayment, LedgerEntry, Trade, Transfer
from apps.market.models import AssetAlias
from apps.market.services.assets import known_aliases, pegs
from apps.portfolio.models import Statement
from apps.portfolio.services.content import flows_of, written
from apps.portfolio.services.happenings import accounts_of, happened_to
from apps.portfolio.services.past_prices import past_prices
from apps.portfolio.services.priced_from import Needs, known_prices, needs_of

# Another number, and every statement is calculated anew.
VERSION = 7
# A worker may take so long: a million rows take a third of it. Whoever has not come back some time later was ended.
LONGEST = timedelta(minutes=5)
LEASE = LONGEST + timedelta(minutes=1)
# So many times as long as it took it rests: of who trades every second, books take a tenth of a worker.
RESTS = 9
# After that many tries in a row that came to nothing. The first may have been the machine's fault.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (0, 1, 5, 30, 120))
# What lacks prices is tried again, though nothing is known to have come.
BETTER_AFTER = timedelta(hours=1)

TOO_LONG = f"It took more than {LONGEST // timedelta(minutes=1)} minutes."
TOO_LARGE = "It needs more memory than there is."
LOST = "The worker that calculated it ended before it was done; perhaps it needs more memory than there is."
OURS = "Something went wrong here; it has been logged."


def is_wanted(statement: Statement, found: str, now: datetime) -> bool:
    """It is not made from what is `found`, or may have fewer gaps by now."""
    if statement.content is None or statement.made_at is None or statement.made_from != found:
        return True
    return bool(statement.content["gaps"]) and now - statement.made_at >= BETTER_AFTER


class Found(NamedTuple):
    """What there is to make a statement from, in 64 letters: rows of the ledger, so many, and prices. `read_back`:
    symbols whose candles are still to come."""

    letters: str
    rows: int
    read_back: Sequence[str]


def made_from(statement: Statement, accounts: Sequence[ExchangeAccount]) -> Found:
    """Of prices those that it needs by what it tells now: where it needs others, its rows are others, too."""
    told, rows = _rows(statement, accounts)
    par = pegs() if statement.is_at_par else {}
    prices = known_prices(statement, needs_of(statement), known_aliases(), par)
    return Found(_letters(told, prices.told), rows, prices.read_back)


def _letters(*told: Any) -> str:
    return hashlib.sha256(orjson.dumps(told, default=str)).hexdigest()


def _rows(statement: Statement, accounts: Sequence[ExchangeAccount]) -> tuple[list[Any], int]:
    """Of the ledger, and what they mean; and how many they are."""
    pks = [account.pk for account in accounts]
    counts = [
        model.objects.filter(account__in=pks).aggregate(count=Count("pk"), last=Max("pk"))  # type: ignore[attr-defined]
        for model in (Trade, Transfer, FundingPayment, LedgerEntry)
    ]
    # Of all rows, these alone change: a transfer arrives, or fails.
    statuses = Transfer.objects.filter(account__in=pks).order_by("status").values_list("status").annotate(Count("pk"))
    told = [
        VERSION,
        [(account.pk, account.archived_at, account.exchange_uid) for account in accounts],
        counts,
        list(statuses),
        list(AssetAlias.objects.order_by("pk").values_list()),
        sorted(pegs().items()) if statement.is_at_par else [],
    ]
    return told, sum(count["count"] for count in counts)


# --- By a worker ------------------------------------------------------------------------------------------------------


def work_at(statement_id: int, *, message: str, now: datetime) -> None:
    """`message` is the id of what brought the work here."""
    statement = _begun(statement_id, message, now)
    if statement is not None:
        waiting = _asked_like(statement).values_list("pk", flat=True)
        others = [_begun(pk, message, now) for pk in waiting.order_by("pk")]
        with _without_collections():
            _try([statement, *(other for other in others if other)], now)


def _begun(statement_id: int, message: str, now: datetime) -> Statement | None:
    """Ours to calculate; None where it need not be, shall not be now, or somebody else is at it.

    The message of whoever is at it, come once more, says that its worker is lost: the broker keeps a message until its
    work has ended, one way or another.
    """
    statement = Statement.objects.light().select_related("workspace").filter(pk=statement_id).first()
    if statement is None:
        return None
    if statement.begun_at is not None:
        if statement.begun_by != message and now - statement.begun_at < LEASE:
            return None
        _fail(statement, LOST, now)
    found = made_from(statement, accounts_of(statement.workspace, statement.environment)).letters
    mine = Statement.objects.filter(pk=statement.pk, begun_at=None)
    if statement.rests(now) or not is_wanted(statement, found, now):
        mine.update(asked_at=None)
        return None
    return statement if mine.update(begun_at=now, begun_by=message) else None


def _asked_like(statement: Statement) -> QuerySet[Statement]:
    alike = {name: getattr(statement, name) for name in ("workspace", "environment", "currency", "is_at_par")}
    return Statement.objects.filter(asked_at__isnull=False, **alike).exclude(pk=statement.pk)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Books are millions of objects without a circle: looking for one again and again takes a fifth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


# --- Here -------------------------------------------------------------------------------------------------------------


def try_to_keep(statement: Statement, now: datetime) -> None:
    """The row tells how it went."""
    _try([statement], now)


def _try(statements: Sequence[Statement], now: datetime) -> None:
    begun, left = monotonic(), list(statements)
    error = ""
    try:
        _keep(left, now)
    except SoftTimeLimitExceeded:
        error = TOO_LONG
    except MemoryError:
        error = TOO_LARGE
    except Exception:  # noqa: BLE001 - the row says so, and it is tried again
        error = OURS
        logger.exception("statement {} could not be calculated", left[0].pk)
    for statement in left:
        _fail(statement, error, now + timedelta(seconds=monotonic() - begun))


def _fail(statement: Statement, error: str, now: datetime) -> None:
    failures = statement.failures + 1
    waits = WAITS[min(failures, len(WAITS)) - 1]
    changed = {"failures": failures, "error": error, "rests_until": now + waits, "begun_at": None, "asked_at": None}
    _change(statement, Q(), changed)


def keep(statement: Statement, now: datetime) -> None:
    """Calculates it and stores it, unless a later calculation was stored first. Raises what goes wrong."""
    _keep([statement], now)


def _keep(statements: list[Statement], now: datetime) -> None:
    """Of one workspace, environment and currency. What is done is taken out of the list."""
    begun, first = monotonic(), statements[0]
    accounts = accounts_of(first.workspace, first.environment)
    # Before they are read, and prices before those are: what comes meanwhile is seen next time.
    rows, _ = _rows(first, accounts)
    aliases = known_aliases()
    happened, left = happened_to(accounts, aliases)
    bookings = [*happened.bookings, *left]
    par = pegs() if first.is_at_par else {}
    found = _letters(rows, known_prices(first, _needs(bookings), aliases, par).told)
    of = first.workspace, first.environment, first.currency
    prices = past_prices(bookings, *of, aliases, par).into(first.currency)
    valued, sources = value(bookings, prices)
    moved = {(move.asset, each.at) for each in bookings if each.why is Why.OWN for move in each.moves}
    own = {(asset, at): (price := prices.price(asset, at)) and price.value for asset, at in sorted(moved)}
    flows = flows_of(valued, own)
    while statements:
        books = keep_books(valued, method=Method(statements[0].method), currency=first.currency)
        told = written(books, happened, valued, flows, sources)
        rests_until = now + (1 + RESTS) * timedelta(seconds=monotonic() - begun)
        changed = {"made_from": found, "made_at": now, "rests_until": rests_until, **told, **_DONE}
        _change(statements[0], Q(made_at=None) | Q(made_at__lte=now), changed)
        statements.pop(0)


def _needs(bookings: Sequence[Booking]) -> Needs | None:
    if not bookings:
        return None
    times = [each.at for each in bookings]
    return Needs(frozenset(move.asset for each in bookings for move in each.moves), min(times), max(times))


_DONE = {"asked_at": None, "begun_at": None, "failures": 0, "error": ""}


def _change(statement: Statement, still: Q, changed: dict[str, object]) -> None:
    Statement.objects.filter(still, pk=statement.pk).update(**changed)
    for name, each in changed.items():
        setattr(statement, name, each)
