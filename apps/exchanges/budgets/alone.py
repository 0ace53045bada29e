"""This process's own count, for while Redis is away: it takes its fraction of each limit and knows of no other.

Windows that began before all was sent that Redis had granted are as full as can be, as after any loss.
"""

from collections.abc import Iterable, Sequence
from threading import Lock

from django.conf import settings

from apps.exchanges.budgets.grants import SENT_WITHIN, Ask, Grant, counter, milliseconds

_lock = Lock()
_counts: dict[str, int] = {}
_ends: dict[str, int] = {}
# Until when windows are assumed to be full; by the name of what Redis does not know of yet.
_until: dict[str, int] = {}


def take(asks: Sequence[Ask], wanted: int) -> Grant:
    with _lock:
        _forget_past(asks[0].at)
        for ask in asks:
            _until.setdefault(ask.name, ask.at + milliseconds(SENT_WITHIN))
        units = max(0, min(wanted, *(_room(ask) for ask in asks)))
        for ask in asks:
            _add(ask, ask.starts, units * ask.cost)
    return Grant(units=units, asks=tuple(asks))


def release(grant: Grant, weights: Sequence[int], *, after: int) -> None:
    """Takes a weight for each ask out of its windows that begin `after` then."""
    with _lock:
        for ask, weight in zip(grant.asks, weights, strict=True):
            known = [start for start in ask.starts if start > after and counter(ask.name, start) in _counts]
            _add(ask, known, -weight)


def owed(asks: Iterable[Ask]) -> frozenset[str]:
    """Of what was asked here, while Redis was away."""
    return frozenset(ask.name for ask in asks if ask.name in _until)


def settled(names: Iterable[str]) -> None:
    """Redis is back, and knows that it does not know."""
    with _lock:
        for name in names:
            _until.pop(name, None)


def _room(ask: Ask) -> int:
    return min(_room_in(ask, start) for start in ask.starts)


def _room_in(ask: Ask, start: int) -> int:
    is_assumed = start < _until[ask.name]
    everyones = ask.limit - (ask.assumed if is_assumed else ask.keep)
    return (everyones // settings.SYNC_PROCESSES - _counts.get(counter(ask.name, start), 0)) // ask.cost


def _add(ask: Ask, starts: Iterable[int], weight: int) -> None:
    for start in starts:
        key = counter(ask.name, start)
        _counts[key] = _counts.get(key, 0) + weight
        _ends[key] = start + ask.length


def _forget_past(at: int) -> None:
    for key in [key for key, end in _ends.items() if end < at - milliseconds(SENT_WITHIN)]:
        del _counts[key], _ends[key]
