"""An engine whose wall clock the test turns, and a served one."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from alphapulse.sandbox.config import SandboxConfig
from alphapulse.sandbox.engine import Engine
from alphapulse.sandbox.testing import SandboxServer

NOON_MS = 1_790_000_000_000 - 1_790_000_000_000 % 86_400_000 + 12 * 3_600_000


@dataclass
class Wall:
    ms: int = NOON_MS

    def __call__(self) -> int:
        return self.ms

    def pass_(self, *, seconds: float) -> None:
        self.ms += int(seconds * 1000)


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def engine(wall: Wall) -> Engine:
    return Engine(SandboxConfig(markets=60, seed=1), now_ms=wall)


@pytest.fixture(scope="module")
def served() -> Iterator[SandboxServer]:
    """One server for all tests of a module: make an account of your own, clear the faults you order."""
    with SandboxServer(markets=60) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(served: SandboxServer) -> Iterator[SandboxServer]:
    yield served
    served.clear_faults()
    served.forgive()
