"""How it goes, per account and kind, for people: the admin, the commands and the API say the same."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from alphapulse.exchanges.errors import PermissionMissing
from alphapulse.resilience.breaker import Breaker, BreakerState
from alphapulse.types import SyncKind
from apps.core.durations import counted, utc, with_readable_times
from apps.exchanges.models import ExchangeHealth
from apps.ledger.services.coverage import coverage
from apps.ledger.services.sweep import KIND as SWEPT_KIND
from apps.sync.models import SyncState, SyncStateQuerySet
from apps.sync.services import candles

# Overdue by more than this many of its intervals: somebody should ask why.
PATIENCE = 3
# A past is read as fast as the budget allows, among those of many accounts.
PATIENCE_WITH_THE_PAST = timedelta(hours=1)

LaneName = tuple[str, str, str]


class Standing(StrEnum):
    """What a state's row says about it: the one definition of failing and held back."""

    FINE = "fine"
    FAILING = "failing"
    DISABLED = "disabled"
    # Nothing is wrong with it, but it is not read: a breaker, a ban, or nobody who does the work.
    HELD_BACK = "held back"
    NOT_READ_YET = "not read yet"
    # A history on its way: nothing is wrong, but not all of it is there yet.
    READING_BACK = "reading back"
    # Nothing to mend: the exchange does not offer it, nobody needs it, or the key may not read it.
    NOT_ASKED = "not asked"
    NOT_PERMITTED = "not permitted"


# Somebody should look.
TROUBLED = frozenset({Standing.FAILING, Standing.DISABLED})
NOT_CURRENT = TROUBLED | {Standing.HELD_BACK, Standing.NOT_READ_YET}


@dataclass(frozen=True, slots=True, kw_only=True)
class StateLine:
    """One state. `account` is empty for what belongs to the exchange (prices, markets)."""

    account_id: int | None
    account: str
    exchange_id: str
    environment: str
    egress: str
    kind: str
    interval: timedelta
    succeeded_at: datetime | None
    attempted_at: datetime | None
    due_at: datetime | None
    # Of what is read back, none: it goes on as soon as it may.
    lag: timedelta
    # How far a history is, while it is read back.
    progress: str
    failures: int
    error: str
    advice: str
    breaker: str
    standing: Standing
    # It fails, or its account is disabled: somebody should look. What an exchange does not offer is no failure.
    is_failing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedLane:
    """An exchange that is not asked at the moment. `until` is None while a probe decides."""

    name: str
    state: BreakerState
    until: datetime | None
    error: str

    def __str__(self) -> str:
        why = f": {self.error}" if self.error else ""
        return f"{self.name} is not asked, {self._for_how_long}{why.rstrip('.')}. {self.advice}"

    @property
    def _for_how_long(self) -> str:
        if self.until is None:
            return "one probe is under way"
        return f"{self.state} until {utc(self.until)}"

    @property
    def advice(self) -> str:
        if self.state is BreakerState.BANNED:
            return "Nothing to do: asking earlier makes a ban longer. What is due then is read by itself."
        if self.state is BreakerState.OPEN:
            return "It is probed by itself then; 'Reset breaker' in the admin (Exchange health) asks now."
        return "When it is answered, everything due is read."


def healths() -> dict[LaneName, ExchangeHealth]:
    """What is not in it is healthy."""
    return {(row.exchange_id, row.environment, row.egress): row for row in ExchangeHealth.objects.all()}


def lane_of(state: "SyncState | StateLine") -> LaneName:
    return (state.exchange_id, state.environment, state.egress)


def state_lines(states: SyncStateQuerySet, now: datetime) -> list[StateLine]:
    """A handful of queries, however many states."""
    known = healths()
    rows = list(states.select_related("account").order_by("exchange_id", "environment", "account__label", "kind"))
    progress = _progress([row for row in rows if row.is_behind])
    return [_line(row, known.get(lane_of(row)), progress.get(row.pk, ""), now) for row in rows]


def _progress(behind: Iterable[SyncState]) -> dict[int, str]:
    """By state, where it is not all there."""
    accounts = {state.account_id: state.account for state in behind if state.account}
    of_account: dict[tuple[int, str], str] = {}
    for covered in coverage(accounts.values()):
        of_account[covered.account.pk, covered.kind] = covered.progress
        if covered.kind is SWEPT_KIND:
            of_account[covered.account.pk, SyncKind.SWEEP] = covered.swept
    return {
        state.pk: of_account.get((state.account_id, state.kind), "") if state.account_id else candles.progress(state)
        for state in behind
    }


def blocked_lanes(states: Iterable[SyncState | StateLine], now: datetime) -> dict[LaneName, BlockedLane]:
    """Those that these states belong to and that are not asked now. One query."""
    lanes = {lane_of(state) for state in states}
    return {name: lane for name, lane in _blocked(healths(), now).items() if name in lanes}


def standing(state: SyncState, breaker: Breaker, now: datetime) -> Standing:
    if state.account is not None and not state.account.is_enabled:
        return Standing.DISABLED
    if state.failures:
        return Standing.FAILING
    if state.due_at is None:
        return Standing.NOT_ASKED
    if _is_held_back(state, state.due_at, breaker, now):
        return Standing.HELD_BACK
    if state.is_behind:
        return Standing.READING_BACK
    if state.error_kind == PermissionMissing.__name__:
        return Standing.NOT_PERMITTED
    return Standing.FINE if state.succeeded_at else Standing.NOT_READ_YET


def _is_held_back(state: SyncState, due_at: datetime, breaker: Breaker, now: datetime) -> bool:
    if now - due_at > (PATIENCE_WITH_THE_PAST if state.is_behind else PATIENCE * state.interval):
        return True
    return not breaker.allows(now) and due_at <= (_ends(breaker, now) or now)


def _ends(breaker: Breaker, now: datetime) -> datetime | None:
    """Until when nothing is asked at all; None where a probe decides."""
    state = breaker.state(now)
    if state is BreakerState.BANNED:
        return breaker.banned_until
    return breaker.opened_at + breaker.rest if state is BreakerState.OPEN and breaker.opened_at else None


def _blocked(known: Mapping[LaneName, ExchangeHealth], now: datetime) -> dict[LaneName, BlockedLane]:
    return {
        name: BlockedLane(
            name=str(row), state=row.state(now), until=_ends(row.breaker, now), error=with_readable_times(row.error)
        )
        for name, row in known.items()
        if not row.breaker.allows(now)
    }


def _line(state: SyncState, health: ExchangeHealth | None, progress: str, now: datetime) -> StateLine:
    breaker = health.breaker if health else Breaker()
    stands = standing(state, breaker, now)
    is_off = stands is Standing.DISABLED
    return StateLine(
        account_id=state.account_id,
        account=state.account.label if state.account else "",
        exchange_id=state.exchange_id,
        environment=state.environment,
        egress=state.egress,
        kind=state.kind,
        interval=state.interval,
        succeeded_at=state.succeeded_at,
        attempted_at=state.attempted_at,
        due_at=state.due_at,
        lag=timedelta(0) if stands is Standing.READING_BACK else state.lag(now),
        progress=progress if state.is_behind else "",
        failures=state.failures,
        error=f"disabled: {state.account.disabled_reason}"
        if is_off and state.account
        else with_readable_times(state.error),
        advice="" if is_off else state.advice,
        breaker=breaker.state(now),
        standing=stands,
        is_failing=stands in TROUBLED,
    )


def is_standing_still(lines: Iterable[StateLine]) -> bool:
    """Everything that could be read is overdue: then it is not an exchange, but whoever does the work."""
    could_be_read = [line for line in lines if line.due_at is not None and line.breaker == BreakerState.CLOSED]
    return bool(could_be_read) and all(line.lag > PATIENCE * line.interval for line in could_be_read)


def in_short(lines: Iterable[StateLine]) -> str:
    """`13 states: 2 failing, 5 held back.`"""
    standings = [line.standing for line in lines]
    told = NOT_CURRENT | {Standing.READING_BACK}
    counts = [f"{standings.count(each)} {each}" for each in Standing if each in told and each in standings]
    states = counted(len(standings), "state")
    return f"{states}: {', '.join(counts)}." if counts else f"{states}, all fine."
