"""The live feed: proves who one is, says hello, then tells what changed. What it says is a hint; REST has the truth."""

import asyncio
from dataclasses import dataclass
from typing import Any

import redis
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer, AsyncWebsocketConsumer
from loguru import logger

from apps.core.clock import now
from apps.feed.hub import hub
from apps.feed.push import group_of
from apps.users.models import Workspace
from apps.users.scopes import Scope
from apps.users.services.access import by_token
from apps.users.tokens import TokenRefused

PATIENCE = 10.0  # seconds in which one must say who one is
LONGEST_MESSAGE = 8192  # characters; a token has a few hundred
NOT_AUTHENTICATED = 4401
NOT_UNDERSTOOD = 4400
TRY_AGAIN_LATER = 1013


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What a good token opens, and for how long."""

    key: str
    workspaces: list[int]
    seconds: float


class FeedConsumer(AsyncJsonWebsocketConsumer):
    """First message: `{"type": "authenticate", "token": access token}`; a token in the address would stand in logs.

    Answers `{"type": "hello", "workspaces": [ids]}`; then `{"type": "accounts.synced", "account_ids", "kind"}` for the
    accounts of the user's workspaces. Closes with 4401 without a good token, when its session ends, and when it has
    expired: until then the same message with a fresh one keeps the socket open. Closes with 4400 for what it does not
    understand, with 1013 while Redis is away.
    """

    deadline: asyncio.Task[None] | None = None
    joined: frozenset[str] = frozenset()
    key = ""
    is_accepted = False
    is_closed = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        except redis.RedisError as problem:
            logger.warning("Redis does not answer, a browser was sent away from the feed: {}", problem)
            self._forget_deadline()
            self._belong_to("")
            await self._send_away(send)

    async def _send_away(self, send: Any) -> None:
        if self.is_closed:
            return
        # Only who was let in hears the code.
        if not self.is_accepted:
            await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})

    async def connect(self) -> None:
        await self.accept()
        self.is_accepted = True
        self._close_after(PATIENCE)

    async def disconnect(self, code: int) -> None:
        self.is_closed = True
        self._forget_deadline()
        self._belong_to("")
        await self._join(frozenset())

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **_: Any) -> None:
        if not text_data or len(text_data) > LONGEST_MESSAGE:
            await self.close(NOT_UNDERSTOOD)
        else:
            await super().receive(text_data)

    async def receive_json(self, content: Any, **_: Any) -> None:
        if self.is_closed:
            return
        if not isinstance(content, dict) or content.get("type") != "authenticate":
            await self.close(NOT_UNDERSTOOD)
            return
        opened = await _opened_by(str(content.get("token", "")))
        if opened is None:
            await self.close(NOT_AUTHENTICATED)
            return
        self._close_after(opened.seconds)
        self._belong_to(opened.key)
        await self.see(opened.workspaces)
        await self.send_json({"type": "hello", "workspaces": opened.workspaces})

    @classmethod
    async def decode_json(cls, text_data: str) -> Any:
        try:
            return await super().decode_json(text_data)
        except (ValueError, RecursionError):
            return None

    async def feed_event(self, message: dict[str, Any]) -> None:
        """From the channel layer, made in `push`."""
        if not self.is_closed:
            await self.send_json(message["event"])

    async def feed_ended(self, message: dict[str, Any]) -> None:
        """From the channel layer: the session of this socket has ended."""
        await self.show_out()

    async def show_out(self) -> None:
        await self.close(NOT_AUTHENTICATED)

    async def close(self, code: int | None = None, reason: str | None = None) -> None:
        # Messages may still be on their way in; the server takes a second close for a mistake.
        if not self.is_closed:
            self.is_closed = True
            await super().close(code, reason)

    async def see(self, workspaces: list[int]) -> None:
        """Hears of these, and of the end of what opened them."""
        if self.is_closed:
            return
        await self._join(frozenset({self.key, *(group_of(workspace) for workspace in workspaces)}))

    def _belong_to(self, key: str) -> None:
        if self.key:
            hub.leave(self.key, self)
        self.key = key
        if key:
            hub.enter(key, self)

    async def _join(self, groups: frozenset[str]) -> None:
        """Hears of these groups, and of no others any longer."""
        left, new, self.joined = self.joined - groups, groups - self.joined, groups
        for group in left:
            await self.channel_layer.group_discard(group, self.channel_name)
        for group in new:
            await self.channel_layer.group_add(group, self.channel_name)

    def _close_after(self, seconds: float) -> None:
        self._forget_deadline()
        self.deadline = asyncio.create_task(self._expire(seconds))

    def _forget_deadline(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()

    async def _expire(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.show_out()


class Nowhere(AsyncWebsocketConsumer):
    """Any other path: refused before the handshake (403, as ASGI has it), with a line in the log."""

    async def connect(self) -> None:
        logger.info("there is no socket at {}: it is /ws/feed/", str(self.scope["path"])[:100])
        await self.close()


@database_sync_to_async
def _opened_by(token: str) -> Pass | None:
    """None where the token opens nothing."""
    try:
        access = by_token(token, address=None, now=now())
    except TokenRefused:
        return None
    if Scope.PORTFOLIO_READ not in access.scopes:
        return None
    workspaces = Workspace.objects.of(access.user).order_by("pk").values_list("pk", flat=True)
    seconds = access.expires_at - now().timestamp()
    return Pass(key=access.key, workspaces=list(workspaces), seconds=seconds)
