"""What a caller hears when something goes wrong here."""

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.test import Client
from loguru import logger
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView


@pytest.fixture
def log() -> Iterator[StringIO]:
    lines = StringIO()
    number = logger.add(lines)
    yield lines
    logger.remove(number)


def asked(failure: Exception) -> Response:
    class Broken(APIView):
        authentication_classes = ()
        permission_classes = ()

        def get(self, request):
            raise failure

    answer = Broken.as_view()(APIRequestFactory().get("/api/broken"))
    return answer.render()


def test_what_nobody_expected_is_a_plain_500_and_a_line_in_the_log(log):
    answer = asked(RuntimeError("secret of the house"))
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert answer.data["code"] == "internal_error"
    assert "secret of the house" not in answer.content.decode()
    assert "Traceback" not in answer.content.decode()
    assert "GET /api/broken failed" in log.getvalue()
    assert "secret of the house" in log.getvalue()


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [(Http404("gone"), 404, "not_found"), (PermissionDenied("not you"), 403, "permission_denied")],
)
def test_djangos_own_refusals_have_a_code(failure, status, code):
    answer = asked(failure)
    assert (answer.status_code, answer.data["code"], answer.data["status"]) == (status, code, status)


@pytest.mark.parametrize("failure", [OperationalError("server closed"), InterfaceError("connection already closed")])
def test_a_database_that_is_away_is_no_mistake_but_a_reason_to_try_later(failure, log):
    answer = asked(failure)
    assert (answer.status_code, answer.data["code"], answer["Retry-After"]) == (503, "try_later", "5")
    assert str(failure) not in answer.content.decode()
    assert str(failure) in log.getvalue()


class Away:
    """The database is gone before a view is reached."""

    def __init__(self, get_response):
        pass

    def __call__(self, request):
        raise OperationalError("server closed the connection at 10.0.0.7")


@pytest.mark.parametrize("path", ["/api/user/profile", "/admin/"])
def test_a_database_that_is_away_outside_of_the_views_is_told_the_same(settings, path):
    settings.MIDDLEWARE = [f"{__name__}.Away"]
    answer = Client(raise_request_exception=False).get(path)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "10.0.0.7" not in answer.content.decode()
    if path.startswith("/api/"):
        assert answer.json()["code"] == "try_later"


class Explodes:
    """A middleware with a mistake in it: no view of DRF's ever hears of it."""

    def __init__(self, get_response):
        pass

    def __call__(self, request):
        raise RuntimeError("secret of the house")


@pytest.mark.parametrize("path", ["/api/user/profile", "/admin/"])
def test_a_failure_outside_of_the_views_shows_nothing_of_itself(settings, path):
    settings.MIDDLEWARE = [f"{__name__}.Explodes"]
    answer = Client(raise_request_exception=False).get(path)
    assert answer.status_code == 500
    assert "secret of the house" not in answer.content.decode()
    if path.startswith("/api/"):
        assert (answer["Content-Type"], answer.json()["code"]) == ("application/problem+json", "internal_error")


def test_a_host_that_is_not_ours_is_a_problem_below_api():
    answer = Client(SERVER_NAME="evil.example").get("/api/user/profile")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert Client(SERVER_NAME="evil.example").get("/admin/")["Content-Type"].startswith("text/html")
