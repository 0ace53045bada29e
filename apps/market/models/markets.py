"""What can be traded, and what it costs: per exchange and environment, never mixed."""

from __future__ import annotations

from datetime import datetime

from django.db import models

from alphapulse.exchanges import catalogue
from alphapulse.types import SyncKind
from apps.core.money_field import MoneyField
from apps.exchanges.models import Environment
from apps.market.models.quarantine import KEPT_ASIDE, QuarantinedValue

# A price is stale when this many of its exchange's intervals went by without a new one.
STALE_INTERVALS = 3


class Market(models.Model):
    """Keyed by the exchange's own id: a symbol may be another coin after a rename."""

    exchange_id = models.CharField(max_length=40)
    environment = models.CharField(max_length=10, choices=Environment)
    market_id = models.CharField(max_length=100)
    type = models.CharField(max_length=10, help_text="spot, swap, future, option")
    symbol = models.CharField(max_length=100)
    base = models.CharField(max_length=40)
    quote = models.CharField(max_length=40)
    settle = models.CharField(max_length=40, null=True)
    is_active = models.BooleanField()
    is_inverse = models.BooleanField()
    contract_size = MoneyField(null=True)
    amount_step = MoneyField(null=True)
    price_tick = MoneyField(null=True)
    min_amount = MoneyField(null=True)
    min_cost = MoneyField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["exchange_id", "environment", "type", "market_id"], name="one_market_per_id"
            ),
        ]
        indexes = [models.Index(fields=["exchange_id", "environment", "symbol"])]

    def __str__(self) -> str:
        return f"{self.symbol} at {self.exchange_id}"


class TickerQuerySet(models.QuerySet["Ticker"]):
    def usable(self) -> TickerQuerySet:
        """Those that are not doubted. Use these; how old one may be is for its reader to say."""
        doubts = QuarantinedValue.objects.filter(ended_at=None, reason__in=KEPT_ASIDE)
        same = {name: models.OuterRef(name) for name in ("exchange_id", "environment", "symbol")}
        return self.exclude(models.Exists(doubts.filter(**same)))


class Ticker(models.Model):
    """The last price that was believed when it came: one that jumped, or made no sense, is in quarantine alone."""

    exchange_id = models.CharField(max_length=40)
    environment = models.CharField(max_length=10, choices=Environment)
    symbol = models.CharField(max_length=100)
    last = MoneyField(null=True)
    bid = MoneyField(null=True)
    ask = MoneyField(null=True)
    percentage = MoneyField(null=True)
    base_volume = MoneyField(null=True)
    quote_volume = MoneyField(null=True)
    exchange_at = models.DateTimeField(null=True)
    as_of = models.DateTimeField()

    objects = TickerQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["exchange_id", "environment", "symbol"], name="one_ticker_per_symbol")
        ]

    def __str__(self) -> str:
        return f"{self.symbol} at {self.exchange_id}"

    def is_stale(self, now: datetime) -> bool:
        """No price has come in time."""
        interval = catalogue.exchange(self.exchange_id).intervals[SyncKind.TICKERS]
        return now > self.as_of + STALE_INTERVALS * interval


class FundingRate(models.Model):
    """Of the symbols whose candles are read. Before `funding_at` what is expected; after it, what was told last."""

    exchange_id = models.CharField(max_length=40)
    environment = models.CharField(max_length=10, choices=Environment)
    symbol = models.CharField(max_length=100)
    funding_at = models.DateTimeField()
    rate = MoneyField()
    as_of = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["exchange_id", "environment", "symbol", "funding_at"], name="one_rate_per_funding"
            )
        ]

    def __str__(self) -> str:
        return f"{self.symbol} at {self.exchange_id}, {self.funding_at:%Y-%m-%d %H:%M}"
