"""Funding rates of all perpetuals, in a call or two an exchange."""

from collections.abc import Iterator

import pytest

from alphapulse.exchanges.catalogue import EXCHANGES
from alphapulse.sandbox.testing import SandboxServer
from alphapulse.types import SyncKind
from tests.alphapulse.exchanges.asking import fetch, route_to


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(markets=20) as server:
        yield server


@pytest.mark.parametrize("exchange_id", ["binance", "bybit"])
def test_each_perpetual_has_a_rate_and_the_time_when_it_is_due(sandbox, exchange_id):
    readings = fetch(route_to(exchange_id, sandbox.url), SyncKind.FUNDING_RATES)
    rates = {rate.symbol: rate for reading in readings for rate in reading.rows}
    assert {"BTC/USDT:USDT", "BTC/USD:BTC"} <= rates.keys()
    assert not any("-" in symbol for symbol in rates), "what expires pays none"
    for reading in readings:
        assert reading.error is None
        assert all(rate.funding_at > reading.as_of and abs(rate.rate) < 1 for rate in reading.rows)


def test_who_has_no_perpetuals_is_not_asked():
    assert not EXCHANGES["kraken"].supports(SyncKind.FUNDING_RATES)
