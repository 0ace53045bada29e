"""Which states there are, and when they are due again."""

import random
from collections import Counter
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Q

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.errors import (
    CredentialsRejected,
    ExchangeError,
    NotSupported,
    PermissionMissing,
    RateLimited,
    Transient,
)
from alphapulse.exchanges.exchange import Exchange
from alphapulse.resilience.retry import RetryPolicy
from alphapulse.types import ACCOUNT_KINDS, EXCHANGE_KINDS, HISTORY_KINDS, SyncKind
from apps.core.clock import now as clock_now
from apps.exchanges.models import ExchangeAccount
from apps.ledger import services as ledger
from apps.sync.models import SyncState

RETRY = RetryPolicy()
# What no retry mends (a rejected key, a broken payload) is looked at again rarely.
SELDOM = RetryPolicy(first=timedelta(minutes=1), cap=timedelta(hours=1))
# What a key may not read is its owner's choice: looked at again, in case another was made.
NOT_PERMITTED = timedelta(hours=1)
NOT_PERMITTED_ADVICE = (
    "Nothing has failed: what the key may read is read. Give it the right at the exchange if this is wanted too; "
    "it is looked at again once an hour."
)
# Neighbours drift apart, so that a thousand accounts added at once do not stay a herd.
JITTER = 0.05


def make_states(account_id: int) -> None:
    """The states of a new account, and of its exchange if it is the first there. Harmless when repeated."""
    account = ExchangeAccount.objects.live().filter(pk=account_id).first()
    if account is None:
        return
    now = clock_now()
    common = {"exchange_id": account.exchange_id, "environment": account.environment}
    first = {**common, "egress": account.egress, "due_at": now}
    with transaction.atomic():
        for kind in _kinds(account.exchange):
            # What an account has is waited for; what happened to it is read while nobody does.
            own = {"requested_at": now} if kind in ACCOUNT_KINDS else {"is_behind": True}
            SyncState.objects.get_or_create(account=account, kind=kind, defaults=first | own)
        for kind in _shared_kinds(account.exchange):
            SyncState.objects.get_or_create(account=None, kind=kind, **common, defaults={"due_at": now})


def _kinds(exchange: Exchange) -> list[SyncKind]:
    """What is kept in sync of an account."""
    kinds = (*ACCOUNT_KINDS, *HISTORY_KINDS, SyncKind.SWEEP)
    return [kind for kind in kinds if exchange.supports(kind)]


def _shared_kinds(exchange: Exchange) -> list[SyncKind]:
    """What is kept in sync of an exchange, for all accounts there."""
    return [kind for kind in (*EXCHANGE_KINDS, SyncKind.CANDLES) if exchange.supports(kind)]


def follow_account(account_id: int) -> None:
    """After an account was changed: its states follow. Makes those that are missing. Harmless when repeated."""
    make_states(account_id)
    account = ExchangeAccount.objects.get(pk=account_id)
    states = SyncState.objects.filter(account=account)
    if account.archived_at:
        states.delete()  # nothing is synced of it ever again
    states.exclude(egress=account.egress).update(egress=account.egress)
    if account.is_enabled:
        # What stood still, and what an old key failed at, gets a new start: all its chances again.
        fresh = Q(due_at=None) | Q(error_kind__in=[CredentialsRejected.__name__, PermissionMissing.__name__])
        states.filter(fresh).update(due_at=clock_now(), failures=0, error_kind="", error="", advice="")
    else:
        states.update(due_at=None, requested_at=None)
    if account.wallets:
        ledger.forget_other_wallets(account_id, {read.wallet for kind in ACCOUNT_KINDS for read in account.reads(kind)})
    ledger.ask_for_all(account_id)
    ledger.follow_account(account, clock_now())
    _follow_accounts_of(account.exchange_id, account.environment)


def mend() -> int:
    """Makes the states of accounts that lack some: whoever should have made them died, or a kind is new.

    Returns for how many.
    """
    accounts = ExchangeAccount.objects.filter(is_enabled=True).annotate(kinds=Count("sync_states"))
    shared = Counter(SyncState.objects.filter(account=None).values_list("exchange_id", "environment"))
    lacking = [
        account
        for account in accounts
        if account.kinds < len(_kinds(account.exchange))
        or shared[account.exchange_id, account.environment] < len(_shared_kinds(account.exchange))
    ]
    for account in lacking:
        make_states(account.pk)
    return len(lacking)


def _follow_accounts_of(exchange_id: str, environment: str) -> None:
    """Prices and markets of an exchange are kept while somebody has an account there."""
    common = SyncState.objects.filter(account=None, exchange_id=exchange_id, environment=environment)
    accounts = ExchangeAccount.objects.filter(exchange_id=exchange_id, environment=environment, is_enabled=True)
    if accounts.exists():
        common.filter(due_at=None).update(due_at=clock_now())
    else:
        common.update(due_at=None)


def succeed(state: SyncState, *, now: datetime) -> None:
    """Fields after a success; not saved yet."""
    state.succeeded_at = now
    state.failures = 0
    state.error_kind = state.error = state.advice = ""
    state.due_at = now + _interval(state)


def fail(state: SyncState, error: ExchangeError, *, now: datetime, is_partly_served: bool = False) -> None:
    """Fields after a failure; not saved yet. The wait an exchange named is kept; everything else backs off.

    Where some wallets were served they stay fresh: the account keeps its interval while another wallet fails. So it
    does where a key may not read some, and others have not been asked for yet.
    """
    state.error_kind, state.error, state.advice = error.kind, str(error)[:500], error.advice[:300]
    if isinstance(error, NotSupported):
        # Nothing has failed; there is nothing to ask for.
        state.failures, state.due_at = 0, None
        return
    if isinstance(error, PermissionMissing) and _is_spared(state):
        _leave_alone(state, error, state.interval if is_partly_served else NOT_PERMITTED, now)
        return
    state.failures += 1
    if isinstance(error, RateLimited) and error.until:
        state.due_at = error.until + state.interval * random.uniform(0, JITTER)  # noqa: S311
    elif is_partly_served:
        state.due_at = now + _interval(state)
    elif isinstance(error, Transient) and error.until:
        state.due_at = error.until + state.interval * random.uniform(0, JITTER)  # noqa: S311
    else:
        policy = RETRY if isinstance(error, Transient) else SELDOM
        state.due_at = now + policy.wait(failures=state.failures, chance=random.random())  # noqa: S311


def _is_spared(state: SyncState) -> bool:
    """Balances are what an account is for: a key that may read none of them is of no use, and that is a failure."""
    return state.account_id is not None and state.kind != SyncKind.BALANCES


def _leave_alone(state: SyncState, error: PermissionMissing, pause: timedelta, now: datetime) -> None:
    code = f" (code {error.code})" if error.code else ""
    state.error = f"This key may not read {state.kind} at {catalogue.exchange(state.exchange_id).name}{code}."
    state.advice = NOT_PERMITTED_ADVICE
    state.failures = 0
    state.due_at = now + pause * (1 + random.uniform(-JITTER, JITTER))  # noqa: S311


def _interval(state: SyncState) -> timedelta:
    return state.interval * (1 + random.uniform(-JITTER, JITTER))  # noqa: S311  (spreading load, not secrets)
