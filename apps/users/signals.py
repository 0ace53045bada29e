"""Facts about users, announced on commit, with ids only."""

from django.dispatch import Signal

session_ended = Signal()  # session_ids
