"""An interval of one's own for one state."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Value, When

from apps.audit.services import record
from apps.sync.models import SyncState

SHORTEST = timedelta(seconds=1)
LONGEST = timedelta(days=7)


def change_interval(state: SyncState, interval: timedelta | None, *, at: datetime, actor: Any = None) -> bool:
    """None: the exchange's usual one again. Holds from now on, not from the end of a longer one. False: it was so."""
    with transaction.atomic():
        # Only these columns, never the instance: a worker may be writing the others.
        stored = SyncState.objects.select_for_update().get(pk=state.pk)
        before, stored.interval_override = stored.interval_override, interval
        if before == interval:
            return False
        soon = at + stored.interval
        earlier = Case(When(due_at__gt=soon, failures=0, then=Value(soon)), default=F("due_at"))
        SyncState.objects.filter(pk=state.pk).update(interval_override=interval, due_at=earlier)
        record("sync.interval_changed", state, at=at, actor=actor, before=_told(before), after=_told(interval))
    state.interval_override = interval
    return True


def _told(interval: timedelta | None) -> dict[str, str | None]:
    return {"interval": None if interval is None else str(interval)}
