"""The one way what exchanges say becomes rows. Call these inside a transaction, for accounts whose claim is yours."""

from apps.ledger.services.cursors import follow_account
from apps.ledger.services.events import IMPORT, AccountEvents, store_events
from apps.ledger.services.orders import open_orders
from apps.ledger.services.readings import (
    AccountReading,
    Change,
    ask_for_all,
    forget_other_wallets,
    mark_failed,
    mark_not_offered,
    store,
)
from apps.ledger.services.sightings import follow_changes

__all__ = [
    "IMPORT",
    "AccountEvents",
    "AccountReading",
    "Change",
    "ask_for_all",
    "follow_account",
    "follow_changes",
    "forget_other_wallets",
    "mark_failed",
    "mark_not_offered",
    "open_orders",
    "store",
    "store_events",
]
