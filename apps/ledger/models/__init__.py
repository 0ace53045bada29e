"""What exchanges say an account has (`readings`), what happened to it (`events`), how far we know it (`histories`)."""

from apps.ledger.models.events import Event, EventQuerySet, FundingPayment, LedgerEntry, Trade, Transfer
from apps.ledger.models.histories import LEFT_OUT, HistoryCursor, HistoryStatus, HistorySweep, ReadOn, Sighting
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
    "LEFT_OUT",
    "Balance",
    "Event",
    "EventQuerySet",
    "FundingPayment",
    "HistoryCursor",
    "HistoryStatus",
    "HistorySweep",
    "LedgerEntry",
    "Order",
    "Position",
    "ReadOn",
    "ReadRow",
    "ReadRowQuerySet",
    "Sighting",
    "Trade",
    "Transfer",
    "WalletReading",
    "WalletReadingQuerySet",
    "WalletStatus",
]
