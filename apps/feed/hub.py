"""The sockets of this process by session, and a look at whether those still live.

An end is announced, and closes them at once. But the announcement passes through Redis, which may lose it, and a row
may go without one (a deleted user): who is not told finds out here.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

from channels.db import database_sync_to_async
from django.db import Error as DatabaseFailure
from loguru import logger

from apps.users.services.access import ended_among

LOOK_EVERY = 3.0  # seconds: an ended session's sockets are closed within five


class Socket(Protocol):
    async def show_out(self) -> None: ...


class Hub:
    def __init__(self) -> None:
        self._sockets: defaultdict[int, set[Socket]] = defaultdict(set)
        self._looking: asyncio.Task[None] | None = None

    def enter(self, session_id: int, socket: Socket) -> None:
        self._sockets[session_id].add(socket)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())

    def leave(self, session_id: int, socket: Socket) -> None:
        self._sockets[session_id].discard(socket)
        if not self._sockets[session_id]:
            del self._sockets[session_id]

    async def _look(self) -> None:
        while self._sockets:
            await asyncio.sleep(LOOK_EVERY)
            for session_id in await _ended_among(list(self._sockets)):
                for socket in list(self._sockets.get(session_id, ())):
                    await socket.show_out()


@database_sync_to_async
def _ended_among(session_ids: Sequence[int]) -> Sequence[int]:
    try:
        return ended_among(session_ids)
    except DatabaseFailure as problem:
        logger.warning("the sessions of {} sockets could not be looked at: {}", len(session_ids), problem)
        return ()


hub = Hub()
