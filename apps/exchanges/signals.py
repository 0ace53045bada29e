"""Facts about accounts and exchanges, announced on commit, with ids only."""

from django.dispatch import Signal

account_created = Signal()  # account_id
account_changed = Signal()  # account_id: enabled, disabled, other egress, credentials or wallets
health_changed = Signal()  # health_id
