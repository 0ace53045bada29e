"""Where what is being done comes from: noted where it comes in, so that whoever writes it down need not be told.

A request, a task or a command notes itself; services, between them and the rows, have nothing to pass on.
"""

import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse

from apps.core.visitors import printable, visitor_of

LONGEST_VIA = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """`via`: `PUT /api/user/settings`, `task sync.batch`, `command demo by root`; `opened_by`: `session.7`, `token.3`,
    `cookie.0f3a...` (the start of a digest: a cookie itself opens doors)."""

    via: str
    address: str | None = None
    user_agent: str = ""
    opened_by: str = ""
    user: Any = None


_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)
_work: ContextVar[str] = ContextVar("work", default="")


def current() -> Origin:
    request = _request.get()
    if request is None:
        return Origin(via=_work.get() or _process())
    visitor = visitor_of(request)
    return Origin(
        via=printable(f"{request.method} {request.path}", LONGEST_VIA),
        address=visitor.address,
        user_agent=visitor.user_agent,
        opened_by=_opened_by(request),
        user=_user(request),
    )


@contextmanager
def working_on(what: str) -> Iterator[None]:
    """For tasks and commands. One that is called by another is part of it."""
    token = None if _work.get() or _request.get() else _work.set(what[:LONGEST_VIA])
    try:
        yield
    finally:
        if token is not None:
            _work.reset(token)


def of_command(name: str) -> str:
    """With the system's user, who is all that is known of who types it."""
    return f"command {name} by {_system_user()}"


class Origins:
    """Middleware: everything below it can say which request it serves."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _request.set(request)
        try:
            return self.get_response(request)
        finally:
            _request.reset(token)


def _opened_by(request: HttpRequest) -> str:
    # The API's authentication leaves what it was shown at the request; the admin has a cookie.
    access = getattr(request, "auth", None)
    if access is not None:
        return str(access.key)
    cookie = getattr(getattr(request, "session", None), "session_key", None)
    return f"cookie.{hashlib.sha256(cookie.encode()).hexdigest()[:12]}" if cookie else ""


def _user(request: HttpRequest) -> Any:
    user = getattr(request, "user", None)
    return user if user is not None and user.pk else None


def _process() -> str:
    """Nobody said: a shell, or one of Django's own commands. Never more than the first word, there may be secrets."""
    program = Path(sys.argv[0] or "python")
    if program.name == "manage.py" and sys.argv[1:]:
        return of_command(sys.argv[1])[:LONGEST_VIA]
    name = program.parent.name if program.name == "__main__.py" else program.name
    return f"{name} by {_system_user()}"[:LONGEST_VIA]


def _system_user() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "an unnamed user"
