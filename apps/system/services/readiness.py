"""Whether the system is up."""

from datetime import datetime

import redis
from django.conf import settings
from django.db import Error as DatabaseFailure
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from loguru import logger
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.system.models import Heartbeat, of_queue

PATIENCE = 2.0  # seconds: who asks whether we are ready wants to know it soon


def note_heartbeat(queue: str, at: datetime) -> None:
    """What beat sent through this queue was done."""
    Heartbeat.objects.beaten(of_queue(queue), at)


def impatient_redis() -> redis.Redis:
    """A connection of one's own that gives up soon, and does not try again."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=Retry(NoBackoff(), 0)
    )


def what_is_missing() -> list[str]:
    """What keeps this process from serving, in words for anybody; empty when it is ready.

    The drivers' own words name hosts and users: they go to the log alone.
    """
    return [problem for problem in (_database(), _redis()) if problem]


def _database() -> str:
    try:
        executor = MigrationExecutor(connection)
        is_behind = bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseFailure as problem:
        logger.warning("not ready: the database does not answer: {}", problem)
        return "the database does not answer"
    return "database migrations are not applied: run `python manage.py migrate`" if is_behind else ""


def _redis() -> str:
    try:
        with impatient_redis() as server:
            server.ping()
    except redis.RedisError as problem:
        logger.warning("not ready: Redis does not answer: {}", problem)
        return "Redis does not answer"
    return ""
