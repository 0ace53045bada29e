"""Exchanges of which nothing has been heard for three intervals, though there is work to do."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.errors import CredentialsRejected, NotSupported, PermissionMissing
from alphapulse.resilience.breaker import BreakerState
from alphapulse.types import SyncKind
from apps.core.durations import in_words
from apps.exchanges.models import ExchangeHealth
from apps.sync.models import SyncState
from apps.system.models import Trouble
from apps.system.watchdog.look import Finding, Look

INTERVALS = 3
# A batch may take 40 s, and a claim whose worker died as long: at short intervals that is not yet silence.
SHORTEST = timedelta(minutes=1)
# Late by less than this is a queue, not a standstill.
LATE = timedelta(seconds=20)
# Once or twice is a hiccup, which retries mend.
REPEATED = 3
# The key's owner was told at the account; the exchange and we are fine.
OWNERS = [error.__name__ for error in (CredentialsRejected, PermissionMissing, NotSupported)]


@dataclass(slots=True, kw_only=True)
class Lane:
    """An exchange and environment by one egress, with the work that waits there."""

    name: str
    health: ExchangeHealth | None
    succeeded_at: datetime | None = None
    known_since: datetime | None = None
    oldest_due: datetime | None = None
    late: int = 0
    failing: int = 0
    error: str = ""
    shortest: timedelta = timedelta.max

    def silence(self, *, now: datetime, since: datetime | None) -> timedelta:
        """For how long nothing has succeeded, though it could have."""
        begun = self.succeeded_at or self.known_since or self.oldest_due or now
        return now - (max(begun, since) if since else begun)

    @property
    def limit(self) -> timedelta:
        return max(INTERVALS * self.shortest, SHORTEST)


def judge(look: Look, *, now: datetime, since: datetime | None) -> None:
    """Adds the silent lanes to the look. `since`: from when on syncs could be expected to run; None: always."""
    for lane in _lanes_with_work(now):
        silence = lane.silence(now=now, since=since)
        if silence > lane.limit:
            look.findings.append(_finding(lane, silence, now))


def _lanes_with_work(now: datetime) -> Iterable[Lane]:
    healths = {(row.exchange_id, row.environment, row.egress): row for row in ExchangeHealth.objects.all()}
    grouped: dict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for group in _groups(now):
        grouped[group["exchange_id"], group["environment"], group["egress"]].append(group)
    for key, groups in grouped.items():
        lane = _lane(key, groups, healths.get(key), now)
        if lane.late or lane.failing:
            yield lane


def _groups(now: datetime) -> Iterable[Mapping[str, Any]]:
    """All that is asked for at all, by lane, kind and interval."""
    # A past that is read back is due all the time.
    late = Q(due_at__lt=now - LATE, is_behind=False)
    failing = Q(failures__gt=0) & ~Q(error_kind__in=OWNERS)
    return (
        SyncState.objects.filter(due_at__isnull=False)
        .order_by()
        .values("exchange_id", "environment", "egress", "kind", "interval_override")
        .annotate(
            last=Max("succeeded_at"),
            known_since=Min("account__created_at"),
            oldest=Min("due_at", filter=late),
            late=Count("pk", filter=late),
            failing=Count("pk", filter=failing),
            repeatedly=Count("pk", filter=failing & Q(failures__gte=REPEATED)),
            last_error=Max("error", filter=failing),
        )
    )


def _lane(
    key: tuple[str, str, str], groups: list[Mapping[str, Any]], health: ExchangeHealth | None, now: datetime
) -> Lane:
    exchange_id, environment, egress = key
    lane = Lane(name=f"{exchange_id} ({environment}, by {egress})", health=health)
    # A ban moves what is due to its end: who waits for that fails, however seldom it was tried.
    is_shut = health is not None and health.state(now) is not BreakerState.CLOSED
    for group in groups:
        failing = group["failing"] if is_shut else group["repeatedly"]
        lane.succeeded_at = max(filter(None, (lane.succeeded_at, group["last"])), default=None)
        lane.known_since = min(filter(None, (lane.known_since, group["known_since"])), default=None)
        if not (group["late"] or failing):
            continue
        lane.oldest_due = min(filter(None, (lane.oldest_due, group["oldest"])), default=None)
        lane.late += group["late"]
        lane.failing += failing
        lane.error = lane.error or group["last_error"] or ""
        interval = group["interval_override"] or catalogue.exchange(exchange_id).intervals[SyncKind(group["kind"])]
        lane.shortest = min(lane.shortest, interval)
    return lane


def _finding(lane: Lane, silence: timedelta, now: datetime) -> Finding:
    overdue = f"; {lane.late} are overdue, the oldest by {in_words(now - lane.oldest_due)}" if lane.oldest_due else ""
    reason, advice = _why(lane, now)
    return Finding(
        kind=Trouble.SYNC_SILENT,
        subject=lane.name,
        message=f"{lane.name}: no sync has succeeded for {in_words(silence)}{overdue}. {reason}"[:600],
        advice=advice,
    )


def _why(lane: Lane, now: datetime) -> tuple[str, str]:
    """The reason as far as it is known, and what to do."""
    health = lane.health
    state = health.state(now) if health else BreakerState.CLOSED
    if health and health.banned_until and state is BreakerState.BANNED:
        reason = f"The exchange has banned us until {health.banned_until:%Y-%m-%d %H:%M:%S} UTC: {health.error}"
        return reason, "Nothing: every worker waits until then. If it repeats, sync less often."
    if health and state is not BreakerState.CLOSED:
        reason = f"Its breaker is {state} after {health.failures} failures in a row: {health.error}"
        return reason, "Is the exchange up? It is probed every ten minutes; `reset breaker` in the admin asks at once."
    if lane.failing:
        return f"{lane.failing} fail: {lane.error}", "See the sync states that fail: `manage.py sync_status --failing`."
    return "Nobody has taken them.", "Are beat and the workers up? See the other events and the logs."
