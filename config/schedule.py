"""When what is sent, and to which queue. A handful of static entries: what is due is a column, not an entry."""

from datetime import timedelta
from typing import Any

from alphapulse.exchanges.catalogue import EXCHANGES

TICK = timedelta(seconds=1)
HEARTBEAT = timedelta(seconds=10)

QUEUES = ("control", "resync", "sync")

TASK_ROUTES = {
    "sync.batch": {"queue": "sync"},
    "sync.resync": {"queue": "resync"},
    "sync.resync_batch": {"queue": "resync"},
    # It asks exchanges: by workers that know their markets already, and have threads to spare.
    "exchanges.watch_keys": {"queue": "resync"},
    "sync.*": {"queue": "control"},
}


def _heartbeat(queue: str) -> dict[str, Any]:
    """From beat by this queue to a row: when it stops, the watchdog knows that something on the way does not work."""
    entry = _every(HEARTBEAT, "system.heartbeat", queue=queue)
    return entry | {"options": entry["options"] | {"queue": queue}}


def _every(interval: timedelta, task: str, **kwargs: object) -> dict[str, Any]:
    """An entry whose message is worthless once the next one is sent, and then expires."""
    return {
        "task": task,
        "schedule": interval,
        "kwargs": kwargs,
        "options": {"expires": interval.total_seconds()},
    }


BEAT_SCHEDULE = {
    **{f"dispatch {exchange_id}": _every(TICK, "sync.dispatch", exchange_id=exchange_id) for exchange_id in EXCHANGES},
    "dispatch others": _every(TICK, "sync.dispatch_others"),
    **{f"heartbeat of {queue}": _heartbeat(queue) for queue in QUEUES},
    "mend sync states": _every(timedelta(minutes=1), "sync.mend"),
    "watch keys": _every(timedelta(minutes=2), "exchanges.watch_keys"),
    "prune sync history": _every(timedelta(hours=1), "sync.prune"),
    "seal the audit": _every(timedelta(minutes=1), "audit.seal"),
    "prune sessions": _every(timedelta(hours=1), "users.prune"),
}
