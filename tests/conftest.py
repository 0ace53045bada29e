"""Fixtures for all tests: real servers, one of each per test process."""

from collections.abc import Iterator

import pytest

from alphapulse.exchanges.ccxt import loop
from tests.servers import postgres_server, redis_server


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A real Redis-compatible server on a free port, shared by this process's tests: flush what you fill."""
    with redis_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL with an empty database, beside the one that TEST_DATABASE_URL names."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session", autouse=True)
def orderly_end() -> Iterator[None]:
    """Test processes do not end by `atexit`, so connections to exchanges are closed here."""
    yield
    loop.end()
