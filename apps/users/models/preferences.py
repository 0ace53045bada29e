"""How a user likes to be shown things, and when not to be disturbed."""

from __future__ import annotations

from django.conf import settings
from django.db import models

BASE_CURRENCIES = (
    *("USD", "EUR", "GBP", "JPY", "CHF", "AUD", "CAD", "CNY", "HKD", "SGD", "KRW", "INR", "BRL", "TRY", "PLN"),
    *("USDT", "USDC", "BTC", "ETH"),
)


class NumberFormat(models.TextChoices):
    """Each by its example; the API's own numbers are always plain."""

    COMMA_POINT = "1,234.56"
    POINT_COMMA = "1.234,56"
    SPACE_COMMA = "1 234,56"
    APOSTROPHE_POINT = "1'234.56"
    PLAIN = "1234.56"


class UserSettings(models.Model):
    """No row: the defaults. Quiet hours are of the user's time zone, and may go past midnight."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="settings")
    base_currency = models.CharField(max_length=10, default="USD")
    stablecoins_at_par = models.BooleanField(
        default=False, help_text="USDT and its like count as exactly what they promise to be worth, not at their price"
    )
    time_zone = models.CharField(max_length=64, default="UTC")
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    number_format = models.CharField(max_length=10, choices=NumberFormat, default=NumberFormat.COMMA_POINT)

    class Meta:
        verbose_name_plural = "user settings"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | models.Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="quiet_hours_begin_and_end",
            )
        ]

    def __str__(self) -> str:
        return f"settings of {self.user}"
