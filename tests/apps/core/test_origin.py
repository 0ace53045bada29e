"""Where a deed comes from is known wherever it is written down, and forgotten when it is done."""

import sys

import pytest
from celery import shared_task
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client

from apps.core import origin
from apps.core.management.explained import ExplainedCommand
from apps.core.origin import Origins, working_on


@shared_task(name="tests.whence")
def whence(**_: object) -> str:
    return origin.current().via


class Command(ExplainedCommand):
    def handle(self, *args: object, **options: object) -> str:
        return origin.current().via


def test_a_request_says_its_address_its_browser_and_what_it_asked_for(rf):
    seen = []
    serve = Origins(lambda request: seen.append(origin.current()) or HttpResponse())
    serve(rf.put("/api/user/settings", REMOTE_ADDR="192.0.2.7", HTTP_USER_AGENT="a browser"))
    (told,) = seen
    assert (told.via, told.address, told.user_agent) == ("PUT /api/user/settings", "192.0.2.7", "a browser")
    assert (told.opened_by, told.user) == ("", None)


def test_an_invented_forwarded_address_is_worth_nothing_unless_the_proxy_is_declared(rf, settings):
    seen = []
    serve = Origins(lambda request: seen.append(origin.current().address) or HttpResponse())
    for settings.BEHIND_PROXY in (False, True):
        serve(rf.get("/", REMOTE_ADDR="192.0.2.7", HTTP_X_FORWARDED_FOR="203.0.113.1, 198.51.100.2"))
    assert seen == ["192.0.2.7", "198.51.100.2"]


def test_what_cannot_be_stored_is_left_out_and_what_is_long_is_cut(rf):
    seen = []
    serve = Origins(lambda request: seen.append(origin.current()) or HttpResponse())
    serve(rf.get("/" + "x" * 500 + "%00", HTTP_USER_AGENT="a\0b" + "y" * 500))
    assert len(seen[0].via) <= 200
    assert "\0" not in seen[0].via + seen[0].user_agent


def test_after_a_request_its_origin_is_forgotten_also_when_it_failed(rf):
    def fail(request):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Origins(fail)(rf.get("/"))
    assert origin.current().address is None


@pytest.mark.django_db
def test_the_admins_cookie_is_told_by_a_digest_alone(django_user_model, rf):
    client = Client()
    client.force_login(django_user_model.objects.create_superuser("ops", password="p"))
    request = rf.get("/admin/")
    request.session, request.user = client.session, django_user_model.objects.get()
    seen = []
    Origins(lambda _: seen.append(origin.current()) or HttpResponse())(request)
    assert seen[0].opened_by.startswith("cookie.")
    assert client.session.session_key not in seen[0].opened_by
    assert seen[0].user == request.user


# A task looks after its connections.
@pytest.mark.django_db
def test_a_task_and_a_command_say_their_names_and_what_they_call_is_part_of_them():
    assert whence() == "task tests.whence"
    assert call_command(Command()).startswith("command test_origin by ")
    with working_on("the whole"):
        assert whence() == "the whole"
    assert "whole" not in origin.current().via


def test_djangos_own_commands_are_told_by_their_first_word_alone(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["manage.py", "changepassword", "anna", "--secret=x"])
    via = origin.current().via
    assert via.startswith("command changepassword by ")
    assert "anna" not in via
