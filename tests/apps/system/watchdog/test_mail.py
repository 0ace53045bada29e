import smtplib

import pytest

from apps.system.models import OpsEvent, Telling
from apps.system.watchdog import mail
from apps.system.watchdog.watch import Watchdog
from tests.apps.builders import NOON, account, later, state

from .looking import all_is_well, look, the_event

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture(autouse=True)
def somebody_to_tell(settings, shared_redis):
    settings.ADMINS = [("ops", "ops@example.com")]
    settings.EMAIL_HOST = "mail.example.com"
    all_is_well()


def test_one_mail_when_it_opens_and_one_when_it_closes_however_many_looks(mailoutbox):
    for second in range(31, 100, 10):
        look(later(second))
    all_is_well(later(100))
    all_is_well(later(120))
    for second in range(110, 150, 10):
        look(later(second))
    assert [message.subject for message in mailoutbox] == [
        "[AlphaPulse] opened: beat is silent: beat",
        "[AlphaPulse] closed: beat is silent: beat",
    ]
    first, last = mailoutbox
    assert first.to == ["ops@example.com"]
    assert "no heartbeat has come by any queue for 31 s" in first.body
    assert "Is beat up?" in first.body
    assert "Was open since 2026-11-21 12:00:31 UTC, for 1 min" in last.body


def test_what_changes_together_is_one_mail(mailoutbox):
    state(account(), succeeded_at=NOON, due_at=NOON)
    look(later(300))
    assert [message.subject for message in mailoutbox] == ["[AlphaPulse] 2 ops events opened, 0 closed"]
    assert "no sync has succeeded" in mailoutbox[0].body
    assert "beat is silent" in mailoutbox[0].body


def test_without_a_mail_server_or_admins_nothing_is_sent_or_saved_up(mailoutbox, settings):
    settings.EMAIL_HOST = ""
    look(later(31))
    settings.EMAIL_HOST, settings.ADMINS = "mail.example.com", []
    look(later(41))
    assert (mailoutbox, the_event().untold) == ([], Telling.NOTHING)


@pytest.mark.parametrize("failure", [ConnectionRefusedError("refused"), smtplib.SMTPServerDisconnected("gone")])
def test_a_mail_that_could_not_be_sent_goes_with_the_next_look(mailoutbox, monkeypatch, failure):
    def fail(*_: object) -> None:
        raise failure

    with monkeypatch.context() as broken:
        broken.setattr(mail, "mail_admins", fail)
        look(later(31))
    assert (mailoutbox, the_event().untold) == ([], Telling.OPENED)
    look(later(41))
    look(later(51))
    assert len(mailoutbox) == 1


def test_an_event_that_closed_before_its_mail_got_through_is_told_as_closed(mailoutbox, monkeypatch):
    def fail(*_: object) -> None:
        raise TimeoutError

    with monkeypatch.context() as broken:
        broken.setattr(mail, "mail_admins", fail)
        look(later(31))
        all_is_well(later(60))
        look(later(60))
    look(later(70))
    assert [message.subject for message in mailoutbox] == ["[AlphaPulse] closed: beat is silent: beat"]


def test_two_watchdogs_send_one_mail(mailoutbox):
    one, other = Watchdog(), Watchdog()
    one.tick(later(31))
    other.tick(later(31))
    assert len(mailoutbox) == 1
    event = OpsEvent.objects.get()
    event.untold = Telling.OPENED
    assert not mail._take(event)
