"""Celery's remote control: which workers answer, and telling them to end."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import redis
from celery import current_app
from kombu.exceptions import OperationalError

from apps.system.services.readiness import impatient_redis

# A worker in the middle of its work answers within some milliseconds; a busy machine's may take longer.
ANSWER_WITHIN = 3.0  # seconds


class BrokerAway(Exception):
    """Nobody can be told anything."""


def answering() -> dict[str, int]:
    """The pid of each worker that answers, by node name. Raises BrokerAway."""
    with _broker() as connection:
        control = current_app.control
        answers = control.broadcast("stats", reply=True, timeout=ANSWER_WITHIN, connection=connection) or []
    return {node: stats["pid"] for answer in answers for node, stats in answer.items() if "pid" in stats}


def end(nodes: Collection[str]) -> None:
    """Tells these workers to end once what they have in hand is done. Raises BrokerAway."""
    with _broker() as connection:
        current_app.control.broadcast("shutdown", destination=list(nodes), connection=connection)


@contextmanager
def _broker() -> Iterator[Any]:
    """Gives up soon: kombu would try for minutes, and people wait."""
    try:
        with impatient_redis() as server:
            server.ping()
        with current_app.connection_for_write(transport_options={"max_retries": 1}) as connection:
            yield connection
    except (redis.RedisError, OperationalError) as problem:
        raise BrokerAway("The message broker does not answer: no worker can be told anything.") from problem
