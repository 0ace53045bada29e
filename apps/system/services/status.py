"""How it goes, for who asks."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from apps.core.durations import ago
from apps.exchanges import budgets
from apps.exchanges.models import ExchangeAccount, ExchangeHealth, KeyNotice
from apps.ledger.models import WalletReading, WalletReadingQuerySet
from apps.sync.models import SyncState
from apps.sync.services.status import Standing, StateLine, state_lines
from apps.system.models import WATCHDOG, Heartbeat, OpsEvent
from apps.users.models import User

UNWATCHED = timedelta(minutes=2)  # by cron it looks once a minute


def status_for(user: User, now: datetime) -> dict[str, Any]:
    """The states of the user's accounts and of their exchanges, the exchanges' health, and the sum of it."""
    accounts = ExchangeAccount.objects.visible_to(user)
    places = set(accounts.order_by().values_list("exchange_id", "environment").distinct())
    states = SyncState.objects.filter(Q(account__in=accounts) | _any_of(places, account=None))
    lines = state_lines(states, now)
    answer: dict[str, Any] = {
        "now": now,
        "summary": _summary(lines) | _wallets(WalletReading.objects.visible_to(user), now),
        "exchanges": _exchanges(accounts, places, now),
        "states": [asdict(line) for line in lines],
        "keys": list(KeyNotice.objects.filter(account__in=accounts, closed_at=None).select_related("account")),
    }
    if user.is_staff:
        # About the whole system, other people's exchanges among it.
        answer["events"] = [_event(event) for event in OpsEvent.objects.open().in_turn()]
    return answer


def alarms(now: datetime) -> list[str]:
    """Lines for who asks how it goes: what is wrong with the system itself, and whether somebody watches it."""
    events = list(OpsEvent.objects.open().in_turn())
    told = "; ".join(f"{event} ({ago(event.opened_at, now)})" for event in events)
    lines = [f"{len(events)} ops events are open: {told}."] if events else []
    watched_at = Heartbeat.objects.filter(name=WATCHDOG).values_list("at", flat=True).first()
    if watched_at is None or now - watched_at > UNWATCHED:
        lines.append(f"The watchdog's last look was {ago(watched_at, now)}. Is `manage.py watchdog` up?")
    return lines


def _any_of(places: set[tuple[str, str]], **also: Any) -> Q:
    """Any of the exchanges and environments; nothing where there are none."""
    found = Q(pk__in=[])
    for exchange_id, environment in places:
        found |= Q(exchange_id=exchange_id, environment=environment, **also)
    return found


def _summary(lines: list[StateLine]) -> dict[str, Any]:
    return {
        "states": len(lines),
        "failing": sum(line.is_failing for line in lines),
        "held_back": sum(line.standing is Standing.HELD_BACK for line in lines),
        "not_read_yet": sum(line.standing is Standing.NOT_READ_YET for line in lines),
        "reading_back": sum(line.standing is Standing.READING_BACK for line in lines),
        "not_asked": sum(1 for line in lines if line.due_at is None),
        "oldest_lag_seconds": max((line.lag.total_seconds() for line in lines), default=0),
    }


def _wallets(readings: WalletReadingQuerySet, now: datetime) -> dict[str, Any]:
    rows = list(readings.select_related("account"))
    stale = [row for row in rows if row.is_stale(now)]
    return {
        "wallets": len(rows),
        "stale_wallets": len(stale),
        "stale_accounts": len({row.account_id for row in stale}),
    }


def _event(event: OpsEvent) -> dict[str, Any]:
    shown = ("kind", "subject", "message", "advice", "opened_at", "seen_at", "count")
    return {name: getattr(event, name) for name in shown}


def _exchanges(
    accounts: QuerySet[ExchangeAccount], places: set[tuple[str, str]], now: datetime
) -> list[dict[str, Any]]:
    """One for each environment and egress by which an exchange is asked, or was in trouble."""
    lanes = {
        lane: ExchangeHealth(exchange_id=lane[0], environment=lane[1], egress=lane[2])
        for lane in accounts.order_by().values_list("exchange_id", "environment", "egress").distinct()
    }
    troubled = ExchangeHealth.objects.filter(_any_of(places))
    lanes |= {(row.exchange_id, row.environment, row.egress): row for row in troubled}
    return [_health(lanes[lane], now) for lane in sorted(lanes)]


def _health(row: ExchangeHealth, now: datetime) -> dict[str, Any]:
    return {
        "exchange_id": row.exchange_id,
        "environment": row.environment,
        "egress": row.egress,
        "state": row.state(now),
        "failures": row.failures,
        "opened_at": row.opened_at,
        "banned_until": row.banned_until,
        "error": row.error,
        "budget": _budget(row, now),
    }


def _budget(row: ExchangeHealth, now: datetime) -> list[dict[str, Any]]:
    """What all processes used of each published limit in the running window; null where that is not known."""
    spent = budgets.spent_by(
        exchange_id=row.exchange_id, environment=row.environment, egress=row.egress, now=now
    ).items()
    return [{"quota": quota, "used": used, "limit": limit} for quota, (used, limit) in spent]
