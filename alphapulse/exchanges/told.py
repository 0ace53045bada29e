"""What exchanges have told this process in passing: what time it is there, and what we used of their limits.

Read by other threads than the loop's, which writes it: each entry is replaced whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from alphapulse.exchanges.route import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """The weight that the exchange says this IP had used of a quota, when it was asked: between `sent_at` and `at`.

    Both are its clock.
    """

    weight: int
    sent_at: datetime
    at: datetime


_used: dict[Route, dict[str, Used]] = {}
_offsets: dict[Route, timedelta] = {}


def note_usage(route: Route, quota: str, used: Used) -> None:
    _used.setdefault(route, {})[quota] = used


def note_offset(route: Route, offset: timedelta) -> None:
    _offsets[route] = offset


def usage(route: Route) -> Mapping[str, Used]:
    """What the exchange last said this egress had used, by quota."""
    return dict(_used.get(route, {}))


def clock_offset(route: Route) -> timedelta:
    """How far the exchange's clock is from ours, as this process knows it; zero before it was asked."""
    return _offsets.get(route, timedelta(0))
