from datetime import datetime

import pytest

from apps.system.models import Heartbeat, of_queue
from apps.system.watchdog.watch import Watchdog
from tests.apps.builders import NOON, later

from .looking import QUEUES, all_is_well, leave_messages, look, opened, take_messages, the_event

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

BEAT = ("beat_silent", "beat")
COMPUTE, CONTROL, RESYNC, SYNC = (("queue_stuck", f"queue {queue}") for queue in QUEUES)
REDIS = ("redis_away", "Redis")
NOWHERE = "redis://:hidden@127.0.0.1:1/0"


def others_live(at: datetime) -> None:
    """Of all queues but sync."""
    for queue in ("compute", "control", "resync"):
        Heartbeat.objects.beaten(of_queue(queue), at)


def test_nothing_is_wrong_while_heartbeats_come_by_every_queue(shared_redis):
    all_is_well()
    assert look(later(29)) == []


def test_beat_is_silent_when_no_heartbeat_comes_and_none_is_left_lying(shared_redis):
    all_is_well()
    assert look(later(31)) == [BEAT]
    assert "no heartbeat has come by any queue for 31 s" in the_event().message


def test_a_queue_whose_messages_nobody_takes_is_stuck_and_beat_is_not_blamed(shared_redis):
    all_is_well()
    others_live(later(60))
    leave_messages(shared_redis, "sync", 1204)
    assert look(later(60)) == [SYNC]
    message = the_event().message
    assert "no worker has done a heartbeat of it for 1 min 0 s; 1,204 messages wait there" in message


def test_messages_that_wait_are_no_trouble_while_heartbeats_get_through(shared_redis):
    all_is_well()
    leave_messages(shared_redis, "sync", 5000)
    assert look(later(20)) == []


def test_workers_that_take_messages_and_finish_none_are_told_too(shared_redis):
    all_is_well()
    others_live(later(60))
    assert look(later(60)) == [SYNC]
    assert "no message waits there" in the_event().message


def test_without_any_worker_all_queues_are_stuck(shared_redis):
    all_is_well()
    for queue in QUEUES:
        leave_messages(shared_redis, queue, 3)
    assert look(later(40)) == [COMPUTE, CONTROL, RESYNC, SYNC]


def test_a_system_that_never_ran_is_told_as_such(shared_redis):
    assert look(NOON) == [BEAT]
    assert "no heartbeat has come by any queue ever" in the_event().message


def test_what_has_just_been_started_gets_its_time(shared_redis):
    all_is_well(later(-3600))
    assert look(later(20), since=NOON) == []
    assert look(later(31), since=NOON) == [BEAT]


def test_redis_that_is_away_is_one_event_and_nothing_is_said_of_beat_and_queues(settings):
    settings.REDIS_URL = NOWHERE
    all_is_well()
    assert look(later(3600)) == [REDIS]
    assert "hidden" not in the_event().message + the_event().advice


def test_what_was_open_before_redis_went_away_stays_open(shared_redis, settings):
    all_is_well()
    look(later(40))
    settings.REDIS_URL = NOWHERE
    assert look(later(100)) == [BEAT, REDIS]


def test_after_redis_is_back_beat_and_workers_get_time_to_find_it(shared_redis, settings):
    all_is_well()
    watchdog = Watchdog(since=NOON)
    settings.REDIS_URL = NOWHERE
    watchdog.tick(later(100))
    settings.REDIS_URL = shared_redis
    watchdog.tick(later(125))
    assert opened() == []
    watchdog.tick(later(131))
    assert opened() == [BEAT]


def test_a_queue_that_is_stuck_closes_when_a_worker_takes_its_messages(shared_redis):
    all_is_well()
    leave_messages(shared_redis, "sync", 3)
    others_live(later(60))
    look(later(60))
    take_messages(shared_redis, "sync")
    all_is_well(later(80))
    assert look(later(85)) == []
