"""Imported so that their pages are registered."""

from apps.ledger.admin import events, readings
from apps.ledger.admin.columns import whose

__all__ = ["events", "readings", "whose"]
