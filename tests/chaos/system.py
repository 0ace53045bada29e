"""The embedded system, whole, in a home of its own: how it is started, and what may be done to its processes."""

import json
import os
import re
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import redis
from django.db import Error, connection, connections

from alphapulse.sandbox.testing import SandboxControl
from apps.sync.models import SyncState
from config.celery import app
from config.database import database
from config.embedded import processes, services
from config.embedded.postgres import place_for
from tests.chaos.proxy import Proxy
from tests.chaos.scenario import Broken, Where
from tests.e2e.make_run import MakeRun
from tests.servers import redis_server

WORKERS = tuple(name for name, _, _ in services.WORKERS)
SYNC_WORKERS = tuple(name for name, queue, _ in services.WORKERS if queue == "sync")
# Live accounts of these have a gateway that swallows everything.
BLACK_HOLES = ("kraken", "okx", "kucoin")
COMPLAINT = re.compile(r"WARNING|ERROR|CRITICAL|Error|Exception")


class System(MakeRun):
    def __init__(self, home: Path, where: Where, *, egresses: int = 0) -> None:
        """`egresses`: so many ways out, each with an IP of its own: `ip1`, `ip2` ..."""
        super().__init__(home)
        self.where = where
        self._stack = ExitStack()
        self.black_hole = self._stack.enter_context(Proxy())
        self.proxy: Proxy | None = None
        self.redis_url = ""
        self.password = ""
        self.egresses = {f"ip{n}": {"local_address": f"127.0.1.{n}"} for n in range(1, egresses + 1)}

    @property
    def argv(self) -> list[str]:
        db = "postgres" if self.where is Where.POSTGRES else "sqlite"
        command = [sys.executable, "-m", "config.embedded", "--db", db, "--port", str(self.port)]
        return [*command, "--parent", str(os.getpid())]

    @property
    def environment(self) -> dict[str, str]:
        hole = f"http://127.0.0.1:{self.black_hole.port}"
        ours = {name: os.environ[name] for name in ("SECRET_KEY", "CREDENTIAL_KEYS", "AUDIT_SEAL_KEYS")}
        ours["EXCHANGE_GATEWAYS"] = json.dumps(dict.fromkeys(BLACK_HOLES, hole))
        ours["EGRESSES"] = json.dumps(self.egresses)
        ours["RATE_LIMIT_FACTOR"] = "1000"  # visitors read as fast as they can
        if self.proxy is not None:
            ours["REDIS_URL"] = self.redis_url.replace(f":{urlsplit(self.redis_url).port}", f":{self.proxy.port}")
        return super().environment | ours

    # --- Start and end --------------------------------------------------------------------------------------------

    def bring_up(self) -> None:
        """Started; this process's ORM speaks to it from now on."""
        if self.where is Where.PROXIED:
            self.redis_url = self._stack.enter_context(redis_server())
            self.proxy = self._stack.enter_context(Proxy(("127.0.0.1", urlsplit(self.redis_url).port or 0)))
        self.started()
        self.redis_url = self.redis_url or self.settings["REDIS_URL"]
        self.password = next(line.split()[1] for line in self.lines if line.startswith("password:"))
        self._use_database()

    def stop(self) -> None:
        connections["default"].close()
        if self.make is not None and self.make.poll() is None:
            self.make.send_signal(signal.SIGTERM)
            self.make.wait(60)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """All of it but its database on the disk; started again at the end of the block."""
        self.stop()
        yield
        self.started()

    def __exit__(self, *_: object) -> None:
        self.stop()
        super().__exit__()
        self._stack.close()
        if self.where is Where.POSTGRES:
            shutil.rmtree(place_for(self.home / "postgres").folder, ignore_errors=True)

    def _use_database(self) -> None:
        url = self.settings.get("DATABASE_URL") or f"sqlite:///{self.home / 'alphapulse.sqlite3'}"
        connections["default"].close()
        connections.settings["default"] |= database(url)
        del connections["default"]

    # --- Its processes --------------------------------------------------------------------------------------------

    def kill(self, *names: str, number: signal.Signals = signal.SIGKILL) -> float:
        """The moment of it."""
        for name in names:
            pid = self.pid(name)
            assert pid is not None, f"{name} does not run"
            os.kill(pid, number)
        return time.monotonic()

    @contextmanager
    def suspended(self, *names: str) -> Iterator[None]:
        with ExitStack() as asleep:
            for name in names:
                asleep.enter_context(self._suspended(self.pid(name) or 0))
            yield

    @contextmanager
    def _suspended(self, pid: int) -> Iterator[None]:
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def process(self, *argv: str, **variables: str) -> Iterator[psutil.Process]:
        """One more process of the same system."""
        log = self.home / "logs" / "more.log"
        spawned = processes.spawn([sys.executable, *argv], log=log, environment=self.environment | variables)
        try:
            yield psutil.Process(spawned.pid)
        finally:
            spawned.kill()
            spawned.wait()

    # --- Doors ----------------------------------------------------------------------------------------------------

    @property
    def sandbox(self) -> SandboxControl:
        return SandboxControl(self.settings["SANDBOX_URL"])

    @property
    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis_url, socket_timeout=5)

    def send(self, task: str, **kwargs: Any) -> None:
        """A message of ours into the system's queues."""
        with app.connection_for_write(self.redis_url) as connection:
            app.send_task(task, kwargs=kwargs, connection=connection)

    def done_by(self, worker: str) -> dict[str, int]:
        """How many tasks of each name the worker has begun; empty while it does not answer."""
        told = self.command("-m", "celery", "-A", "config", "inspect", "stats", "--json", "--timeout", "3").stdout
        stats = json.loads(told[told.index("{") :]) if "{" in told else {}
        return next((each["total"] for name, each in stats.items() if name.startswith(f"{worker}@")), {})

    def database_answers(self) -> bool:
        """By a connection of our own that is new."""
        connection.close()
        try:
            connection.ensure_connection()
        except Error:
            return False
        return True

    @contextmanager
    def nobody_may_write(self) -> Iterator[None]:
        """SQLite's one writer is us."""
        assert self.where is not Where.POSTGRES
        with closing(sqlite3.connect(self.home / "alphapulse.sqlite3", timeout=20, isolation_level=None)) as lock:
            lock.execute("BEGIN IMMEDIATE")
            yield
            lock.execute("ROLLBACK")

    # --- What it says ---------------------------------------------------------------------------------------------

    def until(self, condition: Callable[[], Any], timeout: float, what: str, *, of: Iterable[SyncState] = ()) -> float:
        """How many seconds it took. `of` are the states that it is about, for who wants to know why not."""
        begun = time.monotonic()
        while not condition():
            if time.monotonic() - begun > timeout:
                lines = [f"{each}: {each.error_kind} {each.error} due {each.due_at}" for each in list(of)[:5]]
                raise Broken(f"{what}: not within {timeout:g} s; {'; '.join(lines)}")
            if self.make is not None and self.make.poll() is not None:
                raise Broken(f"{what}: the supervisor ended")
            time.sleep(0.1)
        return time.monotonic() - begun

    def logs_that_say(self, words: str) -> list[str]:
        """Their names, those of what was moved aside included."""
        logs = sorted((self.home / "logs").glob("*.log*"))
        return [log.name for log in logs if words in log.read_text(errors="replace")]

    def story(self) -> str:
        """What the logs complained of last, for who wants to know why."""
        told = []
        for log in sorted((self.home / "logs").glob("*.log")):
            lines = [line[:400] for line in processes.last_lines(log, count=2000) if COMPLAINT.search(line)]
            told += [f"--- {log.name}", *lines[-8:]] if lines else []
        return "\n".join(told)
