"""A market that the table does not list: ccxt would take its id for a symbol, and guess the rest."""

from datetime import timedelta
from decimal import Decimal

import pytest

from alphapulse.exchanges.ccxt.markets import template
from alphapulse.exchanges.errors import BadResponse
from alphapulse.types import SyncKind
from tests.alphapulse.exchanges import written
from tests.alphapulse.exchanges.asking import fetch, route_to, run
from tests.alphapulse.exchanges.scripted import Said

MARKETS = "api.binance.com/api/v3/exchangeInfo"
ANSWERS = {
    SyncKind.ORDERS: "api.binance.com/api/v3/openOrders",
    SyncKind.POSITIONS: "fapi.binance.com/fapi/v3/positionRisk",
    SyncKind.TICKERS: "api.binance.com/api/v3/ticker/24hr",
}


def asked_with_a_new_market(exchange, kind):
    """The readings of an answer with one more row, of a market younger than our table; and the route."""
    exchange.answers = written.answers("binance")
    route = route_to("binance", exchange.base)
    fetch(route, SyncKind.TICKERS)

    async def grow_old() -> None:
        template(route).table.loaded_at -= timedelta(minutes=5)

    run(grow_old())
    exchange.asked.clear()
    rows = exchange.answers[ANSWERS[kind]](None).json
    exchange.answers[ANSWERS[kind]] = Said(json=[*rows, rows[0] | {"symbol": "NEWUSDT", "orderId": 12}])
    return fetch(route, kind)


@pytest.mark.parametrize("kind", [SyncKind.ORDERS, SyncKind.POSITIONS])
def test_a_row_of_an_unlisted_market_is_refused_and_the_table_loaded_anew(exchange, kind):
    reading = asked_with_a_new_market(exchange, kind)[0]
    assert isinstance(reading.error, BadResponse)
    assert "NEWUSDT" in reading.error.message
    fetch(route_to("binance", exchange.base), SyncKind.BALANCES)
    assert exchange.paths().count(MARKETS) == 1


def test_a_ticker_of_an_unlisted_market_is_left_out_and_the_others_stay(exchange):
    reading = asked_with_a_new_market(exchange, SyncKind.TICKERS)[0]
    assert reading.error is None
    assert [row.symbol for row in reading.rows] == ["BTC/USDT"]


def test_a_young_table_is_not_loaded_again_for_a_market_that_it_lacks(exchange):
    exchange.answers = written.answers("binance")
    route = route_to("binance", exchange.base)
    fetch(route, SyncKind.TICKERS)
    rows = exchange.answers[ANSWERS[SyncKind.ORDERS]](None).json
    exchange.answers[ANSWERS[SyncKind.ORDERS]] = Said(json=[rows[0] | {"symbol": "NEWUSDT"}])
    for _ in range(3):
        assert fetch(route, SyncKind.ORDERS)[0].error is not None
    assert exchange.paths().count(MARKETS) == 1


def test_the_size_of_a_contract_is_the_tables(exchange):
    exchange.answers = written.answers("okx")
    (reading,) = fetch(route_to("okx", exchange.base), SyncKind.POSITIONS)
    assert [row.contract_size for row in reading.rows] == [Decimal("0.01")]
