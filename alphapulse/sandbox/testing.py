"""The sandbox inside a test process: a server on a free port in a thread, and its control as methods.

    with SandboxServer(markets=100) as sandbox:
        account = sandbox.create_account("binance", holdings={"USDT": "1000"})
        client = ccxt.binance({"apiKey": account.api_key, "secret": account.secret})
        sandbox.point(client)                                       # every URL leads here now
        sandbox.fault("status", host="api.binance.com", status=502, count=2)
        sandbox.requests(path="/api/v3/account")[-1]["status"]

Nothing here is private to tests: every method is one call of `/_sandbox/`, documented in README.md.
"""

import asyncio
import threading
from types import TracebackType
from typing import Any, Self

from alphapulse.sandbox.config import SandboxConfig
from alphapulse.sandbox.control_client import ControlRefused, Credentials, SandboxControl
from alphapulse.sandbox.server import port_of, start

__all__ = ["ControlRefused", "Credentials", "SandboxControl", "SandboxServer"]


class SandboxServer(SandboxControl):
    """A sandbox in a thread of this process, until the `with` block ends."""

    def __init__(self, **config: Any) -> None:
        """Takes the fields of `SandboxConfig`; the port is a free one and there are few markets, unless said."""
        self.config = SandboxConfig(**({"port": 0, "markets": 60, "seed": 1} | config))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._ready = threading.Event()
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None
        super().__init__("")

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(30)
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(30)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except (OSError, ValueError) as error:  # a busy port, bad candle files: the starter's to know
            self._failure = error
        finally:
            self._ready.set()
            self._loop.close()

    async def _serve(self) -> None:
        runner = await start(self.config)
        self.url = f"http://{self.config.bind}:{port_of(runner)}"
        self._ready.set()
        await self._stopping.wait()
        await runner.cleanup()
