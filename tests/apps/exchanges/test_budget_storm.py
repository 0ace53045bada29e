"""Eight workers with clocks of their own, requests that are sent late, and a Redis that forgets: hours in seconds."""

from collections import Counter
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from random import Random

import pytest

from alphapulse.exchanges.route import Route
from alphapulse.exchanges.told import Used
from alphapulse.types import Environment
from apps.exchanges import budgets
from apps.exchanges.budgets import counters
from tests.apps.builders import later

pytestmark = pytest.mark.usefixtures("shared_redis")

BINANCE = Route(exchange_id="binance", environment=Environment.SANDBOX)
COST, LIMIT, WINDOW = 20, 6000, 60
WORKERS = 8
CLOCKS_DIFFER = 0.2  # seconds, either way
ANSWERED_IN = 0.05


@dataclass
class Storm:
    """Simulated time: what happens at which second, and what the exchange has counted by window."""

    random: Random
    slowness: float
    flushes: list[float]
    used: Counter[int] = field(default_factory=Counter)
    events: list = field(default_factory=list)
    numbers: count = field(default_factory=count)

    def at(self, second: float, do, *arguments) -> None:
        heappush(self.events, (second, next(self.numbers), do, arguments))

    def run(self, seconds: float, redis) -> None:
        for _ in range(WORKERS):
            self.at(self.random.uniform(0, 1), self.work, self.random.uniform(-CLOCKS_DIFFER, CLOCKS_DIFFER))
        for flush in self.flushes:
            self.at(flush, lambda _: redis.flushall())
        while self.events[0][0] < seconds:
            second, _, do, arguments = heappop(self.events)
            do(second, *arguments)

    def work(self, second: float, clock: float) -> None:
        grant = budgets.take(BINANCE, {"spot": COST}, wanted=50, now=later(second + clock))
        if not grant.units:
            self.at(second + 0.3, self.work, clock)
            return
        sends = sorted(second + self.random.random() ** 4 * self.slowness for _ in range(grant.units))
        for send in sends:
            self.at(send, self.arrive)
        self.at(sends[-1], self.hear, clock, grant)

    def arrive(self, second: float) -> None:
        self.used[int(second // WINDOW)] += COST

    def hear(self, second: float, clock: float, grant: budgets.Grant) -> None:
        weight = self.used[int(second // WINDOW)]
        answered = second + ANSWERED_IN + clock
        used = Used(weight=weight, sent_at=later(second + clock), at=later(answered))
        self.at(second + ANSWERED_IN, self.finish, clock, grant, used)

    def finish(self, second: float, clock: float, grant: budgets.Grant, used: Used) -> None:
        budgets.finished(grant, BINANCE, {"spot": used}, now=later(second + clock))
        self.work(second, clock)


def stormed(redis_url: str, *, seed: int, slowness: float, flushes: int, minutes: int = 5) -> list[int]:
    random = Random(seed)
    storm = Storm(random, slowness, [random.uniform(0, minutes * WINDOW) for _ in range(flushes)])
    storm.run(minutes * WINDOW, counters.server(redis_url))
    return [storm.used[minute] for minute in range(minutes)]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("slowness", [0.5, 5, 25])
def test_the_limit_is_never_reached_however_late_requests_are_sent_and_whenever_redis_forgets(
    redis_url, seed, slowness
):
    used = stormed(redis_url, seed=seed, slowness=slowness, flushes=3)
    assert max(used) <= LIMIT, used


@pytest.mark.parametrize("slowness", [0.5, 5, 25])
def test_what_may_be_used_is_used(redis_url, slowness):
    used = stormed(redis_url, seed=7, slowness=slowness, flushes=0)
    assert max(used) <= LIMIT
    assert min(used[1:]) >= 0.9 * 5400, used


def test_a_minute_in_which_redis_forgot_is_used_all_the_same(redis_url):
    random = Random(3)
    storm = Storm(random, 0.5, [WINDOW + 2.0])
    storm.run(3 * WINDOW, counters.server(redis_url))
    assert 0.9 * 5400 <= storm.used[1] <= LIMIT
