"""The recorded exchange answers, and the server that replays them: outside of this repository, found by a variable."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from config.embedded import ports

FOLDER = Path(os.environ.get("ALPHAPULSE_RECORDED") or "/nonexistent")


def required() -> None:
    """Skips, with one loud line, where there are no recordings: CI has them, and fails without."""
    if not FOLDER.is_dir():
        pytest.skip("THE RECORDED ANSWERS ARE NOT CHECKED: ALPHAPULSE_RECORDED names no folder")


def case(name: str) -> dict:
    return json.loads((FOLDER / "cases" / name / "case.json").read_text())


def expected(name: str) -> dict:
    return json.loads((FOLDER / "cases" / name / "expected.json").read_text())


def venue(exchange_id: str, name: str) -> Any:
    return json.loads((FOLDER / "venues" / exchange_id / f"{name}.json").read_text())


@contextmanager
def replayed(*options: str) -> Iterator[str]:
    """The base URL of a running replay server. `--shift now`: what was recorded happens as if it were today."""
    port = ports.choose_port()
    command = [sys.executable, str(FOLDER / "replay" / "server.py"), "--port", str(port), "--all", "--keys", "strict"]
    command += options
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        base = f"http://127.0.0.1:{port}"
        try:
            _wait(f"{base}/__control/status", server)
            yield base
        finally:
            server.terminate()


def _wait(url: str, server: subprocess.Popen) -> None:
    for _ in range(200):
        assert server.poll() is None, "the replay server ended"
        try:
            urllib.request.urlopen(url, timeout=1).read()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"{url} did not answer")
