"""Who gets a thread, and when."""

import asyncio
from typing import Any

import pytest

from apps.core import bodies
from apps.core.bodies import WholeBodies

PART = {"type": "http.request", "body": b"half ", "more_body": True}
REST = {"type": "http.request", "body": b"and half", "more_body": False}
GONE = {"type": "http.disconnect"}


def served(*messages: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the application behind it received, and what the caller was sent. After the last message: silence."""
    received: list[dict[str, Any]] = []
    sent: list[dict[str, Any]] = []
    coming = iter(messages)

    async def application(scope, receive, send):
        received.append(await receive())
        received.append(await receive())

    async def receive():
        return next(coming, None) or await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    asyncio.run(WholeBodies(application)({"type": "http"}, receive, send))
    return received, sent


def test_the_application_gets_a_body_whole_and_then_hears_of_the_callers_end():
    received, _ = served(PART, REST, GONE)
    assert received == [{"type": "http.request", "body": b"half and half", "more_body": False}, GONE]


def test_who_goes_away_in_the_middle_bothers_nobody():
    assert served(PART, GONE) == ([], [])


def test_who_is_too_slow_is_told_so(monkeypatch):
    monkeypatch.setattr(bodies, "PATIENCE", 0.05)
    received, sent = served(PART)
    assert (received, sent[0]["status"]) == ([], 408)


def test_what_is_too_much_is_refused_as_soon_as_it_is(monkeypatch):
    monkeypatch.setattr(bodies, "LARGEST", 9)
    received, sent = served(PART, PART)
    assert (received, sent[0]["status"]) == ([], 413)


@pytest.mark.parametrize("size", [0, 9])
def test_what_just_fits_passes(monkeypatch, size):
    monkeypatch.setattr(bodies, "LARGEST", 9)
    received, _ = served({"type": "http.request", "body": b"x" * size}, GONE)
    assert received[0]["body"] == b"x" * size
