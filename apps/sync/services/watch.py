"""Watching what was asked for by hand until it is done."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from apps.sync.models import SyncRun, SyncState
from apps.sync.services.resync import of_kind


class Progress(StrEnum):
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    # The key may not read it: that is its owner's choice, and nothing has failed.
    NOT_PERMITTED = "not permitted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    state: SyncState
    progress: Progress


def meant(*, account_id: int | None, exchange_id: str | None, kind: str | None) -> list[SyncState]:
    """The states that a resync with these words asks for: those that are synced at all."""
    states = SyncState.objects.filter(due_at__isnull=False)
    if account_id is not None:
        states = states.filter(account=account_id)
    if exchange_id is not None:
        states = states.filter(exchange_id=exchange_id)
    return list(of_kind(states, kind).order_by("exchange_id", "account__label", "pk"))


def look(state_ids: Iterable[int], *, asked_at: datetime) -> list[Watched]:
    """How far each one is: done when a run that *started* after the question has settled it."""
    states = SyncState.objects.filter(pk__in=list(state_ids)).select_related("account__workspace")
    rows = list(states.order_by("exchange_id", "account__label", "pk"))
    young = set(
        SyncRun.objects.filter(pk__in={row.claim for row in rows}, started_at__gte=asked_at).values_list(
            "pk", flat=True
        )
    )
    return [Watched(state=row, progress=_progress(row, row.claim in young)) for row in rows]


def _progress(state: SyncState, is_young: bool) -> Progress:
    if state.due_at is None:
        # Disabled meanwhile, or the exchange has just said that it does not offer this.
        return Progress.FAILED
    if not is_young or state.claimed_until is not None:
        return Progress.WAITING
    if state.error_kind and not state.failures:
        return Progress.NOT_PERMITTED
    return Progress.FAILED if state.error_kind else Progress.SUCCEEDED
