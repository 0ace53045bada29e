"""The supervisor over tiny commands; the real processes are in tests/e2e/test_run.py."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from config.embedded import deathsig, leftovers, processes
from config.embedded.home import Home
from config.embedded.processes import Stage
from config.embedded.supervisor import Backoff, StepFailed, StopRequested, Supervisor

from .conftest import python, until

SLEEP = "import time; time.sleep(60)"
# Tells when it is ready to be asked, and in which order it was.
POLITE = """
import pathlib, signal, sys, time
def end(*_):
    with open({order!r}, "a") as file: file.write({name!r} + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
pathlib.Path({ready!r}).touch()
time.sleep(60)
"""
DEAF = """
import pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path({ready!r}).touch()
time.sleep(60)
"""
CHATTY = """
import time
for _ in range(999):
    print("x" * 100, flush=True)
    time.sleep(0.01)
"""


def pid_of(supervisor: Supervisor, name: str) -> int | None:
    process = supervisor.children[name].process
    return process.pid if process else None


@pytest.mark.parametrize("status", [0, 1, 77])
def test_a_child_that_ends_is_started_again_whatever_its_exit_status(supervisor, said, status):
    supervisor.start(python("short", f"import sys; sys.exit({status})"))
    first = pid_of(supervisor, "short")
    until(lambda: pid_of(supervisor, "short") not in {None, first}, supervisor)
    assert f"short ended (exit status {status}): starting it again in 0.05 s" in said


def test_a_killed_child_is_started_again(supervisor, said):
    supervisor.start(python("long", SLEEP))
    first = pid_of(supervisor, "long")
    os.kill(first, signal.SIGKILL)
    until(lambda: pid_of(supervisor, "long") not in {None, first}, supervisor)
    assert any("long ended (SIGKILL)" in line for line in said)


def test_what_a_child_said_last_is_shown_when_it_ends(supervisor, said):
    supervisor.start(python("loud", "print('the disk is full'); raise SystemExit(3)"))
    until(lambda: any("loud | the disk is full" in line for line in said), supervisor)


def test_a_crash_loop_slows_down_to_a_cap_and_a_steady_run_forgives():
    backoff = Backoff(first=0.5, most=4.0, steady=30.0)
    delays = []
    for _ in range(6):
        backoff = backoff.after_end(ran=0.1)
        delays.append(backoff.delay)
    assert delays == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]
    assert backoff.after_end(ran=31.0).delay == 0.5


def test_children_end_from_the_last_stage_to_the_first(supervisor, home, tmp_path):
    order = tmp_path / "order"
    names = {"server": Stage.SERVERS, "web": Stage.WEB, "worker": Stage.WORKERS, "beat": Stage.BEAT}
    for name, stage in names.items():
        code = POLITE.format(order=str(order), name=name, ready=str(tmp_path / name))
        supervisor.start(python(name, code, stage=stage))
    until(lambda: all((tmp_path / name).exists() for name in names), supervisor)
    supervisor.stop()
    assert order.read_text().split() == ["beat", "worker", "web", "server"]
    assert list(home.pids.iterdir()) == []


def test_a_child_that_ignores_sigterm_is_killed_after_its_grace(supervisor, said, tmp_path):
    ready = tmp_path / "ready"
    supervisor.start(python("deaf", DEAF.format(ready=str(ready)), grace=0.3))
    until(ready.exists, supervisor)
    process = supervisor.children["deaf"].process
    begun = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - begun >= 0.3
    assert process.returncode == -signal.SIGKILL
    assert "deaf did not end in time: killed" in said


def test_sigterm_stops_the_start_where_it_is(supervisor):
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        supervisor.catch_signals()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(StopRequested):
            supervisor.wait("the impossible", lambda: False, timeout=5.0)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def test_a_step_that_fails_says_what_it_said(supervisor):
    with pytest.raises(StepFailed, match=r"(?s)migrate failed \(exit status 2\).*no such table"):
        supervisor.run("migrate", [sys.executable, "-c", "print('no such table'); raise SystemExit(2)"])


def test_a_step_that_takes_too_long_is_ended(supervisor):
    with pytest.raises(StepFailed, match="demo took more than 0 s"):
        supervisor.run("demo", [sys.executable, "-c", SLEEP], timeout=0.2)
    assert not any(SLEEP in child.cmdline() for child in psutil.Process().children())


def test_a_step_gives_the_lines_of_this_run_only(supervisor):
    supervisor.run("demo", [sys.executable, "-c", "print('first')"])
    assert supervisor.run("demo", [sys.executable, "-c", "print('second')"]) == ["second"]


def test_services_are_tended_while_a_step_runs(supervisor):
    supervisor.start(python("long", SLEEP))
    first = pid_of(supervisor, "long")
    os.kill(first, signal.SIGKILL)
    supervisor.run("step", [sys.executable, "-c", "import time; time.sleep(1)"])
    assert pid_of(supervisor, "long") not in {None, first}


def test_what_follows_a_restart_is_run_once_and_again_until_it_succeeds(supervisor, home, monkeypatch, tmp_path):
    monkeypatch.setattr("config.embedded.supervisor.FOLLOW_UP_DELAY", 0.0)
    runs = tmp_path / "runs"
    code = f"import sys; f = open({str(runs)!r}, 'a+'); f.write('x'); f.seek(0); sys.exit(len(f.read()) < 2)"
    supervisor.follow_up("sandbox", replace(python("demo", code), once=True))
    supervisor.start(python("sandbox", SLEEP))
    os.kill(pid_of(supervisor, "sandbox"), signal.SIGKILL)
    until(lambda: "demo" in supervisor.children, supervisor)
    until(lambda: "demo" not in supervisor.children, supervisor)
    assert runs.read_text() == "xx"
    assert [file.name for file in home.pids.iterdir()] == ["sandbox"]


def test_a_log_that_grew_too_long_moves_aside_while_its_writer_goes_on(supervisor, home):
    supervisor.start(python("chatty", CHATTY))
    log = home.logs / "chatty.log"
    until(lambda: log.exists() and log.stat().st_size > 2_000, supervisor)
    processes.bound_log(log, limit=2_000)
    assert (home.logs / "chatty.log.1").stat().st_size > 2_000
    until(lambda: log.stat().st_size > 0, supervisor)
    assert log.read_bytes().startswith(b"x")  # from the new beginning on, with no hole before it


PARENT = """
import os, sys, time
from pathlib import Path
from config.embedded import deathsig, leftovers, processes
from config.embedded.home import Home
from config.embedded.processes import Service, Stage
from config.embedded.supervisor import Supervisor
home = Home(Path(sys.argv[1])); home.prepare()
supervisor = Supervisor(home, environment=os.environ, cwd=home.path, say=print)
supervisor.start(Service(name="child", argv=[sys.executable, "-c", {code!r}], stage=Stage.WEB))
print(supervisor.children["child"].process.pid, flush=True)
time.sleep(60)
"""


def test_a_killed_supervisor_leaves_no_child(tmp_path):
    child = _child_of_a_parent_that_is_killed(tmp_path / "home")
    if not deathsig.IS_SUPPORTED:
        leftovers.end_leftovers(tmp_path / "home" / "pids")  # what the next start does
    until(lambda: not _runs(child))


def _child_of_a_parent_that_is_killed(home: Path) -> int:
    script = textwrap.dedent(PARENT).format(code=SLEEP)
    command = [sys.executable, "-c", script, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        assert _runs(child)
        parent.kill()
    return child


def _runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_what_a_killed_supervisor_left_is_ended_by_the_next_start_but_not_a_stranger(home: Home, tmp_path):
    ours, stranger = (subprocess.Popen([sys.executable, "-c", SLEEP]) for _ in range(2))
    try:
        leftovers.write_pid(home.pids, "web", ours.pid)
        # A number that somebody else got since: the time of its start tells.
        (home.pids / "beat").write_text(f"{stranger.pid} 1000000000.0\n")
        assert leftovers.end_leftovers(home.pids) == ["web"]
        assert not _runs(ours.pid)
        assert _runs(stranger.pid)
    finally:
        for process in (ours, stranger):
            process.kill()
            process.wait()
