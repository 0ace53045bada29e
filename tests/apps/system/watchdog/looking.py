"""A system at a given time, and one look at it."""

from datetime import datetime, timedelta

import redis

from apps.system.models import Heartbeat, OpsEvent, of_queue
from apps.system.watchdog.watch import Watchdog
from tests.apps.builders import NOON

QUEUES = ("compute", "control", "resync", "sync")


def all_is_well(at: datetime = NOON) -> None:
    for queue in QUEUES:
        Heartbeat.objects.beaten(of_queue(queue), at)


def leave_messages(url: str, queue: str, number: int) -> None:
    with redis.Redis.from_url(url) as server:
        server.lpush(queue, *(f"message {n}" for n in range(number)))


def take_messages(url: str, queue: str) -> None:
    with redis.Redis.from_url(url) as server:
        server.delete(queue)


def look(at: datetime, *, since: datetime | None = None) -> list[tuple[str, str]]:
    """What is open after one look."""
    assert Watchdog(since=since).tick(at)
    return opened()


def opened() -> list[tuple[str, str]]:
    return sorted(OpsEvent.objects.open().values_list("kind", "subject"))


def the_event() -> OpsEvent:
    return OpsEvent.objects.get()


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)
