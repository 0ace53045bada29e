"""When what is sent, and to which queue. A handful of static entries: what is due is a column, not an entry."""

from datetime import timedelta
from typing import Any

from alphapulse.exchanges.catalogue import EXCHANGES

TICK = timedelta(seconds=1)
HEARTBEAT = timedelta(seconds=10)

QUEUES = ("compute", "control", "resync", "sync")

TASK_ROUTES = {
    "portfolio.keep_books": {"queue": "compute"},
    "portfolio.optimise": {"queue": "compute"},
    "portfolio.snapshot": {"queue": "compute"},
    "market.compute_features": {"queue": "compute"},
    "market.*": {"queue": "control"},
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
    "compare prices": _every(timedelta(minutes=1), "market.compare"),
    "tend candles": _every(timedelta(hours=1), "market.tend"),
    "sweep features": _every(timedelta(seconds=5), "market.sweep_features"),
    "sweep proposals": _every(HEARTBEAT, "portfolio.sweep_proposals"),
    "sweep snapshots": _every(timedelta(seconds=30), "portfolio.sweep_snapshots"),
    "thin snapshots": _every(timedelta(hours=1), "portfolio.thin_snapshots"),
    "fiat rates": _every(timedelta(minutes=15), "market.sync_fiat_rates"),
    "prune proposals": _every(timedelta(hours=1), "portfolio.prune_proposals"),
    "watch keys": _every(timedelta(minutes=2), "exchanges.watch_keys"),
    "prune sync history": _every(timedelta(hours=1), "sync.prune"),
    "seal the audit": _every(timedelta(minutes=1), "audit.seal"),
    "prune sessions": _every(timedelta(hours=1), "users.prune"),
}
