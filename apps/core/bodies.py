"""Requests wait for their body before they take a thread.

The WSGI side has few threads, and reads a body at the pace of its sender: sixteen slow ones stopped the whole server.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

PATIENCE = 30.0  # seconds in which a body must be here
LARGEST = 3_000_000  # bytes; Django itself refuses forms beyond 2.5 MB


class SenderGone(Exception):
    """Nobody waits for an answer any longer."""


class BodyTooLarge(Exception):
    """More than LARGEST bytes."""


class WholeBodies:
    """An ASGI application around another, for HTTP: hands it whole bodies only."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        try:
            body = await asyncio.wait_for(_read(receive), PATIENCE)
        except SenderGone:
            return
        except TimeoutError:
            await _refuse(send, HTTPStatus.REQUEST_TIMEOUT)
        except BodyTooLarge:
            await _refuse(send, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            await self.application(scope, _again(body, receive), send)


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise SenderGone
        body += message.get("body", b"")
        if len(body) > LARGEST:
            raise BodyTooLarge
        if not message.get("more_body", False):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """What was read, as if it came now; then whatever comes."""
    parts = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive_again() -> Message:
        return next(parts, None) or await receive()

    return receive_again


async def _refuse(send: Send, status: HTTPStatus) -> None:
    headers = [(b"content-type", b"text/plain"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": status.phrase.encode()})
