import pytest

from apps.core.clock import now
from apps.system.models import Heartbeat, OpsEvent, Trouble
from tests.apps import pages
from tests.apps.system.watchdog.looking import seconds

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def event(kind: Trouble, subject: str, **fields: object) -> OpsEvent:
    at = now()
    times = {"opened_at": at - seconds(600), "seen_at": at}
    return OpsEvent.objects.create(
        kind=kind, subject=subject, message=f"{subject} is bad", advice="Look.", **times | fields
    )


def some_events() -> None:
    event(Trouble.BEAT_SILENT, "beat", opened_at=now() - seconds(7200), closed_at=now() - seconds(3600))
    event(Trouble.QUEUE_STUCK, "queue sync")
    event(Trouble.REDIS_AWAY, "Redis", opened_at=now() - seconds(60), closed_at=now())


def test_open_events_come_first_then_the_latest():
    some_events()
    text = pages.text_of(pages.logged_in(), pages.list_url(OpsEvent))
    assert text.index("queue sync is bad") < text.index("Redis is bad") < text.index("beat is bad")
    assert "OPEN" in text
    assert "since 10 min" in text


def test_events_can_be_narrowed_to_those_that_are_open():
    some_events()
    text = pages.text_of(pages.logged_in(), pages.list_url(OpsEvent) + "?open=yes")
    assert "queue sync is bad" in text
    assert "Redis is bad" not in text


def test_nobody_makes_changes_or_deletes_events():
    one = event(Trouble.QUEUE_STUCK, "queue sync")
    client = pages.logged_in()
    assert client.get(pages.add_url(OpsEvent)).status_code == 403
    assert client.post(pages.delete_url(one)).status_code == 403
    assert client.post(pages.page_url(one), {"message": "all fine"}).status_code == 403


def test_heartbeats_say_when_they_came():
    Heartbeat.objects.beaten("queue sync", now() - seconds(90))
    assert "1 min 3" in pages.text_of(pages.logged_in(), pages.list_url(Heartbeat))


def test_the_list_takes_as_many_queries_for_thirty_events_as_for_one():
    client = pages.logged_in()
    event(Trouble.QUEUE_STUCK, "queue 0")
    before = pages.queries_of(client, pages.list_url(OpsEvent))
    for number in range(30):
        event(Trouble.QUEUE_STUCK, f"queue {number + 1}")
    assert pages.queries_of(client, pages.list_url(OpsEvent)) == before
