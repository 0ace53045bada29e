"""Who may write at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from django.db import connection

_turn = Lock()


@contextmanager
def in_turn() -> Iterator[None]:
    """Around a transaction that may be long: on SQLite, of all threads of a process one waits for its one writer.

    SQLite knows no queue: each asks again and again, and whoever asks at the right moment is next. Where sixteen ask
    in one process, the one in another that somebody waits for is seldom lucky. Inside of a transaction this does
    nothing: who has the writer already must not wait for a turn.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    with _turn:
        yield
