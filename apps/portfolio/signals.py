"""Facts about worth, announced on commit, with ids only."""

from django.dispatch import Signal

snapshot_taken = Signal()  # workspace_id, environment, snapshot_id
