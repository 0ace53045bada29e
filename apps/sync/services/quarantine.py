"""Work that its workers do not survive: after two losses it is done alone, after a third it is left alone for a while.

A loss is a claim that nobody settled before its lease ended. It is everybody's who was on its way in a worker that was
killed; so of those with two only one is on its way at a time, anywhere, and the culprit shows itself.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from alphapulse.exchanges.errors import Transient
from alphapulse.types import SyncKind
from apps.ledger import services as ledger
from apps.sync.models import SyncState
from apps.sync.services import states as schedule

ALONE_AFTER = 2
QUARANTINE_AFTER = 3
QUARANTINE = timedelta(minutes=10)

_SET_ASIDE = ["due_at", "requested_at", "claimed_until", "losses", "failures", "error_kind", "error", "advice"]


class Quarantined(Transient):
    advice = "Look at the end of the workers' logs, and at the machine's memory. A resync by hand asks at once."


def sorted_out(rows: Sequence[SyncState], now: datetime) -> list[SyncState]:
    """Which of these may be claimed together now. `rows` are locked, and in turn."""
    for row in rows:
        row.losses += row.claimed_until is not None
    free = [row for row in rows if row.losses < QUARANTINE_AFTER]
    _set_aside([row for row in rows if row.losses >= QUARANTINE_AFTER], now)
    if free and free[0].losses >= ALONE_AFTER and not _is_suspect_under_way(now):
        return free[:1]
    return [row for row in free if row.losses < ALONE_AFTER]


def _is_suspect_under_way(now: datetime) -> bool:
    return SyncState.objects.filter(losses__gte=ALONE_AFTER, claimed_until__gt=now).exists()


def _set_aside(culprits: Sequence[SyncState], now: datetime) -> None:
    for state in culprits:
        problem = Quarantined(f"{state.losses} workers in a row ended while they read this: it is left alone.")
        schedule.fail(state, problem, now=now)
        state.due_at, state.requested_at, state.claimed_until = now + QUARANTINE, None, None
        # The next time alone again, and one more loss is enough.
        state.losses = ALONE_AFTER
        if state.account_id is not None:
            ledger.mark_failed(SyncKind(state.kind), state.account_id, str(problem))
    SyncState.objects.bulk_update(culprits, _SET_ASIDE)
