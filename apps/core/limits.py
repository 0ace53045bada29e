"""How often somebody may ask: counted in Redis, in one step, for all processes together.

GCRA: each subject of a limit has one time, at which it will have asked as often as it may; each question moves it on by
one interval, and who would move it beyond the burst waits. While Redis is away each process counts by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from threading import Lock

import redis
from django.conf import settings
from loguru import logger
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.core.clock import now

PREFIX = "limit:"
# After a failure Redis is left alone for that long: each try may take a while, and people wait.
PAUSE = timedelta(seconds=5)
MOST_ALONE = 10_000  # subjects that a process counts while Redis is away

# KEYS: subjects. ARGV: the interval and the burst of each, in milliseconds and questions.
# Returns how many milliseconds to wait; 0: granted, and counted for all of them; refused ones count for none.
TAKE = """
local t = redis.call('TIME')
local at, wait, next = t[1] * 1000 + math.floor(t[2] / 1000), 0, {}
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2*i - 1]), tonumber(ARGV[2*i])
  local due = math.max(tonumber(redis.call('GET', key) or '0'), at)
  wait = math.max(wait, due - at - (burst - 1) * interval)
  next[i] = due + interval
end
if wait > 0 then return math.ceil(wait) end
for i, key in ipairs(KEYS) do redis.call('SET', key, next[i], 'PX', math.max(1, math.ceil(next[i] - at))) end
return 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """So many a minute in the long run, and so many at once."""

    per_minute: float
    burst: int

    def __mul__(self, factor: float) -> "Limit":
        return Limit(per_minute=self.per_minute * factor, burst=int(self.burst * factor))

    @property
    def interval(self) -> float:
        """Milliseconds."""
        return 60_000 / self.per_minute


def take(asked: Sequence[tuple[str, Limit]]) -> float:
    """One question of each of these subjects. Seconds to wait, 0 where it is granted."""
    widened = [(PREFIX + subject, limit * settings.RATE_LIMIT_FACTOR) for subject, limit in asked]
    wait = _together(widened)
    return (_alone.take(widened, now()) if wait is None else wait) / 1000


def _together(asked: Sequence[tuple[str, Limit]]) -> float | None:
    """None while Redis is away."""
    url = settings.REDIS_URL
    if _absence.lasts(url):
        return None
    numbers = [number for _, limit in asked for number in (limit.interval, limit.burst)]
    try:
        return float(_connected(url).eval(TAKE, len(asked), *(subject for subject, _ in asked), *numbers))
    except redis.RedisError as problem:
        logger.warning("Redis is away: each process limits requests by itself. {}", problem)
        _absence.begin(url)
        return None


class _Absence:
    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}

    def lasts(self, url: str) -> bool:
        return url in self._until and now() < self._until[url]

    def begin(self, url: str) -> None:
        self._until[url] = now() + PAUSE


class _Alone:
    """The same, of this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._due: dict[str, float] = {}

    def take(self, asked: Sequence[tuple[str, Limit]], at: datetime) -> float:
        moment = at.timestamp() * 1000
        with self._lock:
            if len(self._due) > MOST_ALONE:
                self._due = {subject: due for subject, due in self._due.items() if due > moment}
            due = {subject: max(self._due.get(subject, 0), moment) for subject, _ in asked}
            wait = max(due[subject] - moment - (limit.burst - 1) * limit.interval for subject, limit in asked)
            if wait <= 0:
                self._due |= {subject: due[subject] + limit.interval for subject, limit in asked}
        return max(wait, 0)


_absence = _Absence()
_alone = _Alone()


@cache
def _connected(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 1))
