"""A supervisor over tiny commands, in a home of its own; and an API from which nothing leaves."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alphapulse.types import KeyReport
from apps.exchanges import keys
from apps.portfolio import tasks as portfolio_tasks
from apps.sync import tasks as sync_tasks
from apps.system.services import remote
from config.embedded.home import Home
from config.embedded.processes import Service, Stage
from config.embedded.supervisor import Backoff, Supervisor

REPORT = KeyReport(
    wallets=("spot",),
    wallets_not_permitted=(),
    can_trade=True,
    can_withdraw=False,
    ip_restricted=None,
    expires_at=None,
    warnings=(),
)


@pytest.fixture
def nothing_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """For an exchange, a broker or a worker: keys are good, messages arrive, and nobody is at work."""
    monkeypatch.setattr(keys, "check", lambda _account: REPORT)
    monkeypatch.setattr(sync_tasks.resync, "delay", lambda **_: None)
    monkeypatch.setattr(portfolio_tasks.optimise, "apply_async", lambda **_: None)
    monkeypatch.setattr(portfolio_tasks.keep_books, "delay", lambda **_: None)
    monkeypatch.setattr(remote, "answering", lambda: {"worker@host": 7})
    monkeypatch.setattr(remote, "end", lambda _nodes: None)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    return made


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(home: Home, said: list[str]) -> Iterator[Supervisor]:
    made = Supervisor(
        home,
        environment=os.environ,
        cwd=home.path,
        say=said.append,
        backoff=Backoff(first=0.05, most=0.2, steady=10.0),
    )
    yield made
    made.stop()


def python(name: str, code: str, *, stage: Stage = Stage.WORKERS, grace: float = 3.0) -> Service:
    return Service(name=name, argv=[sys.executable, "-c", code], stage=stage, grace=grace)


def until(condition: Callable[[], bool], supervisor: Supervisor | None = None, timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        if supervisor is not None:
            supervisor.tend()
        time.sleep(0.02)
