"""Profit and loss as it was calculated, kept until something else has happened. Written by `services.statements`."""

from __future__ import annotations

from django.db import models

from alphapulse.portfolio.lots import Method
from apps.exchanges.models import Environment
from apps.users.models import Workspace


class Statement(models.Model):
    """The books of a workspace's accounts in one environment, by one method, in one currency.

    `made_from` says out of what: the rows there were, what codes meant, the calculation itself. Who finds another one
    there calculates anew, and tells this one as what it is meanwhile.
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
    # When a worker was last asked for it.
    asked_at = models.DateTimeField(null=True)
    # As `services.statements` writes it: amounts as plain text.
    content = models.JSONField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "environment", "currency", "method", "is_at_par"], name="one_statement_of_a_kind"
            )
        ]

    def __str__(self) -> str:
        return f"{self.method} of {self.workspace} ({self.environment}) in {self.currency}"
