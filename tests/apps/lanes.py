"""Budgets whose lanes have been asked for a while, so that nothing has to be probed."""

from itertools import product

from alphapulse.exchanges.catalogue import EXCHANGES
from apps.exchanges.budgets import counters
from apps.exchanges.models import Environment

EGRESSES = ("default", "second")


def know_all_lanes(redis_url: str) -> None:
    """As if the catalogue's exchanges had been asked long before, and counted without a loss since."""
    redis = counters.server(redis_url)
    known = {"run": redis.info("server")["run_id"], "epoch": "0", "first": 0, "opened": 0, "until": 0, "heard": -1}
    for exchange, environment, egress in product(EXCHANGES.values(), Environment.values, EGRESSES):
        for quota in exchange.quotas:
            name = f"budget:{{{exchange.exchange_id}:{environment}:{egress}}}:{quota.name}"
            redis.hset(name, mapping=known | {"heard_in": 0, "probe": 0})
