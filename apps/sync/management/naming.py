"""Exchanges as people type them."""

from django.core.management.base import CommandError

from apps.sync.models import SyncState


def exchange_named(exchange_id: str) -> str:
    """Raises CommandError where nobody has an account there."""
    ours = set(SyncState.objects.order_by("exchange_id").values_list("exchange_id", flat=True).distinct())
    if exchange_id in ours:
        return exchange_id
    hint = f"In use are: {', '.join(sorted(ours))}." if ours else "No account has been added yet."
    raise CommandError(f"Nobody has an account at {exchange_id!r}. {hint}")
