"""Taking due work: oldest first, as much as the budget grants, never what another worker holds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import Count, F, Max, Min, Q, QuerySet

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.errors import ExchangeError
from alphapulse.exchanges.facts import History
from alphapulse.exchanges.history import Wanted
from alphapulse.exchanges.route import Route
from alphapulse.resilience.breaker import Breaker, BreakerState
from alphapulse.types import SyncKind
from apps.core.writers import in_turn
from apps.exchanges import budgets, connections, health
from apps.exchanges.models import ExchangeAccount
from apps.ledger.services.sweep import Looks
from apps.market.services.series import Plan as CandlePlan
from apps.sync.models import SyncRun, SyncState, SyncStateQuerySet
from apps.sync.services import quarantine
from apps.sync.services import states as schedule
from apps.sync.services.shares import BY_HAND, READ_ON, kept

BATCH = 50
# A step of a history brings thousands of rows, and is soon followed by the next.
STEPS = 10
JOB_DEADLINE = timedelta(seconds=20)
BATCH_DEADLINE = budgets.SENT_WITHIN
LEASE = BATCH_DEADLINE + timedelta(seconds=10)

Rows = TypeVar("Rows", bound=QuerySet)

NO_CANDLES = CandlePlan()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """An environment and egress with due work: what one batch may mix."""

    environment: str
    egress: str
    due: int
    is_probing: bool
    # See `ExchangeHealth`.
    uncounted_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlan:
    """What one account's step of a history reads on (`looks`: of a sweep), and the grant out of its own key's quotas,
    or out of the sweeps' part; or which `candles` are asked for. Nothing wanted: nothing is to be asked for now.
    """

    wanted: Sequence[Wanted] = ()
    lists: Sequence[History] = ()
    looks: Looks | None = None
    candles: CandlePlan = NO_CANDLES
    grant: budgets.Grant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """States that are ours until the run's lease ends: all of one kind, exchange, environment and egress.

    `keep` is what accounts leave of each quota, `uncounted_at` the lane's; `steps`, by state, is what is read on of
    histories.
    """

    run: SyncRun
    route: Route
    kind: SyncKind
    states: list[SyncState]
    grant: budgets.Grant
    keep: Mapping[str, int]
    uncounted_at: datetime | None = None
    steps: Mapping[int, StepPlan] = field(default_factory=dict)

    @property
    def facts(self) -> catalogue.Exchange:
        return catalogue.exchange(self.route.exchange_id)

    @property
    def asked_kind(self) -> SyncKind:
        """What is asked for: a sweep looks for trades."""
        return SyncKind.TRADES if self.kind is SyncKind.SWEEP else self.kind

    def step(self, state: SyncState) -> StepPlan:
        return self.steps.get(state.pk) or StepPlan()


def batch_size(kind: SyncKind) -> int:
    return STEPS if kind in READ_ON else BATCH


def due_states(exchange_id: str, kind: SyncKind, now: datetime) -> SyncStateQuerySet:
    return SyncState.objects.filter(exchange_id=exchange_id, kind=kind).due(now)


def open_lanes(exchange_id: str, kind: SyncKind, now: datetime) -> Iterator[Lane]:
    """The lanes whose exchange may be asked, the longest waiting first.

    What waits behind a breaker or a ban simply stays due: the lag that people see is the true one.
    """
    lanes = _by_lane(due_states(exchange_id, kind, now)).annotate(asked=Min("requested_at"), oldest=Min("due_at"))
    return _open(exchange_id, lanes.order_by(F("asked").asc(nulls_last=True), "oldest"), now)


def _by_lane(due: SyncStateQuerySet) -> Any:
    return due.order_by().values_list("environment", "egress").annotate(due=Count("pk"))


def _open(exchange_id: str, waiting: Iterable[Sequence[Any]], now: datetime) -> Iterator[Lane]:
    troubled = health.of_exchange(exchange_id)
    for environment, egress, due, *_ in waiting:
        row = troubled.get((environment, egress))
        breaker = row.breaker if row else Breaker()
        if breaker.allows(now):
            is_probing, uncounted = breaker.state(now) is BreakerState.HALF_OPEN, row.uncounted_at if row else None
            yield Lane(environment=environment, egress=egress, due=due, is_probing=is_probing, uncounted_at=uncounted)


def claim_batch(exchange_id: str, kind: SyncKind, now: datetime) -> Claim | None:
    """One run's worth of the lane that has waited longest; None when there is nothing to do or to spend."""
    due = due_states(exchange_id, kind, now).in_turn()
    return _first(exchange_id, kind, open_lanes(exchange_id, kind, now), due, now, for_people=BY_HAND)


def asked_states(exchange_id: str, now: datetime, *, reads_on: bool) -> SyncStateQuerySet:
    """What people wait for and nobody has taken: of what is read on, or of all else."""
    due = SyncState.objects.filter(exchange_id=exchange_id).due(now).asked_for()
    return due.filter(kind__in=READ_ON) if reads_on else due.exclude(kind__in=READ_ON)


def claim_asked(exchange_id: str, now: datetime, *, reads_on: bool) -> Claim | None:
    """One run's worth of what people asked for here last, and nothing else.

    It may spend what syncs by the clock leave.
    """
    asked = asked_states(exchange_id, now, reads_on=reads_on)
    for kind in asked.order_by().values_list("kind", flat=True).annotate(last=Max("requested_at")).order_by("-last"):
        due = asked.filter(kind=kind)
        lanes = _open(exchange_id, _by_lane(due).annotate(last=Max("requested_at")).order_by("-last"), now)
        claim = _first(exchange_id, SyncKind(kind), lanes, due, now, for_people=0)
        if claim is not None:
            return claim
    return None


def _first(
    exchange_id: str,
    kind: SyncKind,
    lanes: Iterable[Lane],
    due: SyncStateQuerySet,
    now: datetime,
    *,
    for_people: float,
) -> Claim | None:
    """Of the first of these lanes that has a way out and something to spend. `due` is in turn."""
    for lane in lanes:
        of_lane = due.filter(environment=lane.environment, egress=lane.egress)
        try:
            route = connections.route(exchange_id=exchange_id, environment=lane.environment, egress=lane.egress)
        except ExchangeError as problem:
            _refuse(of_lane, problem, now)
            continue
        claim = _claim(of_lane, route, kind, lane, keep=kept(route, kind, for_people, now), now=now)
        if claim is not None:
            return claim
    return None


def _claim(
    due: SyncStateQuerySet, route: Route, kind: SyncKind, lane: Lane, *, keep: Mapping[str, int], now: datetime
) -> Claim | None:
    wanted = 1 if lane.is_probing else min(lane.due, batch_size(kind))
    when = {"now": now, "keep": keep, "uncounted_at": lane.uncounted_at}
    costs = catalogue.exchange(route.exchange_id).grants(kind)
    tried = (_granted(route, each, wanted=wanted, **when) for each in costs)
    grant = next((granted for granted in tried if granted.units), None)
    if grant is None:
        return None
    if grant.is_uncounted:
        health.spent_uncounted(route, at=now)
    may_ask = not lane.is_probing or health.take_probe(route, now)
    with in_turn():
        run, states = _take(due, route, kind, limit=grant.units, now=now) if may_ask else (None, [])
    grant = budgets.give_back(grant, unused=grant.units - len(states))
    if run is None:
        return None
    return Claim(run=run, route=route, kind=kind, states=states, grant=grant, keep=keep, uncounted_at=lane.uncounted_at)


def _granted(route: Route, costs: Mapping[str, int], *, wanted: int, **when: Any) -> budgets.Grant:
    """A lost count is no riddle where our rows show that nothing was asked."""
    grant = budgets.take(route, costs, wanted=wanted, **when)
    if not grant.is_unsure or not _was_quiet(route, when["now"]):
        return grant
    budgets.vouch(grant)
    budgets.give_back(grant, unused=grant.units)
    return budgets.take(route, costs, wanted=wanted, **when)


def _was_quiet(route: Route, now: datetime) -> bool:
    longest = max(quota.window for quota in catalogue.exchange(route.exchange_id).quotas)
    lately = SyncRun.objects.filter(started_at__gt=now - longest - LEASE)
    where = {"exchange_id": route.exchange_id, "environment": route.environment.value, "egress": route.egress}
    return not lately.filter(**where).exists()


def _refuse(due: SyncStateQuerySet, problem: ExchangeError, now: datetime) -> None:
    """A lane without a way out is its accounts' trouble, told there; the other lanes go on."""
    states = list(due)
    for state in states:
        schedule.fail(state, problem, now=now)
        state.attempted_at, state.requested_at = now, None
    fields = ["due_at", "requested_at", "attempted_at", "failures", "error_kind", "error", "advice"]
    SyncState.objects.bulk_update(states, fields)


@transaction.atomic
def _take(
    due: SyncStateQuerySet, route: Route, kind: SyncKind, *, limit: int, now: datetime
) -> tuple[SyncRun | None, list[SyncState]]:
    """Marks up to `limit` states as the new run's. The run's number is the claim."""
    free = _of_idle_accounts(due, now) if catalogue.exchange(route.exchange_id).has_serial_keys else due
    chosen = quarantine.sorted_out(list(_locked(free)[:limit]), now)
    if not chosen:
        return None, []
    run = SyncRun.objects.create(
        exchange_id=route.exchange_id,
        environment=route.environment,
        egress=route.egress,
        kind=kind,
        started_at=now,
        lease_until=now + LEASE,
        claimed=len(chosen),
    )
    taken = SyncState.objects.filter(pk__in=[state.pk for state in chosen])
    # Whoever held them has not come back.
    taken.filter(claimed_until__isnull=False).update(losses=F("losses") + 1)
    taken.update(claim=run.pk, claimed_until=run.lease_until)
    return run, list(taken.select_related("account").order_by("pk"))


def _locked(rows: Rows) -> Rows:
    if connection.features.has_select_for_update_skip_locked:
        return rows.select_for_update(skip_locked=True, of=("self",))
    # SQLite's IMMEDIATE transactions let one writer in at a time.
    return rows


def _of_idle_accounts(due: SyncStateQuerySet, now: datetime) -> SyncStateQuerySet:
    """A key whose nonces must rise strictly is one lane: nothing of its account may be under way.

    The accounts' rows are locked before that is looked at: two workers that claim two kinds of one account lock
    different states, and would not see each other.
    """
    accounts = ExchangeAccount.objects.filter(pk__in=due.values("account")).order_by("pk")
    ours = list(_locked(accounts).values_list("pk", flat=True))
    busy = SyncState.objects.filter(claimed_until__gt=now, account__in=ours)
    return due.filter(Q(account=None) | Q(account__in=ours)).exclude(account__in=busy.values("account"))
