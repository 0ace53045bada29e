"""Who may wait for an exchange, among the threads that do what people ask for."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

# Of one process. It has eight times as many threads: when every exchange of the catalogue hangs, who asks for another
# one still finds some free.
PLACES = 3
# And for what is read step by step: a long past keeps nobody from what an account has now.
PLACES_READING_ON = 1

_places: dict[tuple[str, bool], BoundedSemaphore] = {}


@contextmanager
def place_at(exchange_id: str, *, reads_on: bool) -> Iterator[bool]:
    """Whether there is one. If not, as many wait there as may, and what was asked for stays the first in turn."""
    number = PLACES_READING_ON if reads_on else PLACES
    places = _places.setdefault((exchange_id, reads_on), BoundedSemaphore(number))
    is_free = places.acquire(blocking=False)
    try:
        yield is_free
    finally:
        if is_free:
            places.release()
