"""Importing them registers them."""

from tests.chaos.scenarios import (
    answers,
    asleep,
    backfills,
    breakers,
    budget,
    compute,
    doubled,
    exchanges,
    killed,
    orders,
    storage,
)

__all__ = [
    "answers",
    "asleep",
    "backfills",
    "breakers",
    "budget",
    "compute",
    "doubled",
    "exchanges",
    "killed",
    "orders",
    "storage",
]
