"""Importing them registers them."""

from tests.chaos.scenarios import answers, asleep, breakers, doubled, exchanges, killed, storage

__all__ = ["answers", "asleep", "breakers", "doubled", "exchanges", "killed", "storage"]
