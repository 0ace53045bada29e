"""Errors on the wire: problem+json (RFC 9457) with a stable `code`, never a traceback.

`detail` is for people. `errors`, where there are any, maps each field or parameter to what is wrong with it.
"""

import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from loguru import logger
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

CONTENT_TYPE = "application/problem+json"
PROBLEM_SCHEMA = {
    "type": "object",
    "description": "RFC 9457. `code` is stable; `detail` is for people.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {"type": "object", "description": "each field or parameter -> what is wrong with it"},
    },
    "required": ["type", "title", "status", "code", "detail"],
}
INTERNAL = (500, "internal_error", "Something went wrong here; it has been logged.")
# Not reached, restarting, or too busy: no mistake of ours, and over soon.
NO_DATABASE = (OperationalError, InterfaceError)
AWAY = (503, "try_later", "The database does not answer just now. Try again; look first whether a change was made.")


class BadParameter(exceptions.APIException):
    """A query parameter that is unknown or cannot be read."""

    status_code = HTTPStatus.BAD_REQUEST
    default_code = "bad_parameter"

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(f"{parameter}: {problem}")
        self.errors = {parameter: [problem]}


class Conflict(exceptions.APIException):
    """What cannot be done as things are; its detail says why."""

    status_code = HTTPStatus.CONFLICT
    default_code = "conflict"


class TryLater(exceptions.APIException):
    """What cannot be done at the moment, through no fault of who asks."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "try_later"
    # DRF makes a Retry-After of it, in seconds.
    wait = 5


def problem_response(exc: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler. What it does not know becomes a plain 500 with a log line, for people to find."""
    exc = _limited(exc, context)
    if isinstance(exc, NO_DATABASE):
        _note(exc, context)
        exc = TryLater(AWAY[2])
    response = exception_handler(exc, context)
    if response is None:
        _note(exc, context)
        return Response(_problem(*INTERNAL), status=500, content_type=CONTENT_TYPE)
    response.data = _problem(response.status_code, _code(exc), _detail(exc, response.data), _errors(exc))
    response.content_type = CONTENT_TYPE
    return response


def _note(exc: Exception, context: dict[str, Any]) -> None:
    logger.opt(exception=exc).error("{} {} failed", context["request"].method, context["request"].path)


def _limited(exc: Exception, context: dict[str, Any]) -> Exception:
    """Who is refused before limits are looked at (401, 403, 406) has asked all the same: too often is a 429."""
    try:
        context["view"].check_throttles(context["request"])
    except exceptions.Throttled as limit:
        return limit
    return exc


def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """For paths below /api/ that do not exist."""
    return _answer(404, "not_found", f"There is nothing at {request.path}.")


def unavailable(detail: str, *, missing: list[str]) -> JsonResponse:
    body = _problem(503, "not_ready", detail) | {"missing": missing}
    return JsonResponse(body, status=503, content_type=CONTENT_TYPE)


# What goes wrong before or outside of DRF's views: Django asks these (`handler400` and `handler500` of config/urls.py).


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _below_api(request, lambda: defaults.bad_request(request, exception), 400, "bad_request", "Bad request.")


def server_error(request: HttpRequest) -> HttpResponse:
    """While the failure is being handled: it has been logged."""
    is_away = isinstance(sys.exception(), NO_DATABASE)
    answer = _below_api(request, lambda: defaults.server_error(request), *(AWAY if is_away else INTERNAL))
    if is_away:
        answer.status_code, answer["Retry-After"] = AWAY[0], str(TryLater.wait)
    return answer


def _below_api(
    request: HttpRequest, page: Callable[[], HttpResponse], status: int, code: str, detail: str
) -> HttpResponse:
    return _answer(status, code, detail) if request.path.startswith("/api/") else page()


def _answer(status: int, code: str, detail: str) -> JsonResponse:
    return JsonResponse(_problem(status, code, detail), status=status, content_type=CONTENT_TYPE)


def _problem(status: int, code: str, detail: str, errors: Any = None) -> dict[str, Any]:
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "code": code, "detail": detail}
    return body | ({"errors": errors} if errors else {})


def _code(exc: Exception) -> str:
    if isinstance(exc, exceptions.ValidationError):
        return "invalid"
    if not isinstance(exc, exceptions.APIException):
        return "permission_denied" if isinstance(exc, PermissionDenied) else "not_found"
    # simplejwt keeps its own code, finer than its class's, in the detail.
    if isinstance(exc.detail, dict) and "code" in exc.detail:
        return str(exc.detail["code"])
    codes = exc.get_codes()
    return codes if isinstance(codes, str) else exc.default_code


def _detail(exc: Exception, data: Any) -> str:
    if isinstance(exc, exceptions.ValidationError):
        return "The request's fields are not valid; see errors."
    return str(data["detail"])


def _errors(exc: Exception) -> Any:
    if isinstance(exc, exceptions.ValidationError):
        return _by_name(exc.detail)
    return getattr(exc, "errors", None)


def _by_name(detail: Any) -> Any:
    """JSON's names are text; DRF has a number for what is wrong with an item of a list."""
    if isinstance(detail, dict):
        return {str(name): _by_name(each) for name, each in detail.items()}
    return [_by_name(each) for each in detail] if isinstance(detail, list) else detail
