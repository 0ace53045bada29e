"""Facts about syncs, announced on commit, with ids only."""

from django.dispatch import Signal

accounts_synced = Signal()  # account_ids, kind
