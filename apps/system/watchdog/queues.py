"""Redis, beat and the queues, judged from outside: heartbeats that went all the way, and what waits in Redis.

Every ten seconds beat sends a heartbeat through each queue; a worker that takes it notes the time (`system.heartbeat`).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import redis
from django.conf import settings

from apps.core.durations import in_words
from apps.system.models import Heartbeat, Trouble, of_queue
from apps.system.services.readiness import impatient_redis
from apps.system.watchdog.look import Finding, Look

# Three heartbeats missed.
SILENT = timedelta(seconds=30)


def judge(look: Look, *, now: datetime, since: datetime | None) -> None:
    """Adds what is wrong to the look. `since`: from when on all of this could be expected to work; None: always."""
    try:
        waiting = _waiting()
    except redis.RedisError as problem:
        look.findings.append(_redis_away(problem))
        look.unknown |= {Trouble.BEAT_SILENT, Trouble.QUEUE_STUCK, Trouble.SYNC_SILENT}
        return
    last = _last_heartbeats(since)
    silent = [queue for queue in settings.QUEUES if _is_silent(last[queue], now)]
    if silent == list(settings.QUEUES) and not any(waiting.values()):
        # Nothing arrives, and nothing is left lying: nobody sends. Workers without a task say nothing of themselves.
        look.findings.append(_beat_silent(_how_long(max(filter(None, last.values()), default=None), now)))
        look.unknown.add(Trouble.QUEUE_STUCK)
        return
    look.findings += [_stuck(queue, waiting[queue], _how_long(last[queue], now)) for queue in silent]
    if silent:
        # Where heartbeats are left lying nobody can tell whether new ones come.
        look.unknown.add(Trouble.BEAT_SILENT)


def _waiting() -> Mapping[str, int]:
    """How many messages lie in each queue, taken by nobody."""
    with impatient_redis() as server:
        return {queue: int(server.llen(queue)) for queue in settings.QUEUES}


def _last_heartbeats(since: datetime | None) -> dict[str, datetime | None]:
    """By queue; None where there never was one. None is older than `since`."""
    names = {of_queue(queue): queue for queue in settings.QUEUES}
    known = dict(Heartbeat.objects.filter(name__in=names).values_list("name", "at"))
    return {queue: max(filter(None, (known.get(name), since)), default=None) for name, queue in names.items()}


def _is_silent(last: datetime | None, now: datetime) -> bool:
    return last is None or now - last > SILENT


def _how_long(last: datetime | None, now: datetime) -> str:
    return "ever" if last is None else f"for {in_words(now - last)}"


def _redis_away(problem: redis.RedisError) -> Finding:
    # The driver's own words name hosts; these events are for staff alone, but mails travel.
    return Finding(
        kind=Trouble.REDIS_AWAY,
        subject="Redis",
        message=f"Redis does not answer ({type(problem).__name__}): no message is sent or taken, nothing is synced.",
        advice="Start it, or check REDIS_URL and the way there. Nothing is lost: what is due is rows.",
    )


def _beat_silent(how_long: str) -> Finding:
    return Finding(
        kind=Trouble.BEAT_SILENT,
        subject="beat",
        message=f"beat is silent: no heartbeat has come by any queue {how_long}, and none waits there.",
        advice="Is beat up? Look at its log, start it again. Nothing is lost: what is due then is dispatched.",
    )


def _stuck(queue: str, waiting: int, how_long: str) -> Finding:
    lying = f"{waiting:,} messages wait there" if waiting else "no message waits there"
    return Finding(
        kind=Trouble.QUEUE_STUCK,
        subject=f"queue {queue}",
        message=f"The queue {queue} is stuck: no worker has done a heartbeat of it {how_long}; {lying}.",
        advice=f"Are the workers of the queue {queue} up, and do they answer? Look at their logs; start them again.",
    )
