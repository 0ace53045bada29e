"""Profit and loss, calculated once for each change of what it is made from, and kept.

Few rows are calculated by who asks; many by a compute worker (`portfolio.keep_books`), while who asks is told the last
statement as what it is, or that there is none yet. What lacks a price is tried again after an hour: candles come late.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db.models import Count, Max, Q

from alphapulse.portfolio.bookings import Why
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
from apps.users.models import Workspace

# Another number, and every statement is calculated anew.
VERSION = 4
# So many rows take less than half a second.
AT_ONCE = 1000
# A worker that was asked and has said nothing for so long is asked again.
PATIENCE = timedelta(minutes=3)
TRIED_AGAIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A statement as it is found: `is_current` while it is made from what there is now; `is_wanted`: a worker shall
    calculate it, for it is not, or may have fewer gaps by now."""

    statement: Statement
    is_current: bool
    is_wanted: bool
    rows: int


def statement_of(
    workspace: Workspace, environment: str, *, currency: str, method: Method, is_at_par: bool, now: datetime
) -> Sight:
    """Calculated here where that is quick; else as it was last calculated, perhaps never."""
    names = {"environment": environment, "currency": currency, "method": method.value, "is_at_par": is_at_par}
    statement, _ = Statement.objects.get_or_create(workspace=workspace, **names)
    made_from, rows = _made_from(statement, accounts_of(workspace, environment))
    is_current = statement.made_from == made_from
    is_wanted = not is_current or _may_be_better(statement, now)
    if is_wanted and rows <= AT_ONCE:
        keep(statement, now)
        is_current, is_wanted = True, False
    return Sight(statement=statement, is_current=is_current, is_wanted=is_wanted, rows=rows)


def ask(statement: Statement, now: datetime) -> bool:
    """Whether a worker is to be asked now: nobody has been lately."""
    lately = Q(asked_at__gte=now - PATIENCE)
    return bool(Statement.objects.filter(pk=statement.pk).exclude(lately).update(asked_at=now))


def keep_asked(statement_id: int, now: datetime) -> None:
    """By a worker. What has become current meanwhile is left as it is."""
    statement = Statement.objects.select_related("workspace").filter(pk=statement_id).first()
    if statement is None:
        return
    made_from, _ = _made_from(statement, accounts_of(statement.workspace, statement.environment))
    if statement.made_from != made_from or _may_be_better(statement, now):
        keep(statement, now)
    Statement.objects.filter(pk=statement.pk).update(asked_at=None)


def keep(statement: Statement, now: datetime) -> None:
    """Calculates it and stores it, unless a later calculation was stored first."""
    accounts = accounts_of(statement.workspace, statement.environment)
    statement.made_from, _ = _made_from(statement, accounts)
    statement.made_at, statement.content = now, _content(statement, accounts)
    earlier = Q(made_at=None) | Q(made_at__lte=now)
    changed = {"made_from": statement.made_from, "made_at": now, "content": statement.content}
    Statement.objects.filter(earlier, pk=statement.pk).update(**changed)


def _content(statement: Statement, accounts: Sequence[ExchangeAccount]) -> dict[str, Any]:
    aliases = known_aliases()
    found, left = happened_to(accounts, aliases)
    bookings = [*found.bookings, *left]
    prices = past_prices(
        bookings,
        statement.workspace,
        statement.environment,
        statement.currency,
        aliases,
        pegs() if statement.is_at_par else {},
    ).into(statement.currency)
    valued, sources = value(bookings, prices)
    books = keep_books(valued, method=Method(statement.method), currency=statement.currency)
    moved = {(move.asset, each.at) for each in bookings if each.why is Why.OWN for move in each.moves}
    own = {(asset, at): (price := prices.price(asset, at)) and price.value for asset, at in moved}
    return written(books, found, valued, flows_of(valued, own), sources)


def _may_be_better(statement: Statement, now: datetime) -> bool:
    has_gaps = bool(statement.content and statement.content["gaps"])
    return statement.made_at is None or (has_gaps and now - statement.made_at >= TRIED_AGAIN)


def _made_from(statement: Statement, accounts: Sequence[ExchangeAccount]) -> tuple[str, int]:
    """What it is made from, in 64 letters, and how many rows of the ledger that are."""
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
    made_from = hashlib.sha256(orjson.dumps(told, default=str)).hexdigest()
    return made_from, sum(count["count"] for count in counts)
