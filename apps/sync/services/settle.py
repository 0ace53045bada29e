"""After the fetch: what each outcome means for its state, its account, its exchange and the run."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from alphapulse.exchanges.errors import (
    BadResponse,
    CredentialsRejected,
    ExchangeError,
    PermissionMissing,
    Transient,
)
from alphapulse.exchanges.reading import Outcome
from alphapulse.types import ACCOUNT_KINDS, SyncKind
from apps.exchanges import health as exchange_health
from apps.exchanges import services as exchanges
from apps.exchanges.connections import CredentialsUnreadable
from apps.ledger.services import wallets
from apps.sync.models import KeptPayload, SyncRun, SyncState
from apps.sync.services import candles, histories
from apps.sync.services import states as schedule
from apps.sync.services.claim import READ_ON, Claim

RECENTLY = timedelta(minutes=1)

_SETTLED = ["due_at", "requested_at", "claimed_until", "attempted_at", "succeeded_at", "losses", "failures"]
_SETTLED += ["error_kind", "error", "advice", "is_behind"]


def still_ours(claim: Claim, wanted: list[SyncState]) -> list[SyncState]:
    """Locks and returns the states that this run still holds: an outrun one must not overwrite what is newer."""
    rows = SyncState.objects.filter(pk__in=[state.pk for state in wanted], claim=claim.run.pk)
    return list(rows.select_related("account").select_for_update(of=("self",)).order_by("pk"))


def states(claim: Claim, held: list[SyncState], results: Mapping[int, Outcome], now: datetime) -> None:
    for state in held:
        outcome = results[state.pk]
        _disable_if_confirmed(state, outcome.verdict, now)
        _settle(state, outcome, started_at=claim.run.started_at, now=now)
        _keep_payload(claim, state, outcome.verdict)
    SyncState.objects.bulk_update(held, _SETTLED)


def _settle(state: SyncState, outcome: Outcome, *, started_at: datetime, now: datetime) -> None:
    state.attempted_at, state.claimed_until, state.losses = now, None, 0
    error = _verdict(state, outcome)
    if error is None:
        schedule.succeed(state, now=now)
    else:
        schedule.fail(state, error, now=now, is_partly_served=outcome.is_served or _is_left_to_ask(state, error))
    if state.kind in READ_ON and (error is None or outcome.is_served):
        _go_on(state, outcome, now)
    # What was asked for while we were on our way gets an answer that is younger than the question.
    if state.requested_at and state.requested_at <= started_at:
        state.requested_at = None
    if state.account and not state.account.is_enabled:
        state.due_at = state.requested_at = None


def _is_left_to_ask(state: SyncState, error: ExchangeError) -> bool:
    """A key that may not read one wallet may read another one, which is asked for more seldom."""
    kind = SyncKind(state.kind)
    if state.account is None or kind not in ACCOUNT_KINDS or not isinstance(error, PermissionMissing):
        return False
    return not wallets.are_all_asked(state.account, kind)


def _go_on(state: SyncState, outcome: Outcome, now: datetime) -> None:
    if state.kind == SyncKind.CANDLES:
        candles.go_on(state, now, has_asked=bool(outcome.bars))
    else:
        histories.go_on(state, now)


def _verdict(state: SyncState, outcome: Outcome) -> ExchangeError | None:
    if state.kind == SyncKind.CANDLES:
        return candles.verdict(state, outcome)
    return histories.verdict(state, outcome) if state.kind in READ_ON else outcome.verdict


def _disable_if_confirmed(state: SyncState, error: ExchangeError | None, now: datetime) -> None:
    """A rejection may be a hiccup at the exchange: the second in a row is believed, and its owner told."""
    was_rejected = state.error_kind == CredentialsRejected.__name__
    if state.account and was_rejected and isinstance(error, CredentialsRejected):
        exchanges.reject_key(state.account, reason=f"{error} {error.advice}", at=now)


def _keep_payload(claim: Claim, state: SyncState, error: ExchangeError | None) -> None:
    if isinstance(error, BadResponse):
        KeptPayload.objects.create(
            run=claim.run, account_id=state.account_id, error=str(error)[:500], payload=error.payload
        )


def run(claim: Claim, held: list[SyncState], results: Mapping[int, Outcome], *, changed: int, now: datetime) -> None:
    # What a key may not read was not failed at.
    failed = [state for state in held if state.failures]
    errors = [error for state in failed if (error := results[state.pk].verdict)]
    SyncRun.objects.filter(pk=claim.run.pk).update(
        finished_at=now,
        succeeded=F("succeeded") + len(held) - len(failed),
        failed=F("failed") + len(failed),
        changed=F("changed") + changed,
        error=str(errors[0])[:500] if errors else F("error"),
    )


def given_back(claim: Claim, reason: str, now: datetime) -> None:
    """As if it had never been claimed: nobody failed, nothing is lost, and the next run takes it."""
    with transaction.atomic():
        SyncState.objects.filter(claim=claim.run.pk).update(claimed_until=None)
        SyncRun.objects.filter(pk=claim.run.pk).update(finished_at=now, error=reason[:500])


def health(claim: Claim, outcomes: Collection[Outcome], now: datetime) -> None:
    """The exchange failed where *nothing* of the whole batch was answered, for the exchange's own reason."""
    errors = [error for outcome in outcomes for error in outcome.errors]
    for error in errors:
        exchange_health.heed(claim.route, error, at=now)
    blamed = [error for error in _charged(claim, outcomes) if _is_exchanges_fault(error)]
    # Whoever refuses a key is there.
    is_alive = any(isinstance(error, CredentialsRejected | PermissionMissing) for error in errors)
    if is_alive or any(outcome.is_served for outcome in outcomes):
        exchange_health.answered(claim.route, at=now)
    elif blamed and not _serves_others(claim, now):
        exchange_health.failed(claim.route, error=str(blamed[0]), asked_at=claim.run.started_at, at=now)


def _charged(claim: Claim, outcomes: Collection[Outcome]) -> list[ExchangeError]:
    """What the exchange may be at fault for: what a single series of candles fails at is its own."""
    if claim.kind is not SyncKind.CANDLES:
        return [error for outcome in outcomes for error in outcome.errors]
    told = [candles.verdict(state, outcome) for state in claim.states for outcome in outcomes]
    return [error for error in told if error is not None]


def _is_exchanges_fault(error: ExchangeError) -> bool:
    return isinstance(error, Transient | BadResponse) and not isinstance(error, CredentialsUnreadable)


def _serves_others(claim: Claim, now: datetime) -> bool:
    """Somebody else of the lane was served a moment ago: then it is these accounts' trouble, not the exchange's.

    Small batches are usual, and one bad account asked for again and again must not shut out the others.
    """
    lane = SyncState.objects.filter(
        exchange_id=claim.route.exchange_id, environment=claim.route.environment, egress=claim.route.egress
    )
    asked = [state.account_id for state in claim.states if state.account_id]
    others = lane.filter(account__isnull=False).exclude(account__in=asked)
    return others.filter(succeeded_at__gt=now - RECENTLY).exists()
