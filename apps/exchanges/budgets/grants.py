"""What is asked of a quota, and what was granted of several."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from alphapulse.resilience.budget import Quota, windows_between

# Whoever is granted something has sent all of it by then.
SENT_WITHIN = timedelta(seconds=30)
# How far our idea of the exchange's clock may be off, and its answers' way.
EDGE = timedelta(milliseconds=250)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Units at `cost` each out of `limit` less `keep`, in each of the windows that begin at `starts`.

    All times are milliseconds, by the exchange's clock. `assumed` is what a window whose count is lost counts as;
    `tells`: the exchange's answers say what is used. `uncounted` is when somebody last spent without being counted:
    what is counted since before then is lost. `spared` is what was given back of the weight that was granted.
    """

    name: str
    quota: str
    at: int
    starts: tuple[int, ...]
    length: int
    cost: int
    limit: int
    keep: int
    assumed: int
    tells: bool
    uncounted: int = 0
    spared: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """`units` may go out. `epochs`: since when each ask's counter is counted without a loss; none: not by Redis.

    `is_unsure`: the count of a quota is lost.
    """

    units: int
    asks: tuple[Ask, ...] = ()
    epochs: tuple[str, ...] = ()
    is_probe: bool = False
    is_unsure: bool = False

    @property
    def is_uncounted(self) -> bool:
        """Granted while Redis was away: nobody else knows of it."""
        return bool(self.units and self.asks and not self.epochs)


def windows_of(quota: Quota, first: datetime, last: datetime) -> tuple[int, ...]:
    return tuple(start * 1000 for start in windows_between(first, last, quota.window))


def milliseconds(of: datetime | timedelta) -> int:
    seconds = of.timestamp() if isinstance(of, datetime) else of.total_seconds()
    return round(seconds * 1000)


def counter(name: str, start: int) -> str:
    """The key of a window's counter."""
    return f"{name}:{start // 1000}"
