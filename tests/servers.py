"""Servers of the tests' own, from the wheels; they end with the process that started them, however it ends."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from config.embedded import ports
from config.embedded.postgres import SHARED, place_for, postgres
from config.embedded.servers import running
from config.embedded.valkey import valkey

PREFIX = "alphapulse-test-"
PARENT = Path(tempfile.gettempdir())
# Root's PostgreSQL runs as another user, who may enter there.
POSTGRES_PARENT = SHARED if os.geteuid() == 0 else PARENT


@contextmanager
def redis_server() -> Iterator[str]:
    """The URL of an empty Redis-compatible server."""
    with _folder(PARENT) as folder:
        server = valkey(folder / "valkey", port=ports.choose_port(), password="test")
        with running(server, log=folder / "valkey.log", environment=os.environ) as url:
            yield url


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of an empty PostgreSQL that loses its data with the machine: fast."""
    with _folder(POSTGRES_PARENT) as folder:
        folder.chmod(0o755)
        place = place_for(folder / "postgres")
        server = postgres(place, port=ports.choose_port(), password="test", durable=False)
        with running(server, log=folder / "postgres.log", environment=os.environ) as url:
            yield url


@contextmanager
def _folder(parent: Path) -> Iterator[Path]:
    _sweep(parent)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Folders of test runs that were killed: their process is gone, and its servers with it."""
    for folder in parent.glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)) and _is_ours(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    try:
        return folder.stat().st_uid == os.geteuid()
    except FileNotFoundError:  # another test run sweeps as well
        return False
