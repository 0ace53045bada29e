"""The counters in Redis. None of these raises when it is away: `take` returns None then, the others do nothing.

A charge that could not be taken back stays until its window ends: that costs a little of the budget, never a ban.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cache
from threading import Lock
from typing import Any

import orjson
import redis
from django.conf import settings
from loguru import logger
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.core.clock import now
from apps.exchanges.budgets import alone, scripts
from apps.exchanges.budgets.grants import SENT_WITHIN, Ask, Grant, counter, milliseconds

SPAN = milliseconds(SENT_WITHIN)
# After a failure Redis is left alone for that long: each try may take seconds.
PAUSE = timedelta(seconds=5)
SAY_AGAIN = timedelta(minutes=1)


def take(asks: Sequence[Ask], wanted: int) -> Grant | None:
    keys = [key for ask in asks for key in (ask.name, *(counter(ask.name, start) for start in ask.starts))]
    # What this process granted alone is in no counter: to Redis that is a loss.
    owed = alone.owed(asks)
    quotas = [asdict(ask) | {"forget": ask.name in owed} for ask in asks]
    answer = _evaluated(scripts.TAKE, keys, orjson.dumps({"wanted": wanted, "span": SPAN, "quotas": quotas}))
    if answer is None:
        return None
    alone.settled(owed)
    units, is_probe, is_unsure, *epochs = answer
    return Grant(
        units=int(units),
        asks=tuple(asks),
        epochs=tuple(epoch.decode() for epoch in epochs),
        is_probe=bool(is_probe),
        is_unsure=bool(is_unsure),
    )


def release(grant: Grant, weights: Sequence[int], *, after: int) -> None:
    """Takes a weight for each ask out of its windows that begin `after` then."""
    for ask, epoch, weight in zip(grant.asks, grant.epochs, weights, strict=True):
        keys = [counter(ask.name, start) for start in ask.starts if start > after and weight]
        if keys or grant.is_probe:
            _evaluated(scripts.RELEASE, [ask.name, *keys], epoch, weight, int(grant.is_probe))


def vouch(grant: Grant) -> None:
    for ask, epoch in zip(grant.asks, grant.epochs, strict=True):
        keys = [ask.name, *(counter(ask.name, start) for start in ask.starts)]
        _evaluated(scripts.VOUCH, keys, epoch, ask.at, int(ask.tells), ask.assumed, *ask.starts)


def correct(name: str, *, start: int, sent: int, weight: int) -> None:
    _evaluated(scripts.CORRECT, [name, counter(name, start)], start, sent, weight, SPAN)


def charge(name: str, *, start: int, weight: int) -> None:
    _evaluated(scripts.CHARGE, [counter(name, start)], weight)


def spent(places: Sequence[tuple[str, int]]) -> list[int | None]:
    """Of each counter's window; None where that is not known."""
    keys = [key for name, start in places for key in (name, counter(name, start))]
    answer = _evaluated(scripts.SPENT, keys, *(start for _, start in places)) if keys else []
    return [None if used is None else int(used) for used in answer or [None] * len(places)]


def server(url: str) -> redis.Redis:
    return _connected(url)


def _evaluated(script: str, keys: Sequence[str], *arguments: Any) -> Any:
    """What the script returns; None when Redis is away."""
    url = settings.REDIS_URL
    if _absence.lasts(url):
        return None
    try:
        answer = _connected(url).eval(script, len(keys), *keys, *arguments)
    except redis.RedisError as problem:
        _absence.begin(url, problem)
        return None
    return True if answer is None else answer


class _Absence:
    """Since when which Redis does not answer, and when that was said."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._until: dict[str, datetime] = {}
        self._said_at: datetime | None = None

    def lasts(self, url: str) -> bool:
        return url in self._until and now() < self._until[url]

    def begin(self, url: str, problem: redis.RedisError) -> None:
        at = now()
        with self._lock:
            self._until[url] = at + PAUSE
            is_news = self._said_at is None or at - self._said_at >= SAY_AGAIN
            if is_news:
                self._said_at = at
        if is_news:
            logger.warning("Redis is away: each process spends its own part of the budgets. {}", problem)


_absence = _Absence()


@cache
def _connected(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=2, socket_connect_timeout=2, health_check_interval=10, retry=Retry(NoBackoff(), 1)
    )
