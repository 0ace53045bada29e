"""What the embedded servers have in common."""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.embedded import processes
from config.embedded.processes import Service


class ServerFailed(RuntimeError):
    """An embedded server could not be started; the text shows what it said."""


@dataclass(frozen=True, kw_only=True)
class Server:
    service: Service
    url: str
    answers: Callable[[], bool]
    data: Path


@contextmanager
def running(server: Server, *, log: Path, environment: Mapping[str, str], timeout: float = 120.0) -> Iterator[str]:
    """The server without a supervisor, for tests: its URL while the block runs. It ends with this process."""
    service = server.service
    process = processes.spawn(
        service.argv,
        log=log,
        environment={**environment, **service.environment},
        death_signal=service.death_signal,
        user=service.user,
        group=service.group,
        cwd=service.cwd,
    )
    try:
        deadline = time.monotonic() + timeout
        while not server.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerFailed("\n".join([f"{service.name} did not start:", *processes.last_lines(log)]))
            time.sleep(0.02)
        yield server.url
    finally:
        process.send_signal(service.stop_signal)
        try:
            process.wait(service.grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
