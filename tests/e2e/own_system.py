"""AlphaPulse as processes of a test's own: a home, a database, a Redis-compatible server, a worker; no supervisor."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from apps.core.encryption import new_key
from config.embedded import deathsig
from config.env import ROOT
from config.schedule import QUEUES
from tests.servers import redis_server

PATIENCE = 180.0  # against hanging: two slow cores start a process in ten seconds
PASSWORD = "a-password-of-a-test"
INHERITED = ("PATH", "LANG", "HOME", "TMPDIR", "VIRTUAL_ENV")


class OwnSystem:
    def __init__(self, home: Path, redis_url: str, **settings: str) -> None:
        self.home = home
        self.redis_url = redis_url
        self.worker_log = home / "worker.log"
        self.processes: list[subprocess.Popen[bytes]] = []
        written = {
            "SECRET_KEY": "only-for-a-test-" + "x" * 50,
            "CREDENTIAL_KEYS": new_key("test"),
            "AUDIT_SEAL_KEYS": new_key("seal"),
            "HTTPS": "false",
            "REDIS_URL": redis_url,
        }
        lines = [f"{name}={value}" for name, value in (written | settings).items()]
        (home / "run.env").write_text("\n".join(lines) + "\n")

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
        return {**kept, "ALPHAPULSE_HOME": str(self.home), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}

    @property
    def database(self) -> Path:
        return self.home / "alphapulse.sqlite3"

    def run(self, *argv: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        """What somebody types in a shell."""
        return subprocess.run(
            [sys.executable, *argv],
            cwd=ROOT,
            env=self.environment | variables,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * PATIENCE,
        )

    def manage(self, *argv: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return self.run("manage.py", *argv, stdin=stdin, **variables)

    def prepare(self) -> None:
        """The tables, and the user `demo` with the test's password."""
        for command in (["migrate", "-v", "0"], ["demo", "--user-only"]):
            done = self.manage(*command, DEMO_PASSWORD=PASSWORD)
            assert done.returncode == 0, done.stderr

    @contextmanager
    def workers(self, *celery: str) -> Iterator[None]:
        """A worker of all queues, and beat; killed at the end, as by a machine that goes down."""
        program = celery or ("-m", "celery", "-A", "config")
        worker = ["worker", "-Q", ",".join(QUEUES), "-P", "threads", "-c", "8", "-E", "--loglevel", "DEBUG"]
        beat = ["beat", "-s", str(self.home / "beat-schedule"), "--loglevel", "DEBUG"]
        with self._process(*program, *worker), self._process(*program, *beat):
            self.until(lambda: self.run("-m", "celery", "-A", "config", "inspect", "ping").returncode == 0, "a worker")
            yield

    @contextmanager
    def _process(self, *argv: str) -> Iterator[None]:
        with self.worker_log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *argv],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=deathsig.in_child(signal.SIGKILL),
            )
        self.processes.append(process)
        try:
            yield
        finally:
            self.processes.remove(process)
            process.kill()
            process.wait()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        begun = time.monotonic()
        while not condition():
            story = self.worker_log.read_text(errors="replace")[-3000:] if self.worker_log.exists() else ""
            assert time.monotonic() - begun < PATIENCE, f"{what} took too long\n{story}"
            time.sleep(0.1)


@contextmanager
def own_system(home: Path, **settings: str) -> Iterator[OwnSystem]:
    with redis_server() as redis_url:
        system = OwnSystem(home, redis_url, **settings)
        system.prepare()
        yield system
