"""What is due, what ran, what it changed."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q

from alphapulse.exchanges import catalogue
from alphapulse.types import SyncKind
from apps.exchanges.models import DEFAULT_EGRESS, Environment, ExchangeAccount

KINDS = [(kind.value, kind.value) for kind in SyncKind]


class SyncStateQuerySet(models.QuerySet["SyncState"]):
    def due(self, now: datetime) -> SyncStateQuerySet:
        """Due or asked for by hand, and nobody's at the moment. A claim that outlived its lease is nobody's."""
        return self.filter(Q(due_at__lte=now) | Q(requested_at__isnull=False, due_at__isnull=False)).filter(
            Q(claimed_until__isnull=True) | Q(claimed_until__lte=now)
        )

    def failing(self) -> SyncStateQuerySet:
        return self.filter(failures__gt=0)

    def asked_for(self) -> SyncStateQuerySet:
        """By people, the latest question first: nobody waits behind a crowd of others."""
        return self.filter(requested_at__isnull=False).order_by("-requested_at", "pk")

    def in_turn(self) -> SyncStateQuerySet:
        """What people wait for first, then the oldest."""
        return self.order_by(F("requested_at").asc(nulls_last=True), "due_at", "pk")


class SyncState(models.Model):
    """One kind of one account (or, without an account, of an exchange): when it is due and how it goes.

    `claim` is the number of the run that holds it, and the fencing number: who commits must still hold it.
    """

    account = models.ForeignKey(ExchangeAccount, null=True, on_delete=models.CASCADE, related_name="sync_states")
    exchange_id = models.CharField("exchange", max_length=40)
    environment = models.CharField(max_length=10, choices=Environment)
    egress = models.CharField(max_length=40, default=DEFAULT_EGRESS)
    kind = models.CharField(max_length=20, choices=KINDS)
    interval_override = models.DurationField(
        null=True, blank=True, help_text="how often to sync; empty: the exchange's usual interval"
    )
    # None: not asked at all (a disabled account, a kind the exchange does not offer).
    due_at = models.DateTimeField(null=True, blank=True)
    requested_at = models.DateTimeField(null=True, blank=True)
    claim = models.BigIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True, blank=True)
    # Claims in a row that nobody settled: their workers ended, or slept longer than the lease.
    losses = models.PositiveIntegerField(default=0)
    attempted_at = models.DateTimeField(null=True, blank=True)
    succeeded_at = models.DateTimeField(null=True, blank=True)
    # A history that has not reached its end: it goes on as soon as the budget allows.
    is_behind = models.BooleanField(default=False)
    failures = models.PositiveIntegerField(default=0)
    error_kind = models.CharField(max_length=40, blank=True)
    error = models.CharField(max_length=500, blank=True)
    advice = models.CharField(max_length=300, blank=True)

    objects = SyncStateQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind"], name="one_state_per_account", condition=Q(account__isnull=False)
            ),
            models.UniqueConstraint(
                fields=["exchange_id", "environment", "kind"],
                name="one_state_per_exchange",
                condition=Q(account__isnull=True),
            ),
        ]
        indexes = [
            # The dispatcher's question, every second for every exchange: what is due, of which kind?
            models.Index(
                fields=["exchange_id", "kind", "due_at"], name="what_can_be_due", condition=Q(due_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.account or self.exchange_id}"

    @property
    def interval(self) -> timedelta:
        return self.interval_override or catalogue.exchange(self.exchange_id).intervals[SyncKind(self.kind)]

    def lag(self, now: datetime) -> timedelta:
        """How long it has been overdue."""
        return max(now - self.due_at, timedelta(0)) if self.due_at else timedelta(0)


class SyncRun(models.Model):
    """One batch: up to fifty accounts of one exchange and kind. Its number is the claim on their states."""

    exchange_id = models.CharField("exchange", max_length=40)
    environment = models.CharField(max_length=10, choices=Environment)
    egress = models.CharField(max_length=40)
    kind = models.CharField(max_length=20, choices=KINDS)
    started_at = models.DateTimeField(db_index=True)
    lease_until = models.DateTimeField()
    # None: still running, or its worker died.
    finished_at = models.DateTimeField(null=True)
    claimed = models.PositiveIntegerField()
    succeeded = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [
            # How many batches of this exchange are on their way: asked every second.
            models.Index(fields=["exchange_id", "kind"], name="live_runs", condition=Q(finished_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"run {self.pk}: {self.kind} of {self.claimed} at {self.exchange_id}"


class SyncChange(models.Model):
    """What one sync found different: `before` is None for a new row, `after` for one that is gone."""

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="changes")
    account = models.ForeignKey(ExchangeAccount, on_delete=models.CASCADE, related_name="sync_changes")
    at = models.DateTimeField(db_index=True)
    wallet = models.CharField(max_length=20, blank=True)
    key = models.CharField(max_length=220, help_text="currency, symbol and side, or symbol and order id")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    def __str__(self) -> str:
        return f"{self.key} in {self.wallet}"

    @property
    def difference(self) -> str:
        """`free 3 -> 4, total 5 -> 6`; `new: total 5, ...`; `gone: total 5, ...`."""
        word, pairs = self.pairs
        return f"{word}: {', '.join(pairs)}" if word else ", ".join(pairs)

    @property
    def pairs(self) -> tuple[str, list[str]]:
        """`new`, `gone` or nothing, and each value that is new, gone or another."""
        before, after = self.before or {}, self.after or {}
        if self.before is None or self.after is None:
            word = "new" if self.before is None else "gone"
            return word, [f"{name} {value}" for name, value in (before | after).items() if value]
        return "", [
            f"{name} {_known(before.get(name))} -> {_known(value)}"
            for name, value in after.items()
            if value != before.get(name)
        ]


def _known(value: object) -> object:
    return "unknown" if value is None or value == "" else value


class KeptPayload(models.Model):
    """The start of an answer that could not be understood, with secrets taken out, for a look."""

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="payloads")
    account = models.ForeignKey(ExchangeAccount, null=True, on_delete=models.CASCADE, related_name="+")
    error = models.CharField(max_length=500)
    payload = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.error
