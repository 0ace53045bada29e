"""A small HTTP server that stands at a gateway and answers what a test tells it to: `/<host>/<path>`."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(kw_only=True)
class Said:
    """One answer. `raw` goes out as it is instead of the JSON of `json`; `cut` breaks off after so many bytes."""

    json: Any = None
    raw: str | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: float = 0
    seconds_a_byte: float = 0
    cut: int | None = None
    drops: bool = False


@dataclass(kw_only=True)
class Asked:
    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: str
    remote: str = ""
    port: int = 0


Answer = Said | Callable[[Asked], Said]


class ScriptedExchange:
    """`answers` by `"METHOD host/path"` or `"host/path"`; the last entry that fits `*` is for everything else."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.answers: dict[str, Answer] = {}
        self.asked: list[Asked] = []

    def paths(self) -> list[str]:
        return [f"{asked.host}{asked.path}" for asked in self.asked]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        # What comes by way of a proxy names the whole address.
        target = request.raw_path.partition("?")[0].removeprefix(self.base)
        host, _, path = target.lstrip("/").partition("/")
        asked = Asked(
            method=request.method,
            host=host,
            path=f"/{path}",
            query=dict(request.query),
            headers=dict(request.headers),
            body=await request.text(),
            remote=request.remote or "",
            port=request.transport.get_extra_info("peername")[1] if request.transport else 0,
        )
        self.asked.append(asked)
        said = self._find(asked)
        if said.wait:
            await asyncio.sleep(said.wait)
        if said.drops:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return await _send(request, said)

    def _find(self, asked: Asked) -> Said:
        for name in (f"{asked.method} {asked.host}{asked.path}", f"{asked.host}{asked.path}", "*"):
            if name in self.answers:
                answer = self.answers[name]
                return answer(asked) if callable(answer) else answer
        return Said(status=404, json={"error": f"nothing is scripted for {asked.host}{asked.path}"})


async def _send(request: web.Request, said: Said) -> web.StreamResponse:
    text = said.raw if said.raw is not None else json.dumps(said.json)
    body = text.encode()
    response = web.StreamResponse(status=said.status, headers={"Content-Type": "application/json", **said.headers})
    response.content_length = len(body)
    await response.prepare(request)
    if said.cut is not None:
        await response.write(body[: said.cut])
        assert request.transport is not None
        request.transport.close()
        return response
    if said.seconds_a_byte:
        for byte in body:
            await response.write(bytes([byte]))
            await asyncio.sleep(said.seconds_a_byte)
        return response
    await response.write(body)
    return response


@contextmanager
def scripted_exchange() -> Iterator[ScriptedExchange]:
    """Serves on a loop and a thread of its own, so that a test may hang the loop it tests."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> tuple[web.AppRunner, ScriptedExchange]:
        exchange = ScriptedExchange("")
        app = web.Application()
        app.router.add_route("*", "/{anything:.*}", exchange.handle)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        exchange.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner, exchange

    runner, exchange = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield exchange
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
