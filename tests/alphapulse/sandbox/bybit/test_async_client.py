"""Unmodified async ccxt clients, many calls at once."""

import asyncio
from collections.abc import Callable
from typing import Any

import ccxt.async_support as ccxt
import pytest

from tests.alphapulse.sandbox.bybit.conftest import RICH


@pytest.fixture
def with_client(sandbox) -> Callable[[Callable[[Any], Any]], Any]:
    """Runs `body(client)` on an event loop and closes the client after it."""

    def run(body: Callable[[Any], Any]) -> Any:
        async def opened() -> Any:
            made = sandbox.create_account("bybit", holdings=RICH)
            client = ccxt.bybit({"apiKey": made.api_key, "secret": made.secret, "enableRateLimit": False})
            sandbox.point(client)
            try:
                return await body(client)
            finally:
                await client.close()

        return asyncio.run(opened())

    return run


def test_a_whole_account_is_read_at_once(with_client):
    async def read(client):
        await client.load_markets()
        await client.create_order("BTC/USDT:USDT", "market", "buy", 0.01)
        return await asyncio.gather(
            client.fetch_balance(),
            client.fetch_balance({"type": "funding"}),
            client.fetch_positions(),
            client.fetch_open_orders(),
            client.fetch_my_trades("BTC/USDT:USDT"),
            client.fetch_tickers(),
        )

    unified, funding, positions, orders, trades, tickers = with_client(read)
    assert unified["USDT"]["total"] < 100_000
    assert funding["USDT"]["total"] == 500
    assert [position["contracts"] for position in positions] == [0.01]
    assert orders == []
    assert len(trades) == 1
    assert "BTC/USDT:USDT" in tickers


def test_orders_placed_at_once_all_have_their_own_id_and_money(with_client):
    async def place(client):
        await client.load_markets()
        await client.is_unified_enabled()  # else every order asks first, and Bybit allows ten a second
        price = (await client.fetch_ticker("BTC/USDT"))["last"] * 0.9
        orders = [client.create_order("BTC/USDT", "limit", "buy", 0.001, price) for _ in range(15)]
        placed = await asyncio.gather(*orders)
        return placed, await client.fetch_open_orders("BTC/USDT"), await client.fetch_balance()

    placed, opened, balance = with_client(place)
    assert len({order["id"] for order in placed}) == 15
    assert {order["id"] for order in opened} == {order["id"] for order in placed}
    assert balance["USDT"]["used"] == pytest.approx(sum(order["remaining"] * order["price"] for order in opened))


def test_too_many_at_once_are_refused_and_nothing_else_is_harmed(with_client):
    async def storm(client):
        await client.load_markets()
        await client.fetch_balance()
        calls = [client.fetch_balance({"type": "funding"}) for _ in range(25)]
        return await asyncio.gather(*calls, return_exceptions=True), await client.fetch_balance()

    answers, balance = with_client(storm)
    refused = [answer for answer in answers if isinstance(answer, Exception)]
    assert refused
    assert all(isinstance(error, ccxt.RateLimitExceeded) for error in refused)
    assert balance["total"]["USDT"] == 100_000
