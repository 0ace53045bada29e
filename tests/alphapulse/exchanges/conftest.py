from collections.abc import Iterator

import pytest

from tests import recorded
from tests.alphapulse.exchanges.scripted import ScriptedExchange, scripted_exchange


@pytest.fixture
def exchange() -> Iterator[ScriptedExchange]:
    with scripted_exchange() as running:
        yield running


@pytest.fixture(scope="session")
def replay() -> Iterator[str]:
    with recorded.replayed() as base:
        yield base
