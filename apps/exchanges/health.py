"""Breakers and bans, shared by every worker through one row per exchange, environment and egress.

A row is written only when something changes; each change is one short transaction of its own.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.errors import ExchangeError, RateLimited
from alphapulse.exchanges.route import Route
from alphapulse.resilience.breaker import Breaker, BreakerState
from apps.audit.services import record
from apps.exchanges.models import BREAKER_FIELDS, ExchangeHealth
from apps.exchanges.signals import health_changed


def of_exchange(exchange_id: str) -> dict[tuple[str, str], ExchangeHealth]:
    """By environment and egress. What is not in it is healthy."""
    rows = ExchangeHealth.objects.filter(exchange_id=exchange_id)
    return {(row.environment, row.egress): row for row in rows}


def take_probe(route: Route, now: datetime) -> bool:
    """One worker of all gets to ask a half-open exchange; it must answer `answered` or `failed` later."""
    health = ExchangeHealth.objects.filter(**_lane(route)).first()
    if health is None or not health.breaker.allows(now):
        return health is None
    unchanged = {field: getattr(health, field) for field in BREAKER_FIELDS}
    probing = health.breaker.with_probe(now)
    return bool(ExchangeHealth.objects.filter(pk=health.pk, **unchanged).update(probe_until=probing.probe_until))


def banned_until(route: Route, now: datetime) -> datetime | None:
    """When the ban ends that keeps everybody back, orders, cancels and people too; None: there is none."""
    health = ExchangeHealth.objects.filter(**_lane(route)).first()
    return health.banned_until if health is not None and not health.breaker.allows_orders(now) else None


def ban_in_words(route: Route, until: datetime) -> str:
    name = catalogue.exchange(route.exchange_id).name
    return f"{name} has banned this IP (egress {route.egress}) until {until:%Y-%m-%d %H:%M:%S} UTC"


def answered(route: Route, *, at: datetime) -> None:
    """Something was answered as it was asked. A ban still runs until its end."""
    health = ExchangeHealth.objects.filter(**_lane(route)).first()
    if health is not None and health.breaker.after_success(at) != health.breaker:
        _step(route, lambda breaker: breaker.after_success(at), at=at)


def failed(route: Route, *, error: str, asked_at: datetime, at: datetime) -> None:
    """Nobody of a whole batch was served, for the exchange's reason."""
    _step(route, lambda breaker: breaker.after_failure(at, asked_at=asked_at), error=error, at=at)


def banned(route: Route, *, until: datetime, error: str, at: datetime) -> None:
    """Every worker leaves the exchange alone by this egress until then."""
    _step(route, lambda breaker: breaker.after_ban(until), error=error, at=at)


def heed(route: Route, problem: ExchangeError, *, at: datetime) -> None:
    """Whoever asked, and whatever for: where the answer names a time, every worker waits until then."""
    if isinstance(problem, RateLimited) and problem.until is not None:
        banned(route, until=problem.until, error=str(problem), at=at)


def spent_uncounted(route: Route, *, at: datetime) -> None:
    """Some of the lane's budget was spent while Redis was away. Those who did not notice are to hear of it."""
    told = {"uncounted_at": at}
    ExchangeHealth.objects.update_or_create(**_lane(route), defaults=told, create_defaults=told | {"changed_at": at})


def reset(health: ExchangeHealth, *, at: datetime, actor: Any = None) -> ExchangeHealth:
    """Closes the breaker by hand. A ban is not ours to lift: asking earlier makes it longer."""
    with transaction.atomic():
        health = ExchangeHealth.objects.select_for_update().get(pk=health.pk)
        before = _told(health, at)
        health.breaker, health.changed_at = health.breaker.after_success(at), at
        if health.state(at) is BreakerState.CLOSED:
            health.error = ""
        health.save()
        record("breaker.reset", health, at=at, actor=actor, before=before, after=_told(health, at))
        _announce(health.pk)
    return health


def _told(health: ExchangeHealth, at: datetime) -> dict[str, Any]:
    return {"state": health.state(at).value, "failures": health.failures, "error": health.error}


def _step(route: Route, step: Callable[[Breaker], Breaker], *, at: datetime, error: str = "") -> None:
    """Moves the lane's breaker, making its row when there is none, and tells when its state is another."""
    with transaction.atomic():
        health, _ = ExchangeHealth.objects.select_for_update().get_or_create(
            **_lane(route), defaults={"changed_at": at}
        )
        before, after = health.breaker, step(health.breaker)
        if after == before:
            return
        is_clear = after.state(at) is BreakerState.CLOSED and not after.failures
        health.breaker, health.changed_at = after, at
        health.error = "" if is_clear else (error or health.error)[:500]
        health.save()
        if after.state(at) is not before.state(at):
            _announce(health.pk)


def _lane(route: Route) -> dict[str, str]:
    return {"exchange_id": route.exchange_id, "environment": route.environment.value, "egress": route.egress}


def _announce(health_id: int) -> None:
    transaction.on_commit(partial(health_changed.send_robust, ExchangeHealth, health_id=health_id))
