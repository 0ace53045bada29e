"""What is purged of an account leaves the sums that it was part of: else its end would look like a loss."""

from collections.abc import Collection
from decimal import Decimal

from alphapulse.portfolio.lots import EXACT
from apps.portfolio.models import AccountWorth, Snapshot


def take_out(worths: Collection[int]) -> None:
    """Of these accounts' worths, that are about to be deleted. A sum that is unknown stays so."""
    rows = {row.snapshot_id: row for row in AccountWorth.objects.filter(pk__in=worths)}
    snapshots = list(Snapshot.objects.filter(pk__in=rows).order_by("pk").select_for_update())
    for snapshot in snapshots:
        row = rows[snapshot.pk]
        snapshot.total, snapshot.equity = _less(snapshot.total, row.total), _less(snapshot.equity, row.equity)
    Snapshot.objects.bulk_update(snapshots, ["total", "equity"], batch_size=500)


def _less(whole: Decimal | None, part: Decimal | None) -> Decimal | None:
    return whole if whole is None or part is None else EXACT.subtract(whole, part)
