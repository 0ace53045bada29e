"""The HTTP server: `/<original-host>/<original-path>` to that host's face, `/_sandbox/...` to the control."""

import asyncio
import contextlib
import signal
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from types import FrameType

from aiohttp import web

from alphapulse.sandbox.config import SandboxConfig
from alphapulse.sandbox.control_http import control_routes
from alphapulse.sandbox.faults import Fault, FaultKind, Faults
from alphapulse.sandbox.hosts import hosts
from alphapulse.sandbox.journal import Journal, Record
from alphapulse.sandbox.state import StateFile, load_engine
from alphapulse.sandbox.wire import Call, Host, Reply

_MAX_BODY = 4 * 1024 * 1024
_SETTLE_EVERY_S = 5.0
_SAVE_EVERY_S = 1.0
_PAGE = (
    "<!DOCTYPE html><html><head><title>Under maintenance</title></head>"
    "<body><h1>We will be back soon</h1><p>The system is being upgraded.</p></body></html>"
)


class Sandbox:
    """The engine with a front door: finds the host, suffers the faults, writes the journal."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.engine = load_engine(config)
        self.hosts: dict[str, Host] = hosts(self.engine)
        self.faults = Faults()
        self.journal = Journal(config.kept_requests)
        self.state = StateFile(config.state, self.engine) if config.state else None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        began = time.perf_counter()
        call = await self._call(request)
        host = self.hosts.get(call.host)
        if host is None:
            return web.json_response({"error": f"the sandbox does not know the host {call.host!r}"}, status=404)
        record = self._record(host, call)
        faults = self.faults.take(call, record.key, record.account, call.now_ms)
        record.fault = ",".join(fault.kind for fault in faults)
        try:
            response = await self._suffer(request, host, call, faults, record)
            record.status = response.status
            return response
        except _Dropped:
            _reset(request)
            return web.Response(status=500)
        finally:
            record.took_ms = round((time.perf_counter() - began) * 1000, 3)

    async def _call(self, request: web.Request) -> Call:
        target, _, query = request.raw_path.partition("?")
        _, host, path = [*target.split("/", 2), "", ""][:3]
        body = await request.read() if request.can_read_body else b""
        remote = request.remote or ""
        now_ms = self.engine.clock.wall_ms()
        return Call(request.method, host, "/" + path, query, body, request.headers, remote, now_ms)

    def _record(self, host: Host, call: Call) -> Record:
        key = host.api_key(call)
        found = self.engine.exchanges[host.exchange_id].find_key(key) if key else None
        record = Record(
            id=self.journal.next_id(),
            at_ms=call.now_ms,
            host=call.host,
            method=call.method,
            path=call.path,
            params=call.params,
            key=key,
            account=found[0].name if found else "",
            remote=call.remote,
        )
        self.journal.add(record)
        return record

    async def _suffer(
        self, request: web.Request, host: Host, call: Call, faults: list[Fault], record: Record
    ) -> web.StreamResponse:
        ending = None
        for fault in faults:
            if fault.kind is FaultKind.LATENCY:
                await asyncio.sleep(fault.seconds)
            elif fault.kind is FaultKind.CLOCK:
                call.now_ms += fault.offset_ms
            else:
                ending = fault
        early = await self._instead(request, host, call, ending) if ending else None
        if early is not None:
            return early
        reply = host.handle(call)
        record.code = reply.code
        return await self._spoilt(request, ending, reply) if ending else _response(reply)

    async def _instead(self, request: web.Request, host: Host, call: Call, fault: Fault) -> web.StreamResponse | None:
        """The answer of a fault that keeps the request from being done."""
        match fault.kind:
            case FaultKind.STATUS:
                return _response(_said(fault))
            case FaultKind.HTML:
                page = (fault.body or _PAGE).encode()
                return _response(Reply(page, fault.status or 200, dict(fault.headers), "text/html; charset=utf-8"))
            case FaultKind.HANG:
                await self._hang(request, fault)
            case FaultKind.RESET:
                raise _Dropped
            case FaultKind.BAN:
                return _response(host.banned(call, fault.until_ms or call.now_ms))
            case FaultKind.MAINTENANCE:
                return _response(host.maintenance(call))
        return None

    async def _spoilt(self, request: web.Request, fault: Fault, reply: Reply) -> web.StreamResponse:
        """The answer of a fault that lets the request be done first."""
        match fault.kind:
            case FaultKind.ACCEPT_THEN_DROP:
                raise _Dropped
            case FaultKind.ACCEPT_THEN_STATUS:
                return _response(_said(fault))
            case FaultKind.ACCEPT_THEN_HANG:
                await self._hang(request, fault)
            case FaultKind.TRUNCATE:
                return await _truncated(request, reply)
            case FaultKind.DRIP:
                return await self._drip(request, fault, reply)
        return _response(reply)

    async def _hang(self, request: web.Request, fault: Fault) -> None:
        while not fault.is_cleared and _is_connected(request):
            await asyncio.sleep(0.05)
        raise _Dropped

    async def _drip(self, request: web.Request, fault: Fault, reply: Reply) -> web.StreamResponse:
        body = reply.encoded()
        response = web.StreamResponse(status=reply.status, headers=_headers(reply))
        response.content_length = len(body)
        await response.prepare(request)
        for index in range(len(body)):
            if fault.is_cleared or not _is_connected(request):
                raise _Dropped
            await response.write(body[index : index + 1])
            await asyncio.sleep(fault.seconds or 1.0)
        return response

    async def background(self) -> None:
        """Fill what rests, wake what sleeps, save what changed: also while nobody asks."""
        settled = saved = time.monotonic()
        try:
            while True:
                await asyncio.sleep(0.5)
                now = time.monotonic()
                if now - settled > _SETTLE_EVERY_S:
                    self.engine.settle_all()
                    settled = now
                if self.state and now - saved > max(_SAVE_EVERY_S, 20 * self.state.took_s):
                    self.state.save_if_changed()
                    saved = now
        finally:
            if self.state:
                self.state.save_if_changed()


class _Dropped(Exception):
    """No answer: the connection is to be reset."""


def _said(fault: Fault) -> Reply:
    reply = Reply((fault.body or "{}").encode(), fault.status or 500, dict(fault.headers))
    if fault.body.startswith("<"):
        reply.content_type = "text/html; charset=utf-8"
    return reply


def _response(reply: Reply) -> web.Response:
    return web.Response(body=reply.encoded(), status=reply.status, headers=_headers(reply))


def _headers(reply: Reply) -> dict[str, str]:
    return {"Content-Type": reply.content_type, **reply.headers}


async def _truncated(request: web.Request, reply: Reply) -> web.StreamResponse:
    """Half of a body whose whole length was promised."""
    body = reply.encoded()
    response = web.StreamResponse(status=reply.status, headers=_headers(reply))
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def _is_connected(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


def _reset(request: web.Request) -> None:
    """Lingering for zero seconds makes the kernel send RST rather than an orderly end."""
    transport = request.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


SANDBOX = web.AppKey("sandbox", Sandbox)


def create_app(config: SandboxConfig) -> web.Application:
    sandbox = Sandbox(config)
    app = web.Application(client_max_size=_MAX_BODY)
    app[SANDBOX] = sandbox
    app.add_routes(control_routes(sandbox.engine, sandbox.hosts, sandbox.faults, sandbox.journal))
    app.router.add_route("*", "/{target:.*}", sandbox.answer)
    app.cleanup_ctx.append(_background)
    return app


async def _background(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(app[SANDBOX].background())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def serve(config: SandboxConfig, *, on_ready: Callable[[int], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT. `on_ready` gets the port (of use when 0 was asked for)."""
    runner = await start(config)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stopping.set)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if on_ready is not None:
        on_ready(port_of(runner))
    await stopping.wait()
    await runner.cleanup()


async def start(config: SandboxConfig) -> web.AppRunner:
    """A listening server; `await runner.cleanup()` ends it. Raises OSError when the port is taken."""
    runner = web.AppRunner(create_app(config), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, config.bind, config.port, backlog=1024).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner


def port_of(runner: web.AppRunner) -> int:
    address = runner.addresses[0]
    return int(address[1])


def run(config: SandboxConfig, *, on_ready: Callable[[int], None] | None = None) -> None:
    asyncio.run(serve(config, on_ready=on_ready))
