"""How many batches to ask for. The messages name no rows: lost, doubled or late, they cost nothing."""

from collections import Counter
from datetime import datetime
from math import ceil

from django.db.models import Min

from alphapulse.exchanges.catalogue import EXCHANGES
from alphapulse.types import EXCHANGE_KINDS, SyncKind
from apps.sync.models import SyncRun, SyncState
from apps.sync.services.claim import READ_ON, asked_states, batch_size, open_lanes

# A slow exchange never holds more of the workers' threads than this: for one kind, and for all of them. Sync processes
# have 16 threads: as many hanging exchanges as there are processes, plus one, leave some of them free.
MAX_LIVE = 4
MAX_LIVE_OF_EXCHANGE = 7
# A long past is read by few of them: what an account has now always finds a place.
MAX_LIVE_READING_ON = 2


def batches_wanted(exchange_id: str, now: datetime) -> dict[SyncKind, int]:
    """By kind: enough for what is due and may be asked, less what is already running."""
    kinds = _due_kinds(exchange_id, now)
    live = Counter(_live(exchange_id, now)) if kinds else Counter()
    wanted: Counter[SyncKind] = Counter()
    for kind in kinds:
        number = min(_needed(exchange_id, kind, now), _room(kind, live + wanted))
        if number > 0:
            wanted[kind] = number
    return dict(wanted)


def _room(kind: SyncKind, live: Counter[SyncKind]) -> int:
    """How many more of the kind may be under way, beside those. Of what is read on, one: others have other quotas."""
    room = min(MAX_LIVE - live[kind], MAX_LIVE_OF_EXCHANGE - live.total())
    if kind not in READ_ON:
        return room
    return min(room, 1, MAX_LIVE_READING_ON - sum(live[each] for each in READ_ON))


def asked_for(exchange_id: str, now: datetime) -> list[bool]:
    """Whether people still wait for what is read on, and for anything else: a message was lost, or came too early."""
    return [reads_on for reads_on in (False, True) if asked_states(exchange_id, now, reads_on=reads_on).exists()]


def other_exchanges_due(now: datetime) -> list[str]:
    """Exchanges outside the catalogue, which have no beat entry of their own."""
    due = SyncState.objects.exclude(exchange_id__in=EXCHANGES).due(now)
    return list(due.order_by("exchange_id").values_list("exchange_id", flat=True).distinct())


def _due_kinds(exchange_id: str, now: datetime) -> list[SyncKind]:
    """What serves all accounts first, then what they have, the longest waiting first: where the budget is short, none
    starves. Then what happened, each second another kind first: one whose quota is spent stands in no other's way.
    """
    due = SyncState.objects.filter(exchange_id=exchange_id).due(now)
    by_age = due.values_list("kind").annotate(oldest=Min("due_at")).order_by("oldest")
    kinds = [SyncKind(kind) for kind, _ in by_age]
    now_first = sorted((kind for kind in kinds if kind not in READ_ON), key=lambda kind: kind not in EXCHANGE_KINDS)
    return now_first + _turned([kind for kind in READ_ON if kind in kinds], now)


def _turned(kinds: list[SyncKind], now: datetime) -> list[SyncKind]:
    """Each second others, and each minute others at its beginning, when quotas are fresh."""
    second = int(now.timestamp())
    first = (second * MAX_LIVE_READING_ON + second // 60) % max(len(kinds), 1)
    return kinds[first:] + kinds[:first]


def _live(exchange_id: str, now: datetime) -> list[SyncKind]:
    """The kinds of the runs that are under way."""
    runs = SyncRun.objects.filter(exchange_id=exchange_id, finished_at=None, lease_until__gt=now)
    return [SyncKind(kind) for kind in runs.values_list("kind", flat=True)]


def _needed(exchange_id: str, kind: SyncKind, now: datetime) -> int:
    return sum(ceil(lane.due / batch_size(kind)) for lane in open_lanes(exchange_id, kind, now))
