"""Figures for Prometheus, from rows and Redis: the same whichever process is asked, and right after a restart.

Some ten queries, however many accounts there are. What counts is counted over `RECENT`: rows are pruned, and a counter
that becomes less would be taken for a restart.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import prometheus_client
import redis
from django.conf import settings
from django.db import connection
from django.db.models import Case, CharField, Count, Min, Q, QuerySet, Sum, Value, When
from prometheus_client import multiprocess
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from alphapulse.resilience.breaker import BreakerState
from apps.exchanges import budgets
from apps.exchanges.models import ExchangeAccount, ExchangeHealth, KeyNotice, KeyTrouble
from apps.ledger.models import WalletReading, WalletStatus
from apps.sync.models import SyncRun, SyncState
from apps.system.models import Heartbeat, OpsEvent, Trouble
from apps.system.services.readiness import impatient_redis

RECENT = timedelta(minutes=5)
PLACE = ["exchange_id", "environment"]
LANE = [*PLACE, "egress"]

Labelled = Mapping[tuple[object, ...], float]
Health = dict[tuple[str, ...], ExchangeHealth]


def page(now: datetime) -> bytes:
    """All of it, in Prometheus's text format."""
    ours = [*_of_redis(), *_of_exchanges(now), *_of_syncs(now), *_of_wallets(now), *_of_system(now)]
    return prometheus_client.generate_latest(_Collected(ours)) + prometheus_client.generate_latest(_of_processes())


class _Collected(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def _of_processes() -> Collector:
    """What django-prometheus counts of requests: of this process, or of all web processes of this machine."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return prometheus_client.REGISTRY
    registry = prometheus_client.CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return registry


def _gauge(name: str, told: str, labels: Iterable[str], values: Labelled) -> Metric:
    family = GaugeMetricFamily(f"alphapulse_{name}", told, labels=[label.removesuffix("_id") for label in labels])
    for labelled, value in values.items():
        family.add_metric([str(each) for each in labelled], value)
    return family


def _counted(rows: QuerySet[Any], labels: Iterable[str], **what: Any) -> dict[str, Labelled]:
    """One query: each of `what` by the labels."""
    found = list(rows.order_by().values(*labels).annotate(**what))
    return {name: {tuple(row[label] for label in labels): row[name] or 0 for row in found} for name in what}


def _of_redis() -> Iterator[Metric]:
    """Without Redis nobody knows how long its queues are: they are left out, and that is said."""
    try:
        with impatient_redis() as server:
            waiting = {(queue,): float(server.llen(queue)) for queue in settings.QUEUES}
    except redis.RedisError:
        waiting = {}
    told = "1 while Redis answers. While it does not, neither queues nor what is used of budgets are told."
    yield _gauge("redis_up", told, [], {(): bool(waiting)})
    yield _gauge("queue_messages", "Messages that nobody has taken yet.", ["queue"], waiting)


def _of_exchanges(now: datetime) -> Iterator[Metric]:
    lanes = _lanes()
    states = {(*lane, state): row.state(now) is state for lane, row in lanes.items() for state in BreakerState}
    yield _gauge("breaker_state", "1 for the state that a breaker is in.", [*LANE, "state"], states)
    failures = {lane: row.failures for lane, row in lanes.items()}
    yield _gauge("breaker_failures", "Batches in a row in which nobody was served.", LANE, failures)
    banned = {lane: _seconds_until(row.banned_until, now) for lane, row in lanes.items()}
    yield _gauge("banned_seconds", "For how long the exchange has banned us yet.", LANE, banned)
    spent = {(*lane, quota): each for lane in lanes for quota, each in _spent(lane, now).items()}
    used = {labels: used for labels, (used, _) in spent.items() if used is not None}
    yield _gauge("budget_used", "Weight used in the running window by all processes.", [*LANE, "quota"], used)
    limits = {labels: limit for labels, (_, limit) in spent.items()}
    yield _gauge("budget_limit", "The published limit of that window.", [*LANE, "quota"], limits)


def _lanes() -> Health:
    """By which exchanges are asked, or were in trouble."""
    asked = ExchangeAccount.objects.live().order_by().values_list(*LANE).distinct()
    lanes = {lane: ExchangeHealth(**dict(zip(LANE, lane, strict=True))) for lane in asked}
    return lanes | {(row.exchange_id, row.environment, row.egress): row for row in ExchangeHealth.objects.all()}


def _spent(lane: tuple[str, ...], now: datetime) -> dict[str, tuple[int | None, int]]:
    return budgets.spent_by(**dict(zip(LANE, lane, strict=True)), now=now)


def _seconds_until(moment: datetime | None, now: datetime) -> float:
    return max(0.0, (moment - now).total_seconds()) if moment else 0.0


def _of_syncs(now: datetime) -> Iterator[Metric]:
    labels = [*LANE, "kind"]
    # What is read back goes on as fast as the budget allows: it is always due, and never late.
    late = Min("due_at", filter=Q(due_at__lte=now, is_behind=False))
    found = list(SyncState.objects.order_by().values(*labels).annotate(all=Count("pk"), bad=_failing(), late=late))
    by_lane = {tuple(row[label] for label in labels): row for row in found}
    states = {lane: row["all"] for lane, row in by_lane.items()}
    yield _gauge(
        "sync_states", "What is kept in sync: one for each account, and for an exchange's own.", labels, states
    )
    failing = {lane: row["bad"] for lane, row in by_lane.items()}
    yield _gauge("sync_states_failing", "Those that failed when they were last read.", labels, failing)
    lag = {lane: _seconds_since(row["late"], now) for lane, row in by_lane.items()}
    yield _gauge("sync_lag_seconds", "For how long the oldest has been overdue.", labels, lag)
    yield from _of_runs(now)


def _failing() -> Count:
    return Count("pk", filter=Q(failures__gt=0))


def _seconds_since(moment: datetime | None, now: datetime) -> float:
    return (now - moment).total_seconds() if moment else 0.0


def _of_runs(now: datetime) -> Iterator[Metric]:
    recent = SyncRun.objects.filter(started_at__gt=now - RECENT).annotate(outcome=_outcome(now))
    labels = [*LANE, "kind", "outcome"]
    runs = _counted(recent, labels, runs=Count("pk"))["runs"]
    told = f"Batches that began in the last {RECENT.seconds // 60} minutes, by what came of them."
    yield _gauge("sync_runs", told, labels, runs)
    sums = _counted(recent, [*LANE, "kind"], ok=Sum("succeeded"), bad=Sum("failed"))
    words = {"ok": "succeeded", "bad": "failed"}
    accounts = {(*lane, words[key]): number for key, by_lane in sums.items() for lane, number in by_lane.items()}
    yield _gauge("sync_accounts", "Accounts in those batches, by what came of them.", labels, accounts)


def _outcome(now: datetime) -> Case:
    """In the words of the label `outcome`."""
    is_open = Q(finished_at=None)
    return Case(
        When(is_open & Q(lease_until__gt=now), then=Value("running")),
        When(is_open, then=Value("lost")),
        When(failed=0, then=Value("succeeded")),
        When(succeeded=0, then=Value("failed")),
        default=Value("partly failed"),
        output_field=CharField(),
    )


# A key that may not read a wallet, or an exchange that has none: nobody waits for it.
NOT_WAITED_FOR = (WalletStatus.NOT_PERMITTED, WalletStatus.NOT_OFFERED)


def _of_wallets(now: datetime) -> Iterator[Metric]:
    by_state = _counted(ExchangeAccount.objects.live(), [*PLACE, "is_enabled"], number=Count("pk"))["number"]
    accounts = {(*place, "enabled" if is_on else "disabled"): n for (*place, is_on), n in by_state.items()}
    yield _gauge("accounts", "Accounts, by whether they are kept in sync.", [*PLACE, "state"], accounts)
    none: Labelled = {(kind,): 0 for kind in KeyTrouble.values}
    notices = _counted(KeyNotice.objects.filter(closed_at=None), ["kind"], number=Count("pk"))["number"]
    yield _gauge(
        "key_notices_open",
        "Keys that expire, may withdraw, or are of an account that another key reads.",
        ["kind"],
        {**none, **notices},
    )
    read = WalletReading.objects.filter(account__archived_at=None, account__is_enabled=True)
    stale = ~Q(status__in=NOT_WAITED_FOR) & ~Q(status=WalletStatus.OK, fresh_until__gte=now)
    found = _counted(
        read,
        [f"account__{name}" for name in PLACE],
        wallets=Count("pk"),
        stale_wallets=Count("pk", filter=stale),
        stale_accounts=Count("account", filter=stale, distinct=True),
    )
    yield _gauge("wallets", "Wallets that are read of enabled accounts, by kind too.", PLACE, found["wallets"])
    yield _gauge("stale_wallets", "Those whose rows may no longer be true.", PLACE, found["stale_wallets"])
    yield _gauge("stale_accounts", "Enabled accounts with such a wallet.", PLACE, found["stale_accounts"])


def _of_system(now: datetime) -> Iterator[Metric]:
    beaten = {(row.name,): (now - row.at).total_seconds() for row in Heartbeat.objects.all()}
    told = "Since when beat's last heartbeat came out of a queue, or the watchdog last looked."
    yield _gauge("heartbeat_age_seconds", told, ["name"], beaten)
    open_events: Labelled = {(kind,): 0 for kind in Trouble.values}
    found = _counted(OpsEvent.objects.open(), ["kind"], number=Count("pk"))["number"]
    yield _gauge("ops_events_open", "What the watchdog has raised and not closed.", ["kind"], {**open_events, **found})
    yield from _of_database()


def _of_database() -> Iterator[Metric]:
    """SQLite has no connections to run out of."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(state, 'other'), count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "GROUP BY 1 UNION ALL SELECT '', setting::int FROM pg_settings WHERE name = 'max_connections'"
        )
        found = dict(cursor.fetchall())
    most = found.pop("")
    by_state = {(state,): number for state, number in found.items()}
    yield _gauge("database_connections", "PostgreSQL's sessions of this database.", ["state"], by_state)
    yield _gauge("database_connections_max", "How many PostgreSQL takes, of all databases together.", [], {(): most})
