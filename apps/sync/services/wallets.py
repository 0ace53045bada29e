"""Which wallets of an account a sync asks for, and when each of them is asked for again.

What costs much or is empty in most accounts is asked for at times of its own (`Read.every`), beyond a batch's grant and
only as far as the budget goes: no account waits for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.errors import NotSupported, PermissionMissing
from alphapulse.exchanges.facts import Read
from alphapulse.exchanges.reading import Reading
from alphapulse.types import Order, OrderStatus, SyncKind
from apps.exchanges import budgets
from apps.ledger.models import WalletReading
from apps.ledger.services import AccountReading
from apps.sync.models import SyncState
from apps.sync.services.claim import Claim
from apps.sync.services.shares import left_by_seldom
from apps.sync.services.states import JITTER, NOT_PERMITTED

# Rows count as fresh for this many intervals after their answer.
FRESH_INTERVALS = 3
# A little sooner than a kind of which a key may read nothing: then all of its wallets are asked for.
_NOT_PERMITTED = NOT_PERMITTED * (1 - 2 * JITTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """By account what is asked of it, and the grants for it: the batch's own and those beyond."""

    wallets: Mapping[int, Sequence[str]]
    grants: Sequence[budgets.Grant]


def plan(claim: Claim, now: datetime) -> Plan:
    due = _due([state for state in claim.states if state.account], claim.kind, now)
    asked = {account: _paid_by_the_batch(reads) for account, reads in due.items()}
    grants = [_spared(claim, asked)]
    for read in claim.facts.reads.get(claim.kind, ()):
        waiting = [a for a, reads in due.items() if read.is_seldom and read in reads and read.wallet not in asked[a]]
        # Of a window whose count is lost little may be spent, and nobody knows what accounts need is left of it.
        if waiting and not claim.grant.is_unsure:
            costs = claim.facts.costs(claim.kind, [read.wallet])
            keep = left_by_seldom(claim.route, claim.keep, now)
            when = {"now": now, "keep": keep, "uncounted_at": claim.uncounted_at}
            grants.append(budgets.take(claim.route, costs, wanted=len(waiting), **when))
            for account in waiting[: grants[-1].units]:
                asked[account].append(read.wallet)
    return Plan(wallets=asked, grants=grants)


def as_read(state: SyncState, reading: Reading, now: datetime) -> AccountReading:
    """A reading, with how long it is good for."""
    assert state.account is not None
    pause = _pause(state, reading)
    return AccountReading(
        account_id=state.account.pk,
        reading=reading,
        fresh_until=now + FRESH_INTERVALS * max(state.interval, pause or state.interval) + timedelta(seconds=5),
        due_at=now + pause if pause else None,
    )


def _due(states: Sequence[SyncState], kind: SyncKind, now: datetime) -> dict[int, list[Read]]:
    """Of the wallets that each owner chose. What people ask for is asked of all of them."""
    paused = _paused([state for state in states if not state.requested_at], kind, now)
    found = {}
    for state in states:
        assert state.account is not None
        reads = state.account.reads(kind)
        due = [read for read in reads if (state.account.pk, read.wallet) not in paused]
        found[state.account.pk] = due or sorted(reads, key=lambda read: paused[state.account_id or 0, read.wallet])[:1]
    return found


def _paid_by_the_batch(reads: Sequence[Read]) -> list[str]:
    """All that is not seldom; else the first, for a sync that asked for nothing would prove nothing."""
    return [read.wallet for read in reads if not read.is_seldom] or [read.wallet for read in reads[:1]]


def _paused(states: Iterable[SyncState], kind: SyncKind, now: datetime) -> dict[tuple[int, str], datetime]:
    rows = WalletReading.objects.filter(account__in=[state.account_id for state in states], kind=kind, due_at__gt=now)
    return {(account, wallet): due_at for account, wallet, due_at in rows.values_list("account", "wallet", "due_at")}


def _spared(claim: Claim, wallets: Mapping[int, Sequence[str]]) -> budgets.Grant:
    """What a key may not read, and what its owner did not choose, is part of the batch's grant, and is not asked."""
    full = claim.facts.costs(claim.kind)
    asked = [claim.facts.costs(claim.kind, of_account) for of_account in wallets.values()]
    needed = {name: sum(costs.get(name, 0) for costs in asked) for name in full}
    left = {name: max(len(wallets) * weight - needed[name], 0) for name, weight in full.items()}
    return budgets.spare(claim.grant, left)


def _pause(state: SyncState, reading: Reading) -> timedelta | None:
    if isinstance(reading.error, PermissionMissing | NotSupported):
        pause: timedelta | None = _NOT_PERMITTED
    else:
        reads = catalogue.exchange(state.exchange_id).reads[SyncKind(state.kind)]
        pause = next(read.pause(is_empty=_is_empty(reading)) for read in reads if read.wallet == reading.wallet)
    # Where its kind is asked for less often still, it comes along.
    return pause if pause and pause > state.interval else None


def _is_empty(reading: Reading) -> bool:
    """Orders that have ended are history."""
    return not any(not isinstance(row, Order) or row.status is OrderStatus.OPEN for row in reading.rows)
