"""What can be traded, and what it costs: per exchange and environment, never mixed."""

from django.db import models

from apps.core.money_field import MoneyField
from apps.exchanges.models import Environment


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


class Ticker(models.Model):
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

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["exchange_id", "environment", "symbol"], name="one_ticker_per_symbol")
        ]

    def __str__(self) -> str:
        return f"{self.symbol} at {self.exchange_id}"
