"""How the syncs go, on the wire."""

from typing import Any

from rest_framework import serializers

from alphapulse.resilience.breaker import BreakerState
from apps.core.serializers import Body
from apps.exchanges.api.bodies import NoticeRow
from apps.exchanges.models import Environment
from apps.sync.services.status import Standing
from apps.system.models import RestartState, Trouble


class Seconds(serializers.FloatField):
    """A duration."""

    def to_representation(self, value: object) -> float:
        return value.total_seconds() if hasattr(value, "total_seconds") else super().to_representation(value)


class StateRow(serializers.Serializer):
    account_id = serializers.IntegerField(allow_null=True, help_text="null: prices and markets belong to an exchange")
    account = serializers.CharField(allow_blank=True)
    exchange_id = serializers.CharField()
    environment = serializers.ChoiceField(Environment.choices)
    egress = serializers.CharField()
    kind = serializers.CharField()
    succeeded_at = serializers.DateTimeField(allow_null=True)
    attempted_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True, help_text="null: it is not asked for")
    progress = serializers.CharField(allow_blank=True, help_text="how far a history is, while it is read back")
    failures = serializers.IntegerField(help_text="in a row")
    error = serializers.CharField(allow_blank=True)
    advice = serializers.CharField(allow_blank=True)
    breaker = serializers.CharField()
    standing = serializers.ChoiceField([each.value for each in Standing])
    is_failing = serializers.BooleanField()
    interval_seconds = Seconds(source="interval")
    lag_seconds = Seconds(source="lag", help_text="for how long it has been overdue")


class BudgetRow(serializers.Serializer):
    quota = serializers.CharField()
    used = serializers.IntegerField(allow_null=True, help_text="null: the count is lost")
    limit = serializers.IntegerField()


class ExchangeRow(serializers.Serializer):
    exchange_id = serializers.CharField()
    environment = serializers.ChoiceField(Environment.choices)
    egress = serializers.CharField()
    state = serializers.ChoiceField([each.value for each in BreakerState])
    failures = serializers.IntegerField()
    opened_at = serializers.DateTimeField(allow_null=True)
    banned_until = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(allow_blank=True)
    budget = BudgetRow(many=True)


class SummaryRow(serializers.Serializer):
    states = serializers.IntegerField()
    failing = serializers.IntegerField()
    held_back = serializers.IntegerField()
    not_read_yet = serializers.IntegerField()
    reading_back = serializers.IntegerField(help_text="histories that have further to go")
    not_asked = serializers.IntegerField()
    oldest_lag_seconds = serializers.FloatField()
    wallets = serializers.IntegerField()
    stale_wallets = serializers.IntegerField()
    stale_accounts = serializers.IntegerField()


class EventRow(serializers.Serializer):
    kind = serializers.ChoiceField(Trouble.values)
    subject = serializers.CharField()
    message = serializers.CharField()
    advice = serializers.CharField()
    opened_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField()
    count = serializers.IntegerField()


class KeyNoticeRow(NoticeRow):
    account_id = serializers.IntegerField()
    account = serializers.CharField(source="account.label")


class StatusRow(serializers.Serializer):
    now = serializers.DateTimeField()
    summary = SummaryRow()
    exchanges = ExchangeRow(many=True)
    states = StateRow(many=True)
    keys = KeyNoticeRow(many=True, help_text="what owners should know of their keys")
    events = EventRow(many=True, required=False, help_text="open ones, for staff: what is wrong with the system itself")


class RestartBody(Body):
    """What is to be started anew: at least one of these."""

    beat = serializers.BooleanField(default=False)
    all_workers = serializers.BooleanField(default=False, help_text="all that answer")
    workers = serializers.ListField(
        child=serializers.CharField(max_length=150),
        default=list,
        max_length=100,
        help_text="by node name (`sync@host`), or by what stands before the @: then on all hosts",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not any(attrs.values()):
            raise serializers.ValidationError("Say what: `beat`, `all_workers`, or `workers` by name.")
        return attrs


class RestartedProcessRow(serializers.Serializer):
    name = serializers.CharField(help_text="a worker's node name, or `beat`")
    state = serializers.ChoiceField(RestartState.choices)
    message = serializers.CharField(help_text="how it stands, and what to do")
    old_pid = serializers.IntegerField(allow_null=True)
    new_pid = serializers.IntegerField(allow_null=True)
    changed_at = serializers.DateTimeField()


class RestartRow(serializers.Serializer):
    id = serializers.IntegerField()
    state = serializers.ChoiceField(
        RestartState.choices,
        help_text="of the process that is least far; `done` when each has a new one, `failed` once one has not in time",
    )
    asked_at = serializers.DateTimeField()
    asked_by = serializers.CharField(allow_null=True)
    processes = RestartedProcessRow(many=True)
