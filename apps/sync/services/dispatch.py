"""How many batches to ask for. The messages name no rows: lost, doubled or late, they cost nothing."""

from collections import Counter
from datetime import datetime
from math import ceil

from django.db.models import Min

from alphapulse.exchanges.catalogue import EXCHANGES
from alphapulse.types import EXCHANGE_KINDS, SyncKind
from apps.sync.models import SyncRun, SyncState
from apps.sync.services.claim import BATCH, open_lanes

# A slow exchange never holds more of the workers' threads than this: for one kind, and for all of them. Sync processes
# have 16 threads: as many hanging exchanges as there are processes, plus one, leave some of them free.
MAX_LIVE = 4
MAX_LIVE_OF_EXCHANGE = 7


def batches_wanted(exchange_id: str, now: datetime) -> dict[SyncKind, int]:
    """By kind: enough for what is due and may be asked, less what is already running."""
    kinds = _due_kinds(exchange_id, now)
    live = Counter(_live(exchange_id, now)) if kinds else Counter()
    room, wanted = MAX_LIVE_OF_EXCHANGE - live.total(), {}
    for kind in kinds:
        number = min(_needed(exchange_id, kind, now), MAX_LIVE - live[kind], room)
        if number > 0:
            wanted[kind] = number
            room -= number
    return wanted


def is_asked(exchange_id: str, now: datetime) -> bool:
    """Whether people wait for something there that nobody has taken: its message was lost, or came too early."""
    return SyncState.objects.filter(exchange_id=exchange_id).due(now).asked_for().exists()


def other_exchanges_due(now: datetime) -> list[str]:
    """Exchanges outside the catalogue, which have no beat entry of their own."""
    due = SyncState.objects.exclude(exchange_id__in=EXCHANGES).due(now)
    return list(due.order_by("exchange_id").values_list("exchange_id", flat=True).distinct())


def _due_kinds(exchange_id: str, now: datetime) -> list[SyncKind]:
    """What serves all accounts first, then the longest waiting: where the budget is short, no kind starves."""
    due = SyncState.objects.filter(exchange_id=exchange_id).due(now)
    by_age = due.values_list("kind").annotate(oldest=Min("due_at")).order_by("oldest")
    kinds = [SyncKind(kind) for kind, _ in by_age]
    return sorted(kinds, key=lambda kind: kind not in EXCHANGE_KINDS)


def _live(exchange_id: str, now: datetime) -> list[str]:
    """The kinds of the runs that are under way."""
    runs = SyncRun.objects.filter(exchange_id=exchange_id, finished_at=None, lease_until__gt=now)
    return list(runs.values_list("kind", flat=True))


def _needed(exchange_id: str, kind: SyncKind, now: datetime) -> int:
    return sum(ceil(lane.due / BATCH) for lane in open_lanes(exchange_id, kind, now))
