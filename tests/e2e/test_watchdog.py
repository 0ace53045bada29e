"""The watchdog of `make run`: it sees beat stop, says so, and says when it is over."""

import json
import os
import signal
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from .make_run import DIRECT, MakeRun

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(900)]

# Against hanging. It is told after 3 missed heartbeats of 10 s and a look, over after one, 20 s of quiet and a look.
PATIENCE = 120.0
# An access token lasts five minutes.
FRESH = 240.0


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("watchdog")
    with MakeRun(folder / "home") as run:
        yield run.started()
        if run.make.poll() is None:
            run.press_ctrl_c()
            run.until_gone()


def ask(url: str, body: dict | None = None, token: str = "") -> dict:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, data=body and json.dumps(body).encode(), headers=headers)
    with DIRECT.open(request, timeout=60) as answer:
        return json.load(answer)


class Staff:
    """The demo user over REST."""

    def __init__(self, run: MakeRun) -> None:
        self.site = f"http://127.0.0.1:{run.port}"
        password = next(line.split()[1] for line in run.lines if line.startswith("password: "))
        self.tokens = ask(f"{self.site}/api/user/login", {"username": "demo", "password": password})
        self.until = time.monotonic() + FRESH

    def events(self) -> list[str]:
        if time.monotonic() > self.until:
            self.tokens = ask(f"{self.site}/api/user/refresh", {"refresh": self.tokens["refresh"]})
            self.until = time.monotonic() + FRESH
        return [event["kind"] for event in ask(f"{self.site}/api/system/status", token=self.tokens["access"])["events"]]


def test_a_beat_that_stands_still_is_told_and_is_over_when_it_goes_on(running):
    staff, beat = Staff(running), running.pid("beat")
    os.kill(beat, signal.SIGSTOP)
    try:
        told = running.until(lambda: "beat_silent" in staff.events(), PATIENCE, "the event")
        status = running.command("manage.py", "sync_status").stdout.splitlines()[0]
        assert "ops events are open:" in status
        assert "beat is silent: beat" in status
    finally:
        os.kill(beat, signal.SIGCONT)
    over = running.until(lambda: staff.events() == [], PATIENCE, "its end")
    print(f"told after {told:.0f} s, over after {over:.0f} s")
    log = (running.home / "logs" / "watchdog.log").read_text()
    assert log.count("opened: beat is silent") == 1
    assert log.count("closed: beat is silent") == 1


def test_the_watchdog_is_small_and_is_started_again_when_it_is_killed(running):
    watchdog = psutil.Process(running.pid("watchdog"))
    used = watchdog.memory_info().rss
    print(f"{used / 1e6:.0f} MB")
    assert used < 100_000_000
    watchdog.kill()
    running.until(lambda: running.pid("watchdog") not in {None, watchdog.pid}, PATIENCE, "started again")
