from uuid import uuid4

import pytest

from apps.core import limits
from apps.exchanges.budgets import alone, counters
from apps.portfolio.services import prices
from tests.apps.lanes import know_all_lanes


@pytest.fixture
def shared_redis(redis_url, settings):
    """A real Redis-compatible server behind the budgets and the feed, in which nothing is spent."""
    for spent_alone in (alone._counts, alone._ends, alone._until):
        # By this process, in a test before this one.
        spent_alone.clear()
    settings.REDIS_URL = redis_url
    layer = settings.CHANNEL_LAYERS["default"]
    hosts = [{"address": redis_url, "socket_timeout": 15}]
    settings.CHANNEL_LAYERS = {"default": layer | {"CONFIG": layer["CONFIG"] | {"hosts": hosts}}}
    counters.server(redis_url).flushall()
    know_all_lanes(redis_url)
    return redis_url


@pytest.fixture(autouse=True)
def forgotten_limits(monkeypatch):
    """Requests of earlier tests do not slow down this one's."""
    monkeypatch.setattr(limits, "PREFIX", f"limit:{uuid4()}:")


@pytest.fixture(autouse=True)
def forgotten_prices():
    """Nobody values by the prices of the test before."""
    prices.forget()
