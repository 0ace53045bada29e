"""History that nobody reads any more."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from apps.sync.models import KeptPayload, SyncChange, SyncRun

KEEP_RUNS = timedelta(days=3)
KEEP_CHANGES = timedelta(days=90)
# Answers that could not be understood: whoever looks does so within a week, and a few of each kind say it all. Fifty
# accounts that fail alike leave thousands.
KEEP_PAYLOADS = timedelta(days=7)
MAX_PAYLOADS = 1_000
# Rows in one transaction: the syncs write too, and on SQLite one writes at a time.
CHUNK = 1_000


def prune(now: datetime) -> int:
    """Deletes old changes, payloads and runs, in short transactions. Returns how many rows are gone.

    A run that changed something, or whose answers are kept, lives as long as those.
    """
    old_changes = SyncChange.objects.filter(at__lt=now - KEEP_CHANGES)
    old_payloads = KeptPayload.objects.filter(run__started_at__lt=now - KEEP_PAYLOADS)
    too_many_payloads = KeptPayload.objects.filter(pk__lte=_oldest_surplus())
    old_runs = SyncRun.objects.filter(started_at__lt=now - KEEP_RUNS, changes=None, payloads=None)
    return sum(_delete(rows) for rows in (old_changes, old_payloads, too_many_payloads, old_runs))


def _oldest_surplus() -> int:
    """The newest payload that is one too many; 0 where there are none."""
    newest_first = KeptPayload.objects.order_by("-pk").values_list("pk", flat=True)
    return next(iter(newest_first[MAX_PAYLOADS : MAX_PAYLOADS + 1]), 0)


def _delete(rows: "QuerySet[Any]") -> int:
    """From the oldest to the newest, once: what was looked at and kept is not looked at for every chunk again."""
    deleted, last = 0, 0
    while pks := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        deleted += rows.model.objects.filter(pk__in=pks).delete()[0]
        last = pks[-1]
    return deleted
