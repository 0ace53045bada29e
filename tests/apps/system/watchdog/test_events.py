import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from loguru import logger

from apps.system.models import Heartbeat, OpsEvent, Trouble
from apps.system.watchdog import events, queues
from apps.system.watchdog.look import Finding, Look
from apps.system.watchdog.watch import Watchdog
from tests.apps.builders import NOON, later

from .looking import all_is_well, opened, the_event

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

STUCK = Finding(kind=Trouble.QUEUE_STUCK, subject="queue sync", message="It is stuck.", advice="Look.")


@pytest.fixture
def log():
    lines = []
    handler = logger.add(lambda message: lines.append(message.record["message"]), level="INFO")
    yield lines
    logger.remove(handler)


def see(at, *findings, unknown=()):
    events.record(Look(findings=list(findings), unknown=set(unknown)), now=at)


def test_an_event_is_told_once_when_it_opens_and_once_when_it_closes_whatever_the_looks(log):
    for second in range(0, 60, 10):
        see(later(second), STUCK)
    for second in range(60, 120, 10):
        see(later(second))
    assert log == [
        "opened: It is stuck. Look.",
        "closed: a queue is stuck: queue sync, open since 2026-11-21 12:00:00 UTC",
    ]


def test_a_row_says_from_when_to_when_and_how_often_it_was_seen():
    see(NOON, STUCK)
    see(later(10), STUCK)
    see(later(30))
    event = the_event()
    assert (event.opened_at, event.seen_at, event.closed_at, event.count) == (NOON, later(10), later(30), 2)


def test_what_is_gone_for_one_look_is_not_over(log):
    see(NOON, STUCK)
    see(later(10))
    see(later(20), STUCK)
    assert (len(log), OpsEvent.objects.count(), the_event().closed_at) == (1, 1, None)


def test_what_comes_again_later_is_another_event():
    see(NOON, STUCK)
    see(later(60))
    see(later(120), STUCK)
    assert [event.closed_at for event in OpsEvent.objects.order_by("pk")] == [later(60), None]


def test_what_is_unknown_neither_opens_nor_closes():
    see(NOON, STUCK)
    see(later(600), unknown=[Trouble.QUEUE_STUCK])
    assert opened() == [("queue_stuck", "queue sync")]
    see(later(610))
    assert opened() == []


def test_a_watchdog_with_an_older_look_does_not_close_what_another_has_just_seen(log):
    see(NOON, STUCK)
    stale = the_event()
    see(later(100), STUCK)
    events._close(stale, later(101), is_mailed=False)
    assert the_event().closed_at is None


def test_two_watchdogs_close_once(log):
    see(NOON, STUCK)
    event = the_event()
    events._close(event, later(60), is_mailed=False)
    events._close(event, later(61), is_mailed=False)
    assert the_event().closed_at == later(60)
    assert len(log) == 2


@pytest.mark.django_db(transaction=True)
def test_two_watchdogs_at_the_same_time_raise_one_event_and_tell_it_once(log):
    together = threading.Barrier(6)

    def watch() -> None:
        together.wait()
        try:
            see(NOON, STUCK)
        finally:
            connection.close()

    threads = [threading.Thread(target=watch) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (OpsEvent.objects.count(), the_event().count) == (1, 6)
    assert log == ["opened: It is stuck. Look."]


def test_words_too_long_for_their_column_are_cut():
    long = Finding(kind=Trouble.SYNC_SILENT, subject="s", message="m" * 900, advice="a" * 900)
    see(NOON, long)
    see(later(10), long)
    assert (len(the_event().message), len(the_event().advice)) == (600, 300)


def test_a_database_that_does_not_answer_is_one_line_and_one_when_it_is_back(log, shared_redis, monkeypatch):
    all_is_well()
    watchdog = Watchdog(since=NOON)

    def refuse(*_: object) -> None:
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as away:
        away.setattr(queues, "_last_heartbeats", refuse)
        assert [watchdog.tick(later(second)) for second in (10, 20, 30)] == [False, False, False]
    assert watchdog.tick(later(50))
    assert watchdog.tick(later(55))
    assert opened() == []  # the workers need a moment to find it again, too
    assert [line.split(",")[0] for line in log] == ["the database does not answer", "the database answers again"]


def test_the_watchdog_shows_that_it_lives(shared_redis):
    all_is_well()
    Watchdog().tick(later(10))
    assert Heartbeat.objects.get(name="watchdog").at == later(10)


def test_closed_events_are_forgotten_after_ninety_days_and_open_ones_never(shared_redis):
    see(NOON, STUCK)
    see(later(60))
    see(later(120), STUCK)
    events.forget_old(later(60) + timedelta(days=90))
    assert OpsEvent.objects.count() == 2
    events.forget_old(later(61) + timedelta(days=90))
    assert the_event().closed_at is None
