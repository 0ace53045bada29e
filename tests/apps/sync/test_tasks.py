"""Who sends what to whom; the broker is the seam."""

import pytest

from apps.core.clock import now
from apps.sync import tasks
from apps.sync.models import SyncState
from config.celery import app
from tests.apps.builders import account, later, state

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shared_redis")]


@pytest.fixture
def sent(monkeypatch) -> list[tuple[str, dict]]:
    messages: list[tuple[str, dict]] = []
    for task in (tasks.batch, tasks.resync_batch):
        monkeypatch.setattr(task, "apply_async", lambda kwargs, task=task, **_: messages.append((task.name, kwargs)))
    return messages


def test_a_resync_marks_rows_and_asks_for_batches_that_wait_behind_no_others(sent):
    mine = account()
    for kind in ("balances", "orders"):
        state(mine, kind, due_at=later(600))
    tasks.resync.run(account_id=mine.pk, something_of_tomorrow=1)
    assert SyncState.objects.filter(requested_at__isnull=False).count() == 2
    assert sent == [("sync.resync_batch", {"exchange_id": "binance", "reads_on": False})] * 2


def test_what_people_asked_for_is_sent_again_until_somebody_takes_it(sent):
    mine = state(account(), due_at=later(10**8))
    tasks.dispatch.run(exchange_id="binance")
    assert sent == []
    SyncState.objects.filter(pk=mine.pk).update(requested_at=now())
    tasks.dispatch.run(exchange_id="binance")
    assert ("sync.resync_batch", {"exchange_id": "binance", "reads_on": False}) in sent


@pytest.mark.parametrize("name", ["sync.resync", "sync.resync_batch"])
def test_what_people_ask_for_has_a_queue_of_its_own(name):
    assert app.amqp.router.route({}, name)["queue"].name == "resync"
    assert app.amqp.router.route({}, "sync.batch")["queue"].name == "sync"
    assert app.amqp.router.route({}, "sync.dispatch")["queue"].name == "control"
