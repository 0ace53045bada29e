from threading import Event, Thread
from types import SimpleNamespace

import pytest

from apps.core import writers


@pytest.fixture
def database(monkeypatch):
    chosen = SimpleNamespace(vendor="sqlite", in_atomic_block=False)
    monkeypatch.setattr(writers, "connection", chosen)
    return chosen


def comes_in() -> bool:
    """Whether another thread does while we are in."""
    came = Event()

    def come() -> None:
        with writers.in_turn():
            came.set()

    with writers.in_turn():
        other = Thread(target=come)
        other.start()
        is_in = came.wait(0.2)
    other.join(10)
    assert came.is_set()
    return is_in


def test_on_sqlite_one_thread_of_a_process_waits_for_its_one_writer(database):
    assert not comes_in()


def test_elsewhere_nobody_waits_for_a_turn(database):
    database.vendor = "postgresql"
    assert comes_in()


def test_who_has_the_writer_already_waits_for_no_turn(database):
    with writers.in_turn():
        database.in_atomic_block = True
        with writers.in_turn():
            pass
