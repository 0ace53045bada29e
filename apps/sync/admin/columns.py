"""How a state is shown, in lists and beside its account; how a resync is asked for."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from kombu.exceptions import OperationalError

from alphapulse.resilience.breaker import Breaker
from apps.audit.services import record
from apps.core.admin import EMPTY, alarming, short, since, with_aside
from apps.core.clock import now
from apps.core.durations import counted, from_words, in_words
from apps.exchanges.models import ExchangeHealth
from apps.sync import tasks
from apps.sync.models import SyncState
from apps.sync.services.interval import LONGEST, SHORTEST

BROKER_AWAY = "The message broker does not answer ({}): nothing was asked for. Is Redis running?"


def ask(modeladmin: admin.ModelAdmin, request: HttpRequest, wishes: Iterable[tuple[Model, dict[str, Any]]]) -> None:
    """Sends a resync for each, and writes down of which row it was asked; a broker that is away is told once."""
    sent = 0
    try:
        for row, wish in wishes:
            tasks.resync.delay(**wish)
            record("sync.asked", row, at=now(), actor=request.user, kind=wish.get("kind"))
            sent += 1
    except OperationalError as problem:
        modeladmin.message_user(request, BROKER_AWAY.format(problem), messages.ERROR)
    if sent:
        modeladmin.message_user(request, f"Asked for {counted(sent, 'resync')}: reload in a moment to see how it went.")


def with_breaker(states: QuerySet[SyncState]) -> QuerySet[SyncState]:
    """Each with its lane's health in columns: one query, however many rows."""
    lane = {name: OuterRef(name) for name in ("exchange_id", "environment", "egress")}
    health = ExchangeHealth.objects.filter(**lane)
    return states.annotate(
        health_opened_at=Subquery(health.values("opened_at")[:1]),
        health_banned_until=Subquery(health.values("banned_until")[:1]),
        health_probe_until=Subquery(health.values("probe_until")[:1]),
    )


def breaker_of(state: SyncState) -> Breaker:
    """Of a state that came `with_breaker`."""
    return Breaker(
        opened_at=state.health_opened_at,
        banned_until=state.health_banned_until,
        probe_until=state.health_probe_until,
    )


class StateColumns:
    """How a state is shown, in lists and beside its account."""

    @admin.display(description="last success", ordering="succeeded_at")
    def success(self, state: SyncState) -> str:
        return since(state.succeeded_at)

    @admin.display(description="next due", ordering="due_at")
    def due(self, state: SyncState) -> str:
        if state.due_at is None:
            return "not asked"
        lag = state.lag(now())
        told = f"{in_words(lag)} overdue" if lag > timedelta(seconds=1) else since(state.due_at)
        if state.is_behind:
            told = "reading back"
        return with_aside(told, f"every {in_words(state.interval)}")

    @admin.display(description="error", ordering="error")
    def trouble(self, state: SyncState) -> str:
        if not state.error:
            return EMPTY
        if not state.failures:
            return with_aside(short(state.error), state.advice)
        times = f"{state.failures} times: " if state.failures > 1 else ""
        return with_aside(alarming(f"{times}{short(state.error)}"), state.advice)


class IntervalField(forms.DurationField):
    """Django's format, and as people say it: `10 s`, `5 min`, `2 h`."""

    def to_python(self, value: Any) -> timedelta | None:
        said = from_words(value) if isinstance(value, str) else None
        return said if said is not None else super().to_python(value)


class IntervalForm(forms.ModelForm):
    interval_override = IntervalField(
        required=False, help_text="HH:MM:SS, or 10s, 5 min, 2 h; empty: the exchange's usual interval"
    )

    class Meta:
        model = SyncState
        fields = ["interval_override"]

    def clean_interval_override(self) -> timedelta | None:
        interval: timedelta | None = self.cleaned_data["interval_override"]
        if interval is not None and not SHORTEST <= interval <= LONGEST:
            raise ValidationError(f"Between {in_words(SHORTEST)} and {in_words(LONGEST)}, or empty.")
        return interval
