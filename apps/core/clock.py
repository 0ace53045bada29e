"""The only caller of the clock in apps: everything else is told the time."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)
