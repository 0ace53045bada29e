"""A TCP proxy that can swallow: connections stay open, nothing comes through, nobody is told."""

import asyncio
import threading
from typing import Self


class Proxy:
    """Between its own `port` and `target`; in a thread, until the `with` block ends. Without a target: a black hole."""

    def __init__(self, target: tuple[str, int] | None = None) -> None:
        self._target = target
        self._swallows = target is None
        self._open: set[Pipe] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._ready = threading.Event()
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def swallow(self) -> None:
        """From now on nothing comes through. What is open now stays dead for ever, as behind a lost route."""
        self._loop.call_soon_threadsafe(self._set, True)

    def let_through(self) -> None:
        """New connections work again."""
        self._loop.call_soon_threadsafe(self._set, False)

    def _set(self, swallows: bool) -> None:
        self._swallows = swallows
        for pipe in self._open if swallows else ():
            pipe.is_dead = True

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._drop_all())
        self._loop.close()

    async def _drop_all(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pipe = Pipe(is_dead=self._swallows)
        self._open.add(pipe)
        try:
            if pipe.is_dead or self._target is None:
                await pipe.pump(reader, None)
            else:
                upstream = await asyncio.open_connection(*self._target)
                await pipe.both(reader, writer, *upstream)
        except OSError:
            return
        finally:
            self._open.discard(pipe)
            writer.close()


class Pipe:
    def __init__(self, *, is_dead: bool) -> None:
        self.is_dead = is_dead

    async def both(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upstream_reader: asyncio.StreamReader,
        upstream_writer: asyncio.StreamWriter,
    ) -> None:
        """Until the client goes away; a dead pipe hides the server's end from it."""
        back = asyncio.create_task(self._back(upstream_reader, writer))
        try:
            await self.pump(reader, upstream_writer)
        finally:
            back.cancel()
            upstream_writer.close()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.pump(reader, writer)
        if not self.is_dead:
            writer.close()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None) -> None:
        while data := await reader.read(65_536):
            if writer is not None and not self.is_dead:
                writer.write(data)
                await writer.drain()
