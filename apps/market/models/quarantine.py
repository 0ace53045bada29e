"""Prices that are not used, and why."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from alphapulse.market.guard import Doubt
from apps.core.money_field import MoneyField
from apps.exchanges.models import Environment

# Of these the price itself is stored, as what the exchange says. Of others the one before it stays.
KEPT_ASIDE = (Doubt.STALE, Doubt.SPREAD)


class QuarantinedValue(models.Model):
    """A price that is doubted: seen, kept here with its reason, and not used. `ended_at`: the doubt is over."""

    exchange_id = models.CharField("exchange", max_length=40)
    environment = models.CharField(max_length=10, choices=Environment)
    symbol = models.CharField(max_length=100)
    reason = models.CharField(max_length=10, choices=[(doubt.value, doubt.value) for doubt in Doubt])
    last = MoneyField(null=True)
    bid = MoneyField(null=True)
    ask = MoneyField(null=True)
    # What was believed when it came.
    known = MoneyField(null=True)
    detail = models.CharField(max_length=200, blank=True)
    first_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["exchange_id", "environment", "symbol", "reason"],
                name="one_doubt_of_a_kind",
                condition=Q(ended_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.symbol} at {self.exchange_id}: {self.reason}"
