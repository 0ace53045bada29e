"""Who may wait for an exchange, among the threads that do what people ask for."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

# Of one process. It has eight times as many threads: when every exchange of the catalogue hangs, who asks for another
# one still finds some free.
PLACES = 3

_places: dict[str, BoundedSemaphore] = {}


@contextmanager
def place_at(exchange_id: str) -> Iterator[bool]:
    """Whether there is one. If not, as many wait there as may, and what was asked for stays the first in turn."""
    places = _places.setdefault(exchange_id, BoundedSemaphore(PLACES))
    is_free = places.acquire(blocking=False)
    try:
        yield is_free
    finally:
        if is_free:
            places.release()
