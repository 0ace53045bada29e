"""What is purged of an account leaves the sums that it was part of: else its end would look like a loss."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from decimal import Decimal

from alphapulse.portfolio.lots import EXACT
from apps.portfolio.models import AccountWorth, Snapshot
from apps.portfolio.models.snapshots import equity_of


def take_out(worths: Collection[int]) -> None:
    """Of these worths of one account, that are about to be deleted."""
    rows = {row.snapshot_id: row for row in AccountWorth.objects.filter(pk__in=worths)}
    left: dict[int, list[AccountWorth]] = defaultdict(list)
    for part in AccountWorth.objects.filter(snapshot__in=rows).exclude(pk__in=worths):
        left[part.snapshot_id].append(part)
    snapshots = list(Snapshot.objects.filter(pk__in=rows).order_by("pk").select_for_update())
    for snapshot in snapshots:
        _without(snapshot, rows[snapshot.pk], left[snapshot.pk])
    changed = ["total", "equity", "is_complete", "failed", "stale"]
    Snapshot.objects.bulk_update(snapshots, changed, batch_size=500)


def _without(snapshot: Snapshot, gone: AccountWorth, left: Sequence[AccountWorth]) -> None:
    """What was unknown because of it alone is known now."""
    snapshot.total = _less(snapshot.total, gone.total)
    snapshot.equity = equity_of(left)
    snapshot.is_complete = all(part.is_complete for part in left)
    snapshot.failed = [pk for pk in snapshot.failed if pk != gone.account_id]
    snapshot.stale = [pk for pk in snapshot.stale if pk != gone.account_id]


def _less(whole: Decimal | None, part: Decimal | None) -> Decimal | None:
    return whole if whole is None or part is None else EXACT.subtract(whole, part)
