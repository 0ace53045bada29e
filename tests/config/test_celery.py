from types import SimpleNamespace

import pytest

from config import celery


@pytest.mark.parametrize(("queue", "given"), [("sync", [10]), ("control", [10]), ("resync", [])])
def test_workers_that_nobody_waits_for_give_way(monkeypatch, queue, given):
    niceness: list[int] = []
    monkeypatch.setattr(celery, "NICENESS", 10)
    monkeypatch.setattr(celery.os, "nice", niceness.append)
    queues = SimpleNamespace(consume_from={queue: object()})
    celery.give_way(SimpleNamespace(app=SimpleNamespace(amqp=SimpleNamespace(queues=queues))))
    assert niceness == given
