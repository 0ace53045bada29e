"""Keeps services running: starts them, starts again what ended, stops all in order.

One thread, the main one: the death signal of a child is tied to the thread that spawned it.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from config.embedded import deathsig, leftovers, processes
from config.embedded.home import Home
from config.embedded.processes import Service, Stage

TICK = 0.1
LOG_CHECK = 30.0
SHOWN_LINES = 5  # of a child's log, when it ended
FOLLOW_UP_DELAY = 2.0  # until what was started again answers; too early is tried again


class StopRequested(Exception):
    """Ctrl-C, SIGTERM, or the end of make."""


class StepFailed(RuntimeError):
    """A step of the start ended with an error or took too long; the text shows its last lines."""


@dataclass(frozen=True)
class Backoff:
    """How long to wait before a service is started again: a crash loop slows down, a single end costs little."""

    first: float = 0.5
    most: float = 30.0
    steady: float = 30.0  # running this long makes the next end a first one again
    delay: float = 0.0

    def after_end(self, *, ran: float) -> "Backoff":
        fresh = self.delay == 0.0 or ran >= self.steady
        return replace(self, delay=self.first if fresh else min(self.delay * 2, self.most))


@dataclass
class Child:
    service: Service
    process: subprocess.Popen[bytes] | None
    started_at: float
    backoff: Backoff
    log_start: int = 0  # where in its log this run of it begins
    due_at: float = 0.0  # when it is to be started again, while `process` is None


class Supervisor:
    def __init__(
        self,
        home: Home,
        *,
        environment: Mapping[str, str],
        cwd: Path,
        say: Callable[[str], None],
        backoff: Backoff | None = None,
    ) -> None:
        self.home = home
        self.children: dict[str, Child] = {}
        self._environment = dict(environment)
        self._cwd = cwd
        self._say = say
        self._backoff = backoff or Backoff()
        self._signals = 0
        self._parent: int | None = None
        self._logs_checked_at = time.monotonic()
        self._follow_ups: dict[str, Service] = {}

    # Signals

    def catch_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def follow_parent(self, pid: int) -> None:
        """Stop in order when our parent has ended, however it ended."""
        self._parent = pid
        if not deathsig.follow(pid, signal.SIGTERM):
            self._signals += 1

    def _on_signal(self, number: int, frame: object) -> None:
        self._signals += 1

    # Running

    def start(self, service: Service) -> None:
        processes.bound_log(self._log(service.name))
        child = Child(service=service, process=None, started_at=0.0, backoff=self._backoff)
        self.children[service.name] = child
        self._spawn(child)

    def follow_up(self, name: str, service: Service) -> None:
        """Whenever `name` had to be started again, `service` is to run once (the sandbox forgets its accounts)."""
        self._follow_ups[name] = service

    def tend(self) -> None:
        """One round: who ended is noted, who is due is started again."""
        now = time.monotonic()
        for child in list(self.children.values()):
            if child.process is not None:
                self._notice_end(child, now)
        for child in [child for child in self.children.values() if child.process is None and now >= child.due_at]:
            self._start_again(child, now)
        if now - self._logs_checked_at >= LOG_CHECK:
            self._logs_checked_at = now
            for log in self.home.logs.glob("*.log"):
                processes.bound_log(log)

    def wait(self, what: str, condition: Callable[[], bool], *, timeout: float) -> None:
        """Tend the services until the condition holds."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() >= deadline:
                raise StepFailed(f"{what} took more than {timeout:.0f} s. The logs are in {self.home.logs}")
            self._tick()

    def run(
        self, name: str, argv: Sequence[str], *, extra: Mapping[str, str] | None = None, timeout: float = 300.0
    ) -> list[str]:
        """Run a command to its end, as a step of the start; the last lines it printed."""
        log = self._log(name)
        processes.bound_log(log)
        before = log.stat().st_size if log.exists() else 0
        environment = {**self._environment, **(extra or {})}
        step = processes.spawn(argv, log=log, environment=environment, cwd=self._cwd)
        try:
            self.wait(name, lambda: step.poll() is not None, timeout=timeout)
        finally:
            if step.poll() is None:
                step.kill()
                step.wait()
        lines = processes.last_lines(log, since=before)
        if step.returncode:
            shown = "".join(f"\n  {name} | {line}" for line in lines)
            raise StepFailed(f"{name} failed ({processes.how_it_ended(step.returncode)}):{shown}")
        return lines

    def run_until_stopped(self) -> None:
        try:
            while True:
                self._tick()
        except StopRequested:
            return

    def _tick(self) -> None:
        # Where the kernel does not tell us of our parent's end, its number does.
        if self._signals or (self._parent and os.getppid() != self._parent):
            raise StopRequested
        self.tend()
        time.sleep(TICK)

    def _notice_end(self, child: Child, now: float) -> None:
        assert child.process is not None
        code = child.process.poll()
        if code is None:
            return
        name = child.service.name
        child.process = None
        if child.service.once and code == 0:
            del self.children[name]
            leftovers.forget_pid(self.home.pids, name)
            return
        child.backoff = child.backoff.after_end(ran=now - child.started_at)
        child.due_at = now + child.backoff.delay
        for line in processes.last_lines(self._log(name), count=SHOWN_LINES, since=child.log_start):
            self._say(f"  {name} | {line}")
        ended = processes.how_it_ended(code)
        self._say(f"{name} ended ({ended}): starting it again in {child.backoff.delay:g} s")

    def _start_again(self, child: Child, now: float) -> None:
        self._spawn(child)
        follow_up = self._follow_ups.get(child.service.name)
        if follow_up is not None:
            self._drop(follow_up.name)
            self.children[follow_up.name] = Child(
                service=follow_up,
                process=None,
                started_at=now,
                backoff=self._backoff,
                due_at=now + FOLLOW_UP_DELAY,
            )

    def _drop(self, name: str) -> None:
        """A follow-up that still runs speaks to what has ended since."""
        child = self.children.pop(name, None)
        if child is not None and child.process is not None:
            child.process.kill()
            child.process.wait()

    def _spawn(self, child: Child) -> None:
        service = child.service
        log = self._log(service.name)
        child.log_start = log.stat().st_size if log.exists() else 0
        child.started_at = time.monotonic()
        child.process = processes.spawn(
            service.argv,
            log=log,
            environment={**self._environment, **service.environment},
            cwd=service.cwd or self._cwd,
            death_signal=service.death_signal,
            user=service.user,
            group=service.group,
        )
        leftovers.write_pid(self.home.pids, service.name, child.process.pid)

    def _log(self, name: str) -> Path:
        return self.home.logs / f"{name}.log"

    # Stopping

    def stop(self) -> None:
        """End all in order; whoever does not end in its grace is killed, after a second signal at once."""
        self._signals = min(self._signals, 1)
        for stage in sorted(Stage, reverse=True):
            members = [child for child in self.children.values() if child.service.stage is stage]
            self._stop_together(members)
        self.children.clear()

    def _stop_together(self, members: Sequence[Child]) -> None:
        running = [(c.service, c.process) for c in members if c.process and c.process.poll() is None]
        if running:
            self._say("stopping " + ", ".join(service.name for service, _ in running))
        for service, process in running:
            process.send_signal(service.stop_signal)
        begun = time.monotonic()
        for service, process in running:
            self._await_end(service, process, begun + service.grace)
        for child in members:
            leftovers.forget_pid(self.home.pids, child.service.name)

    def _await_end(self, service: Service, process: subprocess.Popen[bytes], deadline: float) -> None:
        while process.poll() is None and time.monotonic() < deadline and self._signals < 2:
            time.sleep(TICK / 2)
        if process.poll() is None:
            self._say(f"{service.name} did not end in time: killed")
            process.kill()
            process.wait()
