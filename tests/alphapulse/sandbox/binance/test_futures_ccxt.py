"""Unmodified ccxt clients, sync and async, against USD-M: what they parse is what happened."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import ccxt
import ccxt.async_support
import pytest

from alphapulse.sandbox.testing import Credentials, SandboxServer

SYMBOL = "BTC/USDT:USDT"


@pytest.fixture
def account(sandbox: SandboxServer) -> Credentials:
    return sandbox.create_account("binance", holdings={"futures": {"USDT": "10000"}, "spot": {"USDT": "70"}})


def settings(account: Credentials) -> dict[str, Any]:
    options = {
        "defaultType": "swap",
        "fetchMarkets": {"types": ["linear"]},
        "warnOnFetchOpenOrdersWithoutSymbol": False,
    }
    return {"apiKey": account.api_key, "secret": account.secret, "enableRateLimit": False, "options": options}


def exact(sandbox: SandboxServer, client: Any) -> Any:
    client.number = str
    return sandbox.point(client)


@pytest.fixture(params=[ccxt.binance, ccxt.binanceusdm], ids=["binance", "binanceusdm"])
def client(request: pytest.FixtureRequest, sandbox: SandboxServer, account: Credentials) -> Iterator[Any]:
    client = exact(sandbox, request.param(settings(account)))
    yield client
    client.session.close()


def test_markets_are_linear_swaps(client: Any):
    market = client.load_markets()[SYMBOL]
    assert (market["id"], market["type"], market["linear"], market["settle"]) == ("BTCUSDT", "swap", True, "USDT")
    assert (D(market["precision"]["amount"]), D(market["precision"]["price"])) == (D("0.001"), D("0.1"))
    assert D(market["limits"]["cost"]["min"]) == 100


def test_the_balance_is_the_futures_wallets(client: Any):
    balance = client.fetch_balance()
    assert {name: D(balance["USDT"][name]) for name in ("free", "used", "total")} == {
        "free": D(10_000),
        "used": D(0),
        "total": D(10_000),
    }
    assert "USDC" not in balance  # never there: ccxt leaves it out, as of the real one


def test_a_position_is_opened_seen_and_closed(client: Any):
    opened = client.create_order(SYMBOL, "market", "sell", "0.1")
    assert (opened["status"], D(opened["filled"])) == ("closed", D("0.1"))
    [position] = client.fetch_positions()
    assert (position["side"], D(position["contracts"]), position["marginMode"]) == ("short", D("0.1"), "cross")
    assert D(position["entryPrice"]) == D(opened["average"])
    assert D(position["liquidationPrice"]) > D(position["entryPrice"])
    client.create_order(SYMBOL, "market", "buy", "0.1", None, {"reduceOnly": True})
    assert client.fetch_positions() == []
    fills = client.fetch_my_trades(SYMBOL)
    profit = sum(D(fill["info"]["realizedPnl"]) for fill in fills)
    fees = sum(D(fill["fee"]["cost"]) for fill in fills)
    assert D(client.fetch_balance()["USDT"]["total"]) == 10_000 + profit - fees


def test_a_resting_order_is_listed_changed_and_cancelled(client: Any):
    price = D(client.fetch_ticker(SYMBOL)["last"]) * D("0.9")
    order = client.create_order(SYMBOL, "limit", "buy", "0.1", price, {"clientOrderId": "mine"})
    assert [found["id"] for found in client.fetch_open_orders(params={"type": "swap"})] == [order["id"]]
    assert client.fetch_order(None, SYMBOL, {"origClientOrderId": "mine"})["id"] == order["id"]
    assert D(client.edit_order(order["id"], SYMBOL, "limit", "buy", "0.2", price)["amount"]) == D("0.2")
    assert client.cancel_order(order["id"], SYMBOL)["status"] == "canceled"
    assert client.fetch_open_orders(SYMBOL) == []
    assert [row["status"] for row in client.fetch_canceled_orders(SYMBOL)] == ["canceled"]
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(order["id"], SYMBOL)


def test_a_stop_is_an_algo_order(client: Any):
    client.create_order(SYMBOL, "market", "buy", "0.1")
    trigger = str(D(client.fetch_ticker(SYMBOL)["last"]) * D("0.95"))
    stop = client.create_order(SYMBOL, "market", "sell", "0.1", None, {"stopLossPrice": trigger, "reduceOnly": True})
    assert stop["status"] == "open"
    assert client.fetch_open_orders(SYMBOL) == []
    assert [row["id"] for row in client.fetch_open_orders(SYMBOL, params={"trigger": True})] == [stop["id"]]
    client.cancel_order(stop["id"], SYMBOL, {"trigger": True})
    assert client.fetch_order(stop["id"], SYMBOL, {"trigger": True})["status"] == "canceled"


def test_hedge_mode_keeps_two_positions(client: Any):
    client.set_position_mode(True)
    client.create_order(SYMBOL, "market", "buy", "0.1", None, {"hedged": True})
    client.create_order(SYMBOL, "market", "sell", "0.05", None, {"hedged": True})
    assert {row["side"]: D(row["contracts"]) for row in client.fetch_positions()} == {
        "long": D("0.1"),
        "short": D("0.05"),
    }
    assert all(row["hedged"] for row in client.fetch_positions([SYMBOL]))
    client.create_order(SYMBOL, "market", "buy", "0.05", None, {"hedged": True, "reduceOnly": True})
    assert [row["side"] for row in client.fetch_positions()] == ["long"]


def test_isolated_margin_and_leverage_are_set_and_seen(client: Any):
    client.load_markets()
    client.set_leverage(5, SYMBOL)
    client.set_margin_mode("isolated", SYMBOL)
    with pytest.raises(ccxt.MarginModeAlreadySet):
        client.set_margin_mode("isolated", SYMBOL)
    client.create_order(SYMBOL, "market", "buy", "0.1")
    [position] = client.fetch_positions([SYMBOL], {"useV2": True})
    assert (position["marginMode"], D(position["leverage"])) == ("isolated", D(5))
    assert D(position["liquidationPrice"]) < D(position["entryPrice"])
    assert client.fetch_margin_mode(SYMBOL, {"subType": "linear"})["marginMode"] == "isolated"


def test_both_ways_of_asking_for_positions_agree(client: Any):
    client.create_order(SYMBOL, "market", "buy", "0.1")
    [risk], [account] = client.fetch_positions([SYMBOL]), client.fetch_positions([SYMBOL], {"method": "account"})
    for name in ("symbol", "side", "contracts", "marginMode", "hedged"):
        assert risk[name] == account[name]


def test_ledger_entries_add_up_to_the_balance(client: Any):
    client.create_order(SYMBOL, "market", "buy", "0.1")
    client.create_order(SYMBOL, "market", "sell", "0.1")
    entries = client.fetch_ledger("USDT")
    signed = sum(D(row["amount"]) if row["direction"] == "in" else -D(row["amount"]) for row in entries)
    assert signed == D(client.fetch_balance()["USDT"]["total"])


@pytest.mark.parametrize(
    ("order", "error"),
    [
        (("market", "buy", "10"), ccxt.InsufficientFunds),
        (("market", "buy", "0.001"), ccxt.InvalidOrder),
        (("market", "buy", "0.1", None, {"reduceOnly": True}), ccxt.InvalidOrder),
        (("limit", "sell", "0.1", "1000"), ccxt.BadRequest),
    ],
)
def test_refusals_reach_the_caller_with_their_code(sandbox: SandboxServer, account: Credentials, order, error):
    client = at_the_socket(sandbox, ccxt.binanceusdm(settings(account)))
    with pytest.raises(error):
        client.create_order(SYMBOL, *order)
    client.session.close()


def test_a_spot_only_key_is_told_so_on_futures(sandbox: SandboxServer):
    account = sandbox.create_account("binance", holdings={"spot": {"USDT": "5"}}, wallets=["spot"])
    client = exact(sandbox, ccxt.binanceusdm(settings(account)))
    client.load_markets()
    for ask in (client.fetch_balance, client.fetch_positions, client.fetch_open_orders):
        with pytest.raises(ccxt.AuthenticationError, match="-2015"):
            ask()
    client.session.close()


def test_the_async_client_sees_the_same(sandbox: SandboxServer, account: Credentials):
    async def trade() -> tuple[Any, ...]:
        client: Any = exact(sandbox, ccxt.async_support.binanceusdm(settings(account)))
        try:
            order = await client.create_order(SYMBOL, "market", "buy", "0.1")
            balance, positions = await asyncio.gather(client.fetch_balance(), client.fetch_positions())
            return order, balance, positions, await client.fetch_my_trades(SYMBOL)
        finally:
            await client.close()

    order, balance, [position], [fill, *_] = asyncio.run(trade())
    assert (position["side"], position["entryPrice"]) == ("long", order["average"])
    assert fill["order"] == order["id"]
    assert D(balance["USDT"]["used"]) > 0


def test_prices_come_in_every_form(client: Any):
    ticker, book = client.fetch_ticker(SYMBOL), client.fetch_order_book(SYMBOL, 5)
    assert D(book["bids"][0][0]) < D(book["asks"][0][0])
    assert set(client.fetch_tickers()) == set(client.markets)
    assert abs(D(client.fetch_mark_price(SYMBOL)["markPrice"]) / D(ticker["last"]) - 1) < D("0.001")
    assert len(client.fetch_ohlcv(SYMBOL, "1h", limit=10)) == 10
    assert client.fetch_funding_rate(SYMBOL)["fundingTimestamp"] > ticker["timestamp"]
    assert len(client.fetch_funding_rate_history(SYMBOL, limit=3)) == 3
    assert client.fetch_leverage_tiers([SYMBOL])[SYMBOL][0]["maxLeverage"] in (125, "125")


def at_the_socket(sandbox: SandboxServer, client: Any) -> Any:
    """Rewritten after signing, as a gateway does: ccxt then picks USD-M's own exceptions by the original address."""
    send = client.session.request
    client.session.request = lambda method, url, **rest: send(method, url.replace("https:/", sandbox.url), **rest)
    return client
