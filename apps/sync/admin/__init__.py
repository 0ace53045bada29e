"""Imported so that their pages are registered."""

from apps.sync.admin import accounts, runs, states

__all__ = ["accounts", "runs", "states"]
