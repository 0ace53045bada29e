"""Imported so that their pages are registered."""

from apps.sync.admin import accounts, histories, runs, states

__all__ = ["accounts", "histories", "runs", "states"]
