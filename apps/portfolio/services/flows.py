"""What came into accounts and left them, as the curve of their worth sees it.

The curve knows an account from its first snapshot on: what it had then came from outside, and what happened to it
before is no part of the curve. What a deleted account had last left. The same is so of a wallet that came to count, or
ceased to.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import F, Max, Min, Q
from django.db.models.functions import Coalesce

from alphapulse.money import negated
from alphapulse.portfolio.growth import Own
from alphapulse.portfolio.prices import Price
from alphapulse.portfolio.valuation import worth_of
from apps.exchanges.models import ExchangeAccount
from apps.portfolio.models import AccountWorth, Snapshot, WalletFlow
from apps.portfolio.services.content import Flow
from apps.portfolio.services.history import rate_of


class Moved(NamedTuple):
    """What came or (below zero) left, at its worth then; None: nobody says. `own`: to or from another own account."""

    at: datetime
    value: Decimal | None
    own: Own | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """When the curve knows an account, and what it was worth first and last; None: not in that currency."""

    first_at: datetime
    last_at: datetime
    first: Decimal | None
    last: Decimal | None
    # Of wallets that came to count, or ceased to.
    wallets: Sequence[Moved] = ()


def seen(accounts: Collection[ExchangeAccount], currency: str, pegs: Mapping[str, str]) -> dict[int, Seen]:
    # What another key of the same account counted before is the same money.
    mine = Q(account__in=accounts) | Q(account__double_of__in=accounts)
    known = AccountWorth.objects.filter(mine, equity__isnull=False)
    known = known.annotate(whose=Coalesce("account__double_of", "account"))
    times = known.order_by().values_list("whose").annotate(Min("snapshot__taken_at"), Max("snapshot__taken_at"))
    ends = {account: (first, last) for account, first, last in times}
    rows = known.filter(snapshot__taken_at__in={at for both in ends.values() for at in both})
    worths = {
        (row.whose, row.snapshot.taken_at): _in(currency, row.equity, row.snapshot, pegs)
        # Where both were looked at, the one that counts.
        for row in rows.select_related("snapshot").order_by(F("account__double_of").asc(nulls_last=True))
    }
    wallets = _wallets(accounts, currency, pegs)
    return {
        account: Seen(
            first_at=first,
            last_at=last,
            # Thinned meanwhile.
            first=worths.get((account, first)),
            last=worths.get((account, last)),
            wallets=wallets.get(account, ()),
        )
        for account, (first, last) in ends.items()
    }


def _wallets(
    accounts: Collection[ExchangeAccount], currency: str, pegs: Mapping[str, str]
) -> Mapping[int, Sequence[Moved]]:
    found: dict[int, list[Moved]] = defaultdict(list)
    for flow in WalletFlow.objects.filter(account__in=accounts).select_related("snapshot").order_by("pk"):
        worth = _in(currency, flow.worth, flow.snapshot, pegs)
        found[flow.account_id].append(Moved(flow.snapshot.taken_at, worth and negated(worth) if flow.is_out else worth))
    return found


def _in(currency: str, worth: Decimal | None, snapshot: Snapshot, pegs: Mapping[str, str]) -> Decimal | None:
    rate = rate_of(snapshot, currency, pegs)
    return None if rate is None else worth_of(worth, Price(value=rate))


def flows_into(accounts: Sequence[ExchangeAccount], told: Sequence[Flow], known: Mapping[int, Seen]) -> Iterator[Moved]:
    deleted = {account.pk: account.archived_at for account in accounts}
    for account, mine in known.items():
        yield Moved(mine.first_at, mine.first)
        if gone_at := deleted.get(account):
            yield Moved(gone_at, mine.last and negated(mine.last))
        yield from (
            each for each in mine.wallets if each.at > mine.first_at and not (gone_at and each.at > mine.last_at)
        )
    for flow in told:
        mine = known.get(flow.account)
        # What a deleted account was worth last has left with it: what left after that look would have left twice.
        is_over = bool(mine and deleted.get(flow.account) and flow.at > mine.last_at)
        if mine and flow.at > mine.first_at and not is_over:
            yield Moved(flow.at, flow.value, (flow.asset, flow.amount) if flow.is_own else None)
