"""`manage.py watchdog --once`, as cron and people call it."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from apps.core.clock import now
from apps.system import tasks
from apps.system.models import OpsEvent
from apps.system.watchdog import queues
from tests.apps.builders import account, state
from tests.apps.system.watchdog.looking import QUEUES, opened, seconds

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def watch_once() -> str:
    out = StringIO()
    call_command("watchdog", once=True, stdout=out)
    return out.getvalue()


def workers_work() -> None:
    """What beat sends every ten seconds, done by the real task."""
    for queue in QUEUES:
        tasks.heartbeat.run(queue=queue, something_of_tomorrow=1)


def test_all_well_says_so(shared_redis):
    workers_work()
    assert watch_once() == "No ops event is open.\n"


def test_what_is_wrong_is_printed_and_the_exit_status_is_one(shared_redis):
    state(account(), due_at=now() - seconds(300), succeeded_at=now() - seconds(330))
    workers_work()
    out = StringIO()
    with pytest.raises(CommandError, match="1 ops events are open") as problem:
        call_command("watchdog", once=True, stdout=out)
    assert problem.value.returncode == 1
    assert out.getvalue().startswith("binance (sandbox, by default): no sync has succeeded for 5 min 30 s")


def test_it_needs_no_redis_to_speak(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(CommandError, match="1 ops events are open"):
        watch_once()
    assert opened() == [("redis_away", "Redis")]


def test_called_every_minute_it_raises_and_closes_one_event(shared_redis):
    with pytest.raises(CommandError):
        watch_once()
    OpsEvent.objects.update(seen_at=now() - seconds(60))
    workers_work()
    assert "No ops event" in watch_once()
    assert OpsEvent.objects.get().closed_at is not None


def test_a_database_that_does_not_answer_is_an_error(shared_redis, monkeypatch):
    def refuse(*_: object) -> None:
        raise OperationalError("could not connect")

    monkeypatch.setattr(queues, "_last_heartbeats", refuse)
    with pytest.raises(CommandError, match="The database does not answer"):
        watch_once()
