"""`make run` as a person starts it: in a home and on a port of its own."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Self

import psutil

from config.embedded import ports, services
from config.embedded.decisions import DECIDED, PASSED_ON
from config.embedded.processes import last_lines
from config.env import ROOT, read_file

# Of these, this test process has values of its own.
FOREIGN = {*DECIDED, *PASSED_ON, "DJANGO_SETTINGS_MODULE", "TEST_DATABASE_URL", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
# As `make run` names them: for tests that kill them.
WORKERS = tuple(name for name, _, _ in services.WORKERS)
START = 240.0
STOP = 40.0  # the graces of all stages together
SHOWN_LINES = 12  # of each log, in a failure's story
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever proxy the environment names


class MakeRun:
    def __init__(self, home: Path, *variables: str) -> None:
        self.home = home
        self.port = ports.choose_port()
        self.variables = variables
        self.output = home.with_name(f"{home.name}.output")
        self.make: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Whatever a failed test left."""
        for process in processes_of(self.home):
            process.kill()
        if self.make is not None:
            self.make.kill()
            self.make.wait()

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        return {**kept, "ALPHAPULSE_HOME": str(self.home)}

    @property
    def argv(self) -> list[str]:
        return ["make", "run", f"PORT={self.port}", f"PYTHON={sys.executable}", *self.variables]

    def start(self) -> Self:
        self._choose_sandbox_port()
        with self.output.open("wb") as output:
            self.make = subprocess.Popen(
                self.argv,
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self

    def _choose_sandbox_port(self) -> None:
        """As if it had been started there before: of two that start at once, both would take the usual port."""
        if not (self.home / "run.env").exists():
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            url = f"SANDBOX_URL=http://{ports.LOOPBACK}:{ports.choose_port()}\n"
            (self.home / "run.env").write_text(url, encoding="utf-8")

    def started(self) -> Self:
        self.start()
        self.until(lambda: any(line.startswith("ready") for line in self.lines), START, "ready")
        return self

    @property
    def lines(self) -> list[str]:
        return self.output.read_text(encoding="utf-8").splitlines() if self.output.exists() else []

    @property
    def settings(self) -> dict[str, str]:
        return read_file(self.home / "run.env")

    @property
    def supervisor(self) -> psutil.Process:
        return psutil.Process(int((self.home / "run.lock").read_text().split()[1].rstrip(",")))

    def pid(self, name: str) -> int | None:
        """Of a service, from its pid file."""
        try:
            return int((self.home / "pids" / name).read_text().split()[0])
        except (FileNotFoundError, IndexError):
            return None

    def press_ctrl_c(self) -> None:
        """The terminal sends it to the whole foreground group: make and the supervisor."""
        os.killpg(self.make.pid, signal.SIGINT)

    def command(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """What somebody types in another shell, who knows the home and nothing else."""
        return subprocess.run(
            [sys.executable, *argv],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def shell(self, statement: str) -> str:
        """What the statement printed; `m()` is the user model."""
        code = f"from django.contrib.auth import get_user_model as m; {statement}"
        done = self.command("manage.py", "shell", "-v", "0", "-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def status_of(self, path: str) -> int | None:
        try:
            with DIRECT.open(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as exc:
            return exc.code
        except OSError:
            return None

    def sandbox_accounts(self) -> dict[str, int]:
        """How many there are on each of the sandbox's exchanges."""
        try:
            with DIRECT.open(f"{self.settings['SANDBOX_URL']}/_sandbox/health", timeout=5) as answer:
                return json.load(answer)["accounts"]
        except OSError:
            return {}

    def workers_answer(self) -> bool:
        return self.command("-m", "config.embedded.ping", *WORKERS).returncode == 0

    def until(self, condition: Callable[[], bool], timeout: float, what: str) -> float:
        """Seconds until it was so. A failure tells how the system was."""
        begun = time.monotonic()
        while not self._holds(condition, what):
            assert self.make is None or self.make.poll() is None or what.startswith("ended"), self._story(what)
            assert time.monotonic() - begun < timeout, self._story(f"{what}: not within {timeout:g} s")
            time.sleep(0.1)
        return time.monotonic() - begun

    def _holds(self, condition: Callable[[], bool], what: str) -> bool:
        try:
            return condition()
        except Exception as problem:
            problem.add_note(self._story(what))
            raise

    def until_gone(self) -> float:
        return self.until(lambda: processes_of(self.home) == [], STOP, "ended: no process left")

    def _story(self, what: str) -> str:
        told = [what, *self.lines[-2 * SHOWN_LINES :]]
        for log in sorted(self.home.glob("logs/*.log")):
            told += [f"--- {log.name}", *(line[:300] for line in last_lines(log, count=SHOWN_LINES))]
        if (self.home / "run.env").exists():
            told += ["--- sync_status", self.command("manage.py", "sync_status").stdout]
        return "\n".join([*told, f"left: {[f'{process.pid} {process.name()}' for process in processes_of(self.home)]}"])


def processes_of(home: Path) -> list[psutil.Process]:
    """Every living process with this home in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get("ALPHAPULSE_HOME") == str(home)
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
