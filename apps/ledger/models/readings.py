"""What exchanges say an account has. Written by `services.readings` alone."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from alphapulse.types import OrderStatus, PositionSide, Side
from apps.core.money_field import MoneyField
from apps.exchanges.models import ExchangeAccount
from apps.users.models import User


class WalletStatus(models.TextChoices):
    OK = "ok"
    FAILED = "failed"
    NOT_PERMITTED = "not permitted"
    NOT_OFFERED = "not offered"
    # A complete but empty answer where there were rows: believed only when a second one says the same.
    UNCONFIRMED = "unconfirmed"
    # Only closed orders of a history are there so far.
    NOT_READ = "not read yet"


class WalletReadingQuerySet(models.QuerySet["WalletReading"]):
    def visible_to(self, user: User) -> WalletReadingQuerySet:
        return self.filter(account__workspace__memberships__user=user, account__archived_at=None)

    def stale(self, now: datetime) -> WalletReadingQuerySet:
        """Those that have a `stale_reason` then."""
        is_current = Q(status=WalletStatus.OK, fresh_until__gte=now, account__is_enabled=True)
        return self.exclude(is_current)


class WalletReading(models.Model):
    """How current the rows of one wallet are: all of them were true at `as_of`, or later.

    One row instead of a time on each balance: a sync that changes nothing writes one row, not twenty.
    """

    account = models.ForeignKey(ExchangeAccount, on_delete=models.CASCADE, related_name="readings")
    kind = models.CharField(max_length=20)
    wallet = models.CharField(max_length=20, blank=True)
    status = models.CharField(max_length=20, choices=WalletStatus)
    # The exchange's clock when the last good answer was asked for. None: there has been none yet.
    as_of = models.DateTimeField(null=True)
    # Past this time the rows are stale, even where nobody has reported a failure.
    fresh_until = models.DateTimeField(null=True)
    # When it is asked for again; None: with the next sync of its kind.
    due_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)

    objects = WalletReadingQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "kind", "wallet"], name="one_reading_per_wallet")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.wallet or 'the account'}: {self.status}"

    @classmethod
    def never_read(cls, account: ExchangeAccount, kind: str, wallet: str) -> WalletReading:
        """An unsaved one, that found nothing: of a wallet that the catalogue says is read, and has not been yet."""
        return cls(account=account, kind=kind, wallet=wallet, status=WalletStatus.NOT_READ, error=WalletStatus.NOT_READ)

    def is_stale(self, now: datetime) -> bool:
        return self.stale_reason(now) != ""

    def stale_reason(self, now: datetime) -> str:
        """Why these rows may no longer be true, for people; `""` while they are fresh."""
        if not self.account.is_enabled:
            return f"the account is disabled: {self.account.disabled_reason}"
        if self.status != WalletStatus.OK:
            return self.error or self.status
        if self.fresh_until is None or now > self.fresh_until:
            return "no answer has come in time"
        return ""

    def is_missing(self, now: datetime) -> bool:
        """Does an answer miss something by it? A wallet that the key never could read is the owner's own choice."""
        never_could = self.status == WalletStatus.NOT_PERMITTED and self.as_of is None
        return self.status != WalletStatus.NOT_OFFERED and not never_could and self.is_stale(now)


class ReadRowQuerySet(models.QuerySet):
    """Rows that hang on a reading."""

    def visible_to(self, user: User) -> ReadRowQuerySet:
        return self.filter(reading__account__workspace__memberships__user=user, reading__account__archived_at=None)


class ReadRow(models.Model):
    """A row of one wallet, as current as its reading says."""

    reading = models.ForeignKey(WalletReading, on_delete=models.CASCADE, related_name="+")

    objects = ReadRowQuerySet.as_manager()

    class Meta:
        abstract = True

    @property
    def account(self) -> ExchangeAccount:
        return self.reading.account

    @property
    def as_of(self) -> datetime | None:
        return self.reading.as_of


class Balance(ReadRow):
    currency = models.CharField(max_length=40)
    free = MoneyField()
    used = MoneyField()
    total = MoneyField()
    debt = MoneyField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reading", "currency"], name="one_balance_per_currency")]

    def __str__(self) -> str:
        return f"{self.total} {self.currency}"


class Position(ReadRow):
    symbol = models.CharField(max_length=100)
    side = models.CharField(max_length=5, choices=[(side.value, side.value) for side in PositionSide])
    contracts = MoneyField()
    contract_size = MoneyField(null=True)
    notional = MoneyField(null=True)
    entry_price = MoneyField(null=True)
    mark_price = MoneyField(null=True)
    unrealized_pnl = MoneyField(null=True)
    leverage = MoneyField(null=True)
    liquidation_price = MoneyField(null=True)
    margin_mode = models.CharField(max_length=20, blank=True)

    class Meta:
        # Hedge mode: both sides of a symbol at once; some exchanges hold each of them crossed and isolated besides.
        constraints = [
            models.UniqueConstraint(fields=["reading", "symbol", "side", "margin_mode"], name="one_position_per_side")
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.contracts} {self.symbol}"


class Order(ReadRow):
    """Open orders, and those that we saw open and looked up when they were gone."""

    symbol = models.CharField(max_length=100)
    order_id = models.CharField(max_length=100)
    client_order_id = models.CharField(max_length=100, null=True)
    side = models.CharField(max_length=4, choices=[(side.value, side.value) for side in Side])
    type = models.CharField(max_length=40, null=True)
    status = models.CharField(max_length=10, choices=[(status.value, status.value) for status in OrderStatus])
    amount = MoneyField(null=True)
    filled = MoneyField(null=True)
    remaining = MoneyField(null=True)
    price = MoneyField(null=True)
    average = MoneyField(null=True)
    cost = MoneyField(null=True)
    exchange_at = models.DateTimeField(null=True)
    # It sleeps until the market is there.
    trigger_price = MoneyField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reading", "symbol", "order_id"], name="one_order_per_id")]
        indexes = [
            # Asked at every sync of orders: of which do we not know the end?
            models.Index(fields=["reading"], name="open_orders", condition=models.Q(status__in=["open", "gone"])),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.amount} {self.symbol} {self.status}"
