"""Importing them registers them."""

from tests.chaos.scenarios import doubled, exchanges, killed, storage

__all__ = ["doubled", "exchanges", "killed", "storage"]
