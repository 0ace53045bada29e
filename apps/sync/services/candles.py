"""Reading candles on: of each exchange, what is watched there. A chain of short steps, as histories are.

Claims, budget and breakers are those of all syncs; which windows come next, and what an answer proves, is in
`market/services/series.py`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from alphapulse.exchanges.errors import STOPS_ALL, ExchangeError, NotSupported, PermissionMissing
from alphapulse.exchanges.exchange import REQUESTS_A_STEP
from alphapulse.exchanges.facts import CandleList
from alphapulse.exchanges.reading import Outcome
from alphapulse.types import SyncKind
from apps.exchanges import budgets
from apps.market.services import answers, series
from apps.sync.models import SyncState
from apps.sync.services.claim import Claim, StepPlan

# What is watched anew is asked for at once; this is for what nobody told us of.
SOON = timedelta(minutes=1)
LIMIT_SPENT = timedelta(seconds=10)


def planned(claim: Claim, now: datetime) -> Claim:
    """The claim with what its step asks for. What that needs less than was granted is given back."""
    granted = Counter({ask.quota: ask.cost * claim.grant.units for ask in claim.grant.asks})
    lists = [each for each in claim.facts.candles if each.costs.keys() <= granted.keys()]
    steps = {state.pk: _plan(state, lists, now) for state in claim.states}
    spared = granted.copy()
    for plan in steps.values():
        spared.subtract(claim.facts.candle_costs(plan.candles.lists))
    return replace(claim, steps=steps, grant=budgets.spare(claim.grant, +spared))


def _plan(state: SyncState, lists: Sequence[CandleList], now: datetime) -> StepPlan:
    where = (state.exchange_id, state.environment)
    return StepPlan(candles=series.plan(*where, now, requests=REQUESTS_A_STEP, lists=lists))


def store(held: Sequence[SyncState], results: Mapping[int, Outcome], now: datetime) -> int:
    """Returns how many candles are new or different."""
    told = [(state, results[state.pk].bars) for state in held if results[state.pk].bars]
    return sum(answers.store(state.exchange_id, state.environment, bars, now) for state, bars in told)


def verdict(state: SyncState, outcome: Outcome) -> ExchangeError | None:
    """What the exchange as a whole fails at. What single series fail at is marked there: others are read on.

    Where nothing of a step was answered, two symbols that were well until then say that it is the exchange; so does
    one, where no other is well. Ask once the series are stored.
    """
    stops = [error for error in outcome.errors if isinstance(error, STOPS_ALL)]
    if outcome.error is not None or stops:
        return outcome.error or stops[0]
    error = outcome.verdict
    if outcome.is_served or error is None or isinstance(error, PermissionMissing | NotSupported):
        return None
    asked = {bars.wanted.symbol for bars in outcome.bars}
    new, well = series.newly_failed(state.exchange_id, state.environment, asked)
    return error if new > 1 or not well else None


def go_on(state: SyncState, now: datetime, *, has_asked: bool) -> None:
    """At once where something is left to be read, at the latest after the interval; not saved yet. A little later where
    nothing could be asked for: what is due waits for a limit that is spent.

    Where the exchange told us to stop, its wait stays.
    """
    due = series.next_due(state.exchange_id, state.environment)
    state.is_behind = series.behind(state.exchange_id, state.environment) > 0
    if state.due_at is not None and not state.failures:
        earliest = now if has_asked else now + LIMIT_SPENT
        state.due_at = max(earliest, min(state.due_at, due or now + SOON))


def watch_on(exchange_id: str, environment: str, now: datetime) -> None:
    """What is newly watched there is asked for at once. What fails keeps its wait."""
    states = SyncState.objects.filter(account=None, exchange_id=exchange_id, environment=environment)
    states.filter(kind=SyncKind.CANDLES, failures=0, due_at__gt=now).update(due_at=now, is_behind=True)


def progress(state: SyncState) -> str:
    """`3 of 12 series to be read back, 1 fails`; empty when all is there."""
    left = series.behind(state.exchange_id, state.environment)
    if not left:
        return ""
    failing = series.failing(state.exchange_id, state.environment)
    told = f"{left} of {series.asked(state.exchange_id, state.environment)} series to be read back"
    return f"{told}, {failing} failing" if failing else told
