"""What exchanges say an account has (`readings`), and what happened to it (`events`)."""

from apps.ledger.models.events import Event, EventQuerySet, FundingPayment, LedgerEntry, Trade, Transfer
from apps.ledger.models.readings import (
    Balance,
    Order,
    Position,
    ReadRow,
    ReadRowQuerySet,
    WalletReading,
    WalletReadingQuerySet,
    WalletStatus,
)

__all__ = [
    "Balance",
    "Event",
    "EventQuerySet",
    "FundingPayment",
    "LedgerEntry",
    "Order",
    "Position",
    "ReadRow",
    "ReadRowQuerySet",
    "Trade",
    "Transfer",
    "WalletReading",
    "WalletReadingQuerySet",
    "WalletStatus",
]
