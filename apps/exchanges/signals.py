"""Facts about accounts and exchanges, announced on commit, with ids only."""

from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import Signal

account_created = Signal()  # account_id
account_changed = Signal()  # account_id: enabled, disabled, other egress, credentials or wallets
health_changed = Signal()  # health_id
# Of a table's rows, in the transaction that deletes them for good: what is summed up of them elsewhere goes along.
rows_purged = Signal()  # pks


def announce(signal: Signal, account: Any) -> None:
    """One of the first two, of a row."""
    transaction.on_commit(partial(signal.send_robust, type(account), account_id=account.pk))
