"""Profit and loss as it was calculated, kept until something else has happened."""

from __future__ import annotations

from datetime import datetime

from django.db import models

from alphapulse.portfolio.lots import Method
from apps.exchanges.models import Environment
from apps.users.models import Workspace


class StatementQuerySet(models.QuerySet):
    def light(self, *wanted: str) -> StatementQuerySet:
        """Without what is megabytes of a long past, but for what is wanted of that: `days` or `flows`."""
        return self.defer(*{"days", "flows"}.difference(wanted))


class Statement(models.Model):
    """The books of a workspace's accounts in one environment, by one method, in one currency.

    `made_from` says out of what: the rows and prices there were, what codes meant, the calculation itself. Who finds
    another one there calculates anew, and tells this one as what it is meanwhile.
    Written by `services.bookkeeping` alone.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="statements")
    environment = models.CharField(max_length=10, choices=Environment)
    currency = models.CharField(max_length=40)
    method = models.CharField(max_length=10, choices=[(method.value, method.value) for method in Method])
    # Stablecoins were taken for what they promise to be.
    is_at_par = models.BooleanField(default=False)
    made_from = models.CharField(max_length=64, blank=True)
    # When its calculation began; None: it never has been calculated.
    made_at = models.DateTimeField(null=True)
    # When a worker was last asked for it, and has not answered.
    asked_at = models.DateTimeField(null=True)
    # When somebody began to calculate it who has not come back, and the message that brought the work.
    begun_at = models.DateTimeField(null=True)
    begun_by = models.CharField(max_length=64, blank=True)
    # Not calculated anew before: it was just made at some cost, or it failed.
    rests_until = models.DateTimeField(null=True)
    # Tries in a row that came to nothing, and what was the matter with the last one.
    failures = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    # As `services.content` writes them: JSON, amounts as plain text.
    content = models.JSONField(null=True)
    days = models.TextField(default="")
    flows = models.TextField(default="")

    objects = StatementQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "environment", "currency", "method", "is_at_par"], name="one_statement_of_a_kind"
            )
        ]

    def __str__(self) -> str:
        return f"{self.method} of {self.workspace} ({self.environment}) in {self.currency}"

    def rests(self, now: datetime) -> bool:
        return self.rests_until is not None and now < self.rests_until
