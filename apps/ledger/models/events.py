"""What happened to an account. Written by `services.events` alone; the keys are those of the core's `history.key`.

Closed orders are not here: an order is one row from its opening to its end, see `readings.Order`.
"""

from __future__ import annotations

from django.db import models

from alphapulse.types import LedgerKind, Side, TransferKind, TransferStatus
from apps.core.money_field import MoneyField
from apps.exchanges.models import ExchangeAccount
from apps.users.models import User


class EventQuerySet(models.QuerySet):
    def visible_to(self, user: User) -> EventQuerySet:
        return self.filter(account__workspace__memberships__user=user)

    def newest_first(self) -> EventQuerySet:
        return self.order_by("-exchange_at", "-pk")


class Event(models.Model):
    """`source`: the list of the exchange's that told it, or `import`."""

    account = models.ForeignKey(ExchangeAccount, on_delete=models.CASCADE, related_name="+")
    source = models.CharField(max_length=40)
    # Of a row whose file knew no id: what tells it from others, until the exchange tells the real one.
    fingerprint = models.CharField(max_length=32, blank=True, default="")
    # Of a row that took such a one's place: the id of ours that it had, so that the file does not bring it again.
    replaces = models.CharField(max_length=150, null=True)
    exchange_at = models.DateTimeField()

    objects = EventQuerySet.as_manager()

    class Meta:
        abstract = True


def _indexes(name: str) -> list[models.Index]:
    return [
        # The API's question: an account's newest, page by page.
        models.Index(fields=["account", "-exchange_at", "-id"], name=f"{name}_in_time"),
        # The admin's: everybody's newest. Without it each page sorts the table.
        models.Index(fields=["-exchange_at", "-id"], name=f"{name}_newest"),
        # Asked whenever rows come: which without a real id are they?
        models.Index(fields=["account", "exchange_at"], name=f"{name}_without_id", condition=~models.Q(fingerprint="")),
    ]


class Trade(Event):
    """A fill. Ids are unique within their symbol only."""

    trade_id = models.CharField(max_length=100)
    order_id = models.CharField(max_length=100, null=True)
    symbol = models.CharField(max_length=100)
    side = models.CharField(max_length=4, choices=[(side.value, side.value) for side in Side])
    price = MoneyField()
    amount = MoneyField()
    cost = MoneyField()
    fee = MoneyField(null=True)
    fee_currency = models.CharField(max_length=40, null=True)
    is_maker = models.BooleanField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "symbol", "trade_id"], name="one_trade_per_id")]
        indexes = _indexes("trades")

    def __str__(self) -> str:
        return f"{self.side} {self.amount} {self.symbol} at {self.price}"


class Transfer(Event):
    transfer_id = models.CharField(max_length=500)
    kind = models.CharField(max_length=10, choices=[(kind.value, kind.value) for kind in TransferKind])
    currency = models.CharField(max_length=40)
    amount = MoneyField()
    fee = MoneyField(null=True)
    fee_currency = models.CharField(max_length=40, null=True)
    status = models.CharField(max_length=10, choices=[(status.value, status.value) for status in TransferStatus])
    from_wallet = models.CharField(max_length=40, null=True)
    to_wallet = models.CharField(max_length=40, null=True)
    network = models.CharField(max_length=100, null=True)
    address = models.CharField(max_length=300, null=True)
    txid = models.CharField(max_length=300, null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "transfer_id"], name="one_transfer_per_id")]
        indexes = _indexes("transfers")

    def __str__(self) -> str:
        return f"{self.kind} of {self.amount} {self.currency}"


class FundingPayment(Event):
    payment_id = models.CharField(max_length=150)
    symbol = models.CharField(max_length=100)
    currency = models.CharField(max_length=40)
    amount = MoneyField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "payment_id"], name="one_payment_per_id")]
        indexes = _indexes("funding")

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} for {self.symbol}"


class LedgerEntry(Event):
    """One currency's change by one event; the two sides of a convert have one `reference`."""

    entry_id = models.CharField(max_length=150)
    kind = models.CharField(max_length=10, choices=[(kind.value, kind.value) for kind in LedgerKind])
    currency = models.CharField(max_length=40)
    amount = MoneyField()
    reference = models.CharField(max_length=150, null=True)

    class Meta:
        verbose_name_plural = "ledger entries"
        constraints = [models.UniqueConstraint(fields=["account", "entry_id"], name="one_entry_per_id")]
        indexes = _indexes("entries")

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} {self.currency}"
