"""The sockets of this process, by what opened them, and a look at whether that still opens something.

The end of a session is announced, and closes its sockets at once. But the announcement passes through Redis, which may
lose it; a user may be deleted, a token revoked, a membership end: who is not told finds out here.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

import redis
from channels.db import database_sync_to_async
from django.db import Error as DatabaseFailure
from loguru import logger

from apps.users.services.access import still_open

LOOK_EVERY = 3.0  # seconds: whoever may hear no longer does not, within five


class Socket(Protocol):
    async def see(self, workspaces: list[int]) -> None: ...

    async def show_out(self) -> None: ...


class Hub:
    """Keys are `Access.key`."""

    def __init__(self) -> None:
        self._sockets: defaultdict[str, set[Socket]] = defaultdict(set)
        self._looking: asyncio.Task[None] | None = None

    def enter(self, key: str, socket: Socket) -> None:
        self._sockets[key].add(socket)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())

    def leave(self, key: str, socket: Socket) -> None:
        self._sockets[key].discard(socket)
        if not self._sockets[key]:
            del self._sockets[key]

    async def _look(self) -> None:
        while self._sockets:
            await asyncio.sleep(LOOK_EVERY)
            keys = list(self._sockets)
            found = await _still_open(keys)
            if found is not None:
                await self._tell(keys, found)

    async def _tell(self, keys: Sequence[str], found: dict[str, list[int]]) -> None:
        for key in keys:
            for socket in list(self._sockets.get(key, ())):
                await _told(socket, found.get(key))


async def _told(socket: Socket, workspaces: list[int] | None) -> None:
    try:
        await (socket.show_out() if workspaces is None else socket.see(workspaces))
    except redis.RedisError as problem:
        # The socket itself hears of that, and is sent away.
        logger.warning("a socket could not be told what it may hear: {}", problem)


@database_sync_to_async
def _still_open(keys: Sequence[str]) -> dict[str, list[int]] | None:
    """None where that cannot be told."""
    try:
        return still_open(keys)
    except DatabaseFailure as problem:
        logger.warning("what opened {} sockets could not be looked at: {}", len(keys), problem)
        return None


hub = Hub()
