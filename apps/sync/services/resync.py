"""By hand: what people ask for goes first."""

from collections import Counter
from datetime import datetime

from alphapulse.exchanges.errors import NotSupported
from alphapulse.types import SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.sync.models import SyncState, SyncStateQuerySet
from apps.sync.services import histories
from apps.sync.services.claim import READ_ON
from apps.sync.services.places import PLACES, PLACES_READING_ON


class NothingToSync(Exception):
    """The text says why: no such account, exchange or kind, or the account is disabled."""


def request_resync(
    *, account_id: int | None, exchange_id: str | None, kind: str | None, now: datetime
) -> list[SyncState]:
    """Makes the named states due at once, before everything else. Raises NothingToSync."""
    states = _named(account_id, exchange_id, kind)
    # What the exchange did not offer is asked for once more: it may by now.
    not_offered = states.filter(due_at=None, error_kind=NotSupported.__name__).exclude(account__is_enabled=False)
    not_offered.update(due_at=now)
    asked = states.filter(due_at__isnull=False)
    if not asked.update(requested_at=now):
        raise NothingToSync(_why_nothing(states, account_id, exchange_id, kind))
    found = list(asked)
    histories.ask_again(found, now)
    return found


def batches_wanted(states: list[SyncState]) -> Counter[tuple[str, bool]]:
    """How many for each exchange, and whether they read on: one a kind, beside each other as far as they may."""
    kinds = {(state.exchange_id, state.kind) for state in states}
    asked = Counter((exchange_id, kind in READ_ON) for exchange_id, kind in kinds)
    return Counter({batch: min(number, PLACES_READING_ON if batch[1] else PLACES) for batch, number in asked.items()})


def _named(account_id: int | None, exchange_id: str | None, kind: str | None) -> SyncStateQuerySet:
    if kind is not None and kind not in SyncKind.__members__.values():
        raise NothingToSync(f"{kind!r} is no kind: choose from {', '.join(SyncKind)}.")
    states = SyncState.objects.all()
    if account_id is None and exchange_id is None:
        raise NothingToSync("Name an account_id or an exchange_id.")
    if account_id is not None:
        states = states.filter(account=account_id)
    if exchange_id is not None:
        states = states.filter(exchange_id=exchange_id)
    return of_kind(states, kind)


def of_kind(states: SyncStateQuerySet, kind: str | None) -> SyncStateQuerySet:
    """Without a kind, what an account has now: a past that is read anew from list to list is asked for by its name."""
    return states.filter(kind=kind) if kind else states.exclude(kind__in=READ_ON)


def _why_nothing(states: SyncStateQuerySet, account_id: int | None, exchange_id: str | None, kind: str | None) -> str:
    account = ExchangeAccount.objects.filter(pk=account_id).first() if account_id is not None else None
    if account_id is not None and account is None:
        return f"There is no account {account_id}."
    if account is not None and not account.is_enabled:
        return f"{account} is disabled: {account.disabled_reason or 'no reason given'}. Enable it first."
    if states.exists():
        return f"{exchange_id or account} does not offer this: {states[0].error or 'no account there is enabled'}."
    return f"Nothing is synced for {account or exchange_id}{f' of kind {kind}' if kind else ''}."
