"""The sandbox as a process of its own: how it starts, ends, and what a kill leaves."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from alphapulse.sandbox.testing import SandboxControl

SCRIPT = """
import sys
from pathlib import Path
from alphapulse.sandbox.config import SandboxConfig
from alphapulse.sandbox.server import run

run(SandboxConfig(port=0, markets=20, state=Path(sys.argv[1])), on_ready=lambda port: print(port, flush=True))
"""


@contextmanager
def process(state: Path) -> Iterator[tuple["subprocess.Popen[str]", SandboxControl]]:
    with subprocess.Popen([sys.executable, "-c", SCRIPT, str(state)], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield running, SandboxControl(f"http://127.0.0.1:{int(running.stdout.readline())}")
        finally:
            running.kill()


def wait_for(path: Path, text: bytes) -> None:
    until = time.monotonic() + 10
    while not (path.exists() and text in path.read_bytes()):
        assert time.monotonic() < until, "nothing was saved"
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_and_in_order_when_told_to(tmp_path: Path, number: signal.Signals):
    with process(tmp_path / "state.json") as (running, control):
        control.create_account("binance", name="main")
        running.send_signal(number)

        assert running.wait(5) == 0
    assert b"main" in (tmp_path / "state.json").read_bytes()


def test_a_kill_loses_no_more_than_the_last_moments(tmp_path: Path):
    state = tmp_path / "state.json"
    with process(state) as (running, control):
        credentials = control.create_account("binance", name="main", holdings={"BTC": "2"})
        wait_for(state, b"main")
        running.kill()
    with process(state) as (_running, control):
        again = control.create_account("binance", api_key=credentials.api_key)

        assert again == credentials
        assert control.account("binance", "main")["balances"]["spot"]["BTC"]["free"] == "2"
