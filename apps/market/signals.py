"""Facts about markets, announced on commit, with ids only."""

from django.dispatch import Signal

prices_stored = Signal()  # exchange_id, environment
