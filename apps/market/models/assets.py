"""Which coin a code means, where and when; and what fiat money costs where no market says it."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from apps.core.money_field import MoneyField


class AssetKind(models.TextChoices):
    COIN = "coin"
    STABLECOIN = "stablecoin"
    FIAT = "fiat"


class Asset(models.Model):
    """A coin or a currency by our own code. A code that has no row means itself, everywhere."""

    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=80, blank=True)
    kind = models.CharField(max_length=10, choices=AssetKind, default=AssetKind.COIN)
    pegged_to = models.CharField(
        max_length=40,
        blank=True,
        help_text="the currency that a stablecoin promises to be worth: believed only for users who say so",
    )

    def __str__(self) -> str:
        return self.code


class AssetAlias(models.Model):
    """What an exchange calls an asset, and from when to when: LUNA was what is LUNC now; 1000SATS are a thousand SATS.

    Every valuation goes by these rows.
    """

    exchange_id = models.CharField("exchange", max_length=40, blank=True, help_text="ccxt's id; empty: at all of them")
    code = models.CharField(max_length=40, help_text="as the exchange (by way of ccxt) calls it")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="aliases", help_text="what that means")
    multiplier = MoneyField(default=1, help_text="how many of the asset one of it is")
    valid_from = models.DateTimeField(null=True, blank=True, help_text="empty: always was")
    valid_to = models.DateTimeField(null=True, blank=True, help_text="from then on it is no more; empty: it still is")

    class Meta:
        verbose_name_plural = "asset aliases"
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_to__isnull=True)
                | Q(valid_to__gt=models.F("valid_from")),
                name="an_alias_ends_after_it_begins",
            ),
        ]
        indexes = [models.Index(fields=["exchange_id", "code"])]

    def __str__(self) -> str:
        return f"{self.code} at {self.exchange_id or 'all exchanges'} is {self.asset}"

    def clean(self) -> None:
        if self.multiplier is not None and self.multiplier <= 0:
            raise ValidationError({"multiplier": "expected a number above zero."})
        if any(self.overlaps(other) for other in self._others()):
            raise ValidationError("At that time the code means something else already: end that alias first.")

    def overlaps(self, other: AssetAlias) -> bool:
        return _begins_before_end(self, other) and _begins_before_end(other, self)

    def _others(self) -> models.QuerySet[AssetAlias]:
        return AssetAlias.objects.filter(exchange_id=self.exchange_id, code=self.code).exclude(pk=self.pk)


def _begins_before_end(one: AssetAlias, other: AssetAlias) -> bool:
    return not (one.valid_from and other.valid_to) or one.valid_from < other.valid_to


class FiatRate(models.Model):
    """What one `base` costs in `currency`, as a central bank published it for that day."""

    source = models.CharField(max_length=20)
    base = models.CharField(max_length=10)
    currency = models.CharField(max_length=10)
    rate = MoneyField()
    published_on = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "base", "currency", "published_on"], name="one_rate_a_day")
        ]

    def __str__(self) -> str:
        return f"1 {self.base} = {self.rate} {self.currency} ({self.source}, {self.published_on})"
