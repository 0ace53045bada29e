"""Asking for processes to be started anew; the broker is the seam."""

import os
from datetime import timedelta

import pytest
from django.db import OperationalError

from apps.audit.models import AuditEntry
from apps.core.clock import now
from apps.system import receivers
from apps.system.models import RestartedProcess, RestartRequest, RestartState
from apps.system.services import remote, restarts
from apps.users.models import User
from config import scheduler
from config.celery import app
from tests.apps.api import bearer, tokens_of, user
from tests.apps.builders import NOON, later

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

PATH = "/api/system/restart"
SYNC, CONTROL = "sync@one", "control@one"


class Workers:
    """Those that answer, and what they were told."""

    def __init__(self) -> None:
        self.pids = {SYNC: 11, "sync@two": 12, CONTROL: 13}
        self.told: list[str] = []


@pytest.fixture
def workers(monkeypatch) -> Workers:
    found = Workers()
    monkeypatch.setattr(remote, "answering", lambda: found.pids)
    monkeypatch.setattr(remote, "end", found.told.extend)
    return found


@pytest.fixture
def client():
    found = user("ops")
    User.objects.filter(pk=found.pk).update(is_staff=True)
    found.refresh_from_db()
    return bearer(tokens_of(found).access)


def ask(client, **body):
    return client.post(PATH, body, format="json")


def follow(client, asked) -> dict:
    return client.get(f"{PATH}/{asked.json()['id']}").json()


def states(told: dict) -> dict[str, str]:
    return {each["name"]: each["state"] for each in told["processes"]}


def test_all_workers_are_told_to_end_and_it_is_done_when_a_new_one_of_each_has_answered(client, workers):
    asked = ask(client, all_workers=True)
    assert (asked.status_code, asked.json()["state"]) == (202, "stopping")
    assert sorted(workers.told) == sorted(workers.pids)
    for number, name in enumerate(workers.pids):
        assert follow(client, asked)["state"] == "stopping"
        restarts.has_started(name, pid=100 + number, since=now(), now=now())
    told = follow(client, asked)
    assert (told["state"], told["asked_by"]) == ("done", "ops")
    assert {each["name"]: (each["old_pid"], each["new_pid"]) for each in told["processes"]} == {
        SYNC: (11, 100),
        "sync@two": (12, 101),
        CONTROL: (13, 102),
    }
    assert told["processes"][0]["message"] == "A new process has answered, pid 102."


@pytest.mark.parametrize(("name", "told"), [(SYNC, [SYNC]), ("sync", [SYNC, "sync@two"])])
def test_workers_are_chosen_by_their_node_or_by_what_stands_before_it(client, workers, name, told):
    assert ask(client, workers=[name]).status_code == 202
    assert sorted(workers.told) == told


def test_beat_is_asked_by_its_row_alone_and_nobody_else_is_told(client, workers):
    asked = ask(client, beat=True)
    assert states(asked.json()) == {"beat": "asked"}
    assert workers.told == []


def test_who_does_not_answer_cannot_be_told_and_then_nobody_is(client, workers):
    answer = ask(client, workers=["sync", "resync"], beat=True)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "No worker called resync answers. These do: control@one, sync@one, sync@two." in answer.json()["detail"]
    workers.pids = {}
    assert "No worker answers. None does." in ask(client, all_workers=True).json()["detail"]
    assert (workers.told, RestartRequest.objects.count()) == ([], 0)


@pytest.mark.parametrize("body", [{}, {"beat": False}, {"workers": []}, {"web": True}, {"workers": [None]}])
def test_what_names_nothing_is_refused(client, workers, body):
    assert ask(client, **body).status_code == 400


def test_without_redis_nobody_is_asked_and_that_is_said_soon(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = ask(client, all_workers=True)
    assert (answer.status_code, answer.json()["code"]) == (503, "try_later")
    assert not RestartRequest.objects.exists()


def test_a_broker_that_goes_before_they_were_told_is_a_failure_in_words(client, workers, monkeypatch):
    def refuse(_nodes: object) -> None:
        raise remote.BrokerAway("The message broker does not answer.")

    monkeypatch.setattr(remote, "end", refuse)
    told = ask(client, workers=["control"]).json()
    assert told["state"] == "failed"
    assert told["processes"][0]["message"] == "The message broker does not answer. Ask again when it does."


def test_who_has_not_come_back_in_time_has_failed_and_is_told_what_to_do(client, workers):
    asked = ask(client, workers=[SYNC, CONTROL])
    restarts.has_started(SYNC, pid=99, since=now(), now=now())
    RestartRequest.objects.update(asked_at=now() - timedelta(minutes=6))
    told = follow(client, asked)
    assert (told["state"], states(told)) == ("failed", {SYNC: "done", CONTROL: "failed"})
    late = next(each for each in told["processes"] if each["name"] == CONTROL)
    assert "No new process has answered within 5 minutes" in late["message"]
    assert "supervisor" in late["message"]


def test_who_was_on_its_way_up_when_it_was_asked_for_is_not_the_new_one(client, workers):
    asked = ask(client, workers=[SYNC])
    restarts.has_started(SYNC, pid=11, since=now() - timedelta(seconds=60), now=now())
    assert states(follow(client, asked)) == {SYNC: "stopping"}
    # A container's processes have the same pid every time.
    restarts.has_started(SYNC, pid=11, since=now(), now=now())
    assert states(follow(client, asked)) == {SYNC: "done"}


def test_another_workers_start_is_nobodys_business(client, workers):
    asked = ask(client, workers=[SYNC])
    restarts.has_started("sync@two", pid=5, since=now(), now=now())
    assert states(follow(client, asked)) == {SYNC: "stopping"}


def test_it_is_in_the_audit_who_asked_for_what_and_what_came_of_it(client, workers):
    ask(client, workers=["control"], beat=True)
    restarts.has_started(CONTROL, pid=77, since=now(), now=now())
    asked, came = AuditEntry.objects.filter(action__in=["restart.asked", "process.restarted"]).order_by("pk")
    assert (asked.actor.username, asked.details["processes"]) == ("ops", ["beat", CONTROL])
    assert (came.name, came.details) == (CONTROL, {"old_pid": 13, "new_pid": 77})


def test_only_ops_may(workers):
    answer = ask(bearer(tokens_of(user()).access), beat=True)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_a_restart_that_nobody_asked_for_is_not_there(client):
    assert client.get(f"{PATH}/1").status_code == 404


# Beat


class Beat(scheduler.Scheduler):
    """Without entries, and without a file."""

    def setup_schedule(self) -> None:
        self.data = {}

    schedule = property(lambda self: self.data)


def beat_asked_for() -> RestartRequest:
    return restarts.ask(workers=[], all_workers=False, beat=True, actor=None, now=now())


def state_of(request: RestartRequest) -> RestartState:
    return request.processes.get().standing(now())


def test_beat_ends_with_the_tick_that_reads_the_row_and_the_next_one_says_that_it_is_there():
    first = Beat(app)
    first.tick()
    request = beat_asked_for()
    first._look_at = 0.0
    with pytest.raises(SystemExit) as ended:
        first.tick()
    assert ended.value.code == 0
    assert (state_of(request), request.processes.get().old_pid) == ("stopping", os.getpid())
    second = Beat(app)
    second.tick()
    assert state_of(request) == "done"
    second._look_at = 0.0
    second.tick()


def test_beat_goes_on_without_a_database(monkeypatch):
    def refuse(**_: object) -> None:
        raise OperationalError("it is away")

    monkeypatch.setattr(scheduler.connection, "close", lambda: None)
    request = beat_asked_for()
    beat = Beat(app)
    with monkeypatch.context() as away:
        away.setattr(restarts, "must_beat_end", refuse)
        beat.tick()
    # It has come up since: that is what was asked for.
    assert state_of(request) == "done"


def test_beat_looks_once_a_second_however_many_entries_are_due(django_assert_num_queries):
    beat = Beat(app)
    beat.tick()
    with django_assert_num_queries(0):
        beat.tick()


def test_beat_is_started_with_our_scheduler():
    assert app.conf.beat_scheduler == f"{scheduler.__name__}:{scheduler.Scheduler.__name__}"


def test_a_worker_that_comes_up_says_so_itself(workers):
    request = restarts.ask(workers=[SYNC], all_workers=False, beat=False, actor=None, now=NOON)

    class Consumer:
        hostname = SYNC

        class controller:
            startup_time = later(5)

    receivers.note_new_worker(Consumer)
    process = RestartedProcess.objects.get(request=request)
    assert (process.state, process.new_pid) == ("done", os.getpid())
