"""What was computed, kept: worth over time."""

from apps.portfolio.models.snapshots import AccountWorth, AssetWorth, Snapshot

__all__ = ["AccountWorth", "AssetWorth", "Snapshot"]
