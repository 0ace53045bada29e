"""Unmodified ccxt clients against the sandbox: what they parse is what happened."""

import asyncio
import itertools
from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import ccxt
import ccxt.async_support
import pytest

from alphapulse.sandbox.testing import Credentials, SandboxServer

HOLDINGS = {
    "spot": {"USDT": "100000", "BTC": "2", "SHIB": "1000000000000000000.00000001"},
    "funding": {"ETH": "3"},
    "earn": {"ADA": "10"},
}
SPOT_ONLY = {"fetchMarkets": {"types": ["spot", "inverse", "option"]}}
SYMBOL = "BTC/USDT"


@pytest.fixture
def account(sandbox: SandboxServer) -> Credentials:
    return sandbox.create_account("binance", holdings=HOLDINGS)


@pytest.fixture
def client(sandbox: SandboxServer, account: Credentials) -> Iterator[Any]:
    exchange: Any = ccxt.binance(
        {
            "apiKey": account.api_key,
            "secret": account.secret,
            "enableRateLimit": False,
            "options": SPOT_ONLY | {"fetchMargins": True},
        }
    )
    exchange.number = str
    sandbox.point(exchange).load_markets()
    yield exchange
    exchange.session.close()


def test_markets_and_currencies_load(client: Any):
    markets = client.markets
    market = markets[SYMBOL]
    spot = [listed for listed in markets.values() if listed["spot"]]
    assert (len(spot), len(markets)) == (60, 66)
    assert market["active"]
    assert (D(market["precision"]["amount"]), D(market["precision"]["price"])) == (D("0.00001"), D("0.01"))
    assert D(market["limits"]["cost"]["min"]) == 5
    assert market["marginModes"] == {"cross": True, "isolated": True}
    assert client.currencies["BTC"]["networks"]["BTC"]["withdraw"] is True


def test_balances_of_every_wallet_are_exact(client: Any):
    spot, funding = client.fetch_balance({"omitZeroBalances": True}), client.fetch_balance({"type": "funding"})

    assert D(spot["total"]["SHIB"]) == D("1000000000000000000.00000001")
    assert D(spot["free"]["BTC"]) == 2
    assert D(spot["free"]["LDADA"]) == 10
    assert {code: D(total) for code, total in funding["total"].items()} == {"ETH": 3}


def test_ticker_book_trades_and_candles_tell_one_story(client: Any, sandbox: SandboxServer):
    sandbox.set_price(SYMBOL, 50_000)

    ticker, book = client.fetch_ticker(SYMBOL), client.fetch_order_book(SYMBOL, 50)
    [bar] = client.fetch_ohlcv(SYMBOL, "1m", limit=1)

    assert D(ticker["last"]) == 50_000
    assert D(ticker["bid"]) <= 50_000 <= D(ticker["ask"])
    assert len(book["bids"]) == len(book["asks"]) == 50
    assert D(book["bids"][0][0]) < D(book["asks"][0][0])
    assert D(bar[4]) == 50_000
    sandbox.release_price(SYMBOL)


def test_tickers_of_everything_come_in_one_answer(client: Any):
    tickers = client.fetch_tickers()

    assert len(tickers) == 60
    assert all(D(ticker["low"]) <= D(ticker["last"]) <= D(ticker["high"]) for ticker in tickers.values())


def test_candles_follow_each_other(client: Any):
    since = client.milliseconds() // 3_600_000 * 3_600_000 - 10 * 3_600_000
    bars = client.fetch_ohlcv(SYMBOL, "1h", since=since, limit=5)

    assert [bar[0] for bar in bars] == [since + 3_600_000 * hour for hour in range(5)]
    assert all(earlier[4] == later[1] for earlier, later in itertools.pairwise(bars))


def test_public_trades_are_ordered_and_near_the_price(client: Any):
    trades = client.fetch_trades(SYMBOL, limit=20)

    assert len(trades) == 20
    assert [trade["timestamp"] for trade in trades] == sorted(trade["timestamp"] for trade in trades)


def test_an_order_s_life(client: Any, sandbox: SandboxServer, account: Credentials):
    price = client.price_to_precision(SYMBOL, sandbox.price(SYMBOL) * 0.8)
    placed = client.create_order(SYMBOL, "limit", "buy", "0.5", price, {"newClientOrderId": "life-1"})
    assert (placed["status"], D(placed["filled"]), placed["clientOrderId"]) == ("open", 0, "life-1")
    assert D(client.fetch_balance()["used"]["USDT"]) == D(price) * D("0.5")
    assert [order["id"] for order in client.fetch_open_orders(SYMBOL)] == [placed["id"]]

    sandbox.fill_order("binance", account.account, client_order_id="life-1", amount="0.2")
    partly = client.fetch_order(None, SYMBOL, {"origClientOrderId": "life-1"})
    assert (partly["status"], D(partly["filled"]), D(partly["remaining"])) == (
        "open",
        D("0.2"),
        D("0.3"),
    )

    canceled = client.cancel_order(placed["id"], SYMBOL)
    [trade] = client.fetch_my_trades(SYMBOL)
    assert canceled["status"] == "canceled"
    assert D(canceled["filled"]) == D("0.2")
    assert (trade["order"], trade["takerOrMaker"]) == (placed["id"], "maker")
    assert (trade["fee"]["currency"], D(trade["fee"]["cost"])) == ("BTC", D("0.0002"))
    assert D(client.fetch_balance()["free"]["BTC"]) == D("2.1998")


def test_a_market_order_fills_at_once(client: Any):
    order = client.create_order(SYMBOL, "market", "sell", "0.5")
    by_cost = client.create_market_buy_order_with_cost(SYMBOL, "1000")

    assert (order["status"], D(order["filled"])) == ("closed", D("0.5"))
    assert D(order["cost"]) == D(order["average"]) * D("0.5")
    assert order["fees"][0]["currency"] == "USDT"
    assert D(990) < D(by_cost["cost"]) <= 1000


def test_a_resting_order_is_filled_when_the_price_comes(client: Any, sandbox: SandboxServer):
    order = client.create_order(SYMBOL, "limit", "buy", "0.1", str(round(sandbox.price(SYMBOL) * 0.95)))
    sandbox.move_price(SYMBOL, 0.9)

    found = client.fetch_order(order["id"], SYMBOL)

    assert found["status"] == "closed"
    assert [closed["id"] for closed in client.fetch_closed_orders(SYMBOL)] == [order["id"]]
    sandbox.move_price(SYMBOL, 1 / 0.9)


def test_stops_profits_and_edits(client: Any, sandbox: SandboxServer):
    price = sandbox.price(SYMBOL)
    trigger, limit = (client.price_to_precision(SYMBOL, price * factor) for factor in (0.9, 0.89))
    stop = client.create_order(SYMBOL, "limit", "sell", "0.1", limit, {"stopLossPrice": trigger})
    resting = client.create_order(SYMBOL, "limit", "buy", "0.1", limit)
    edited = client.edit_order(resting["id"], SYMBOL, "limit", "buy", "0.2", limit)

    told = client.fetch_order(stop["id"], SYMBOL)
    assert (told["info"]["type"], told["triggerPrice"]) == ("STOP_LOSS_LIMIT", f"{D(trigger):.8f}")
    assert edited["id"] != resting["id"]
    assert D(client.fetch_order(edited["id"], SYMBOL)["amount"]) == D("0.2")
    assert len(client.cancel_all_orders(SYMBOL)) == 2


def test_refusals_come_as_ccxt_s_own_errors(client: Any):
    with pytest.raises(ccxt.InsufficientFunds):
        client.create_order(SYMBOL, "market", "buy", "50")
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order("1", SYMBOL)
    with pytest.raises(ccxt.OrderNotFound):
        client.fetch_order("1", SYMBOL)
    with pytest.raises(ccxt.InvalidOrder):
        client.create_order(SYMBOL, "limit", "buy", "0.1", "1")
    client.secret = "wrong"
    with pytest.raises(ccxt.AuthenticationError):
        client.fetch_balance()


def test_money_moves_between_wallets(client: Any):
    client.transfer("USDT", "1500", "spot", "funding")

    assert D(client.fetch_balance({"type": "funding"})["free"]["USDT"]) == 1500
    assert D(client.fetch_balance()["free"]["USDT"]) == 98_500
    [moved] = client.fetch_transfers("USDT", params={"fromAccount": "spot", "toAccount": "funding"})
    assert (D(moved["amount"]), moved["status"]) == (1500, "ok")


def test_money_set_from_outside_came_as_a_deposit_and_went_as_a_withdrawal(
    client: Any, sandbox: SandboxServer, account: Credentials
):
    sandbox.set_balance("binance", account.account, "BTC", "1.25")

    [came], [went] = client.fetch_deposits("BTC"), client.fetch_withdrawals("BTC")

    assert (D(came["amount"]), came["status"], D(went["amount"]), went["status"]) == (2, "ok", D("0.75"), "ok")
    assert came["timestamp"] // 1000 <= went["timestamp"] // 1000


def test_what_else_ccxt_asks_is_answered(client: Any):
    assert client.fetch_status()["status"] == "ok"
    assert abs(client.fetch_time() - client.milliseconds()) < 5000
    assert D(client.fetch_trading_fees()[SYMBOL]["maker"]) == D("0.001")
    assert client.fetch_bids_asks([SYMBOL])[SYMBOL]["ask"]
    assert client.fetch_last_prices([SYMBOL])[SYMBOL]["price"]


async def _story(url: SandboxServer, account: Credentials) -> tuple[Any, Any, Any]:
    client: Any = ccxt.async_support.binance(
        {"apiKey": account.api_key, "secret": account.secret, "enableRateLimit": False, "options": SPOT_ONLY}
    )
    url.point(client)
    try:
        await client.load_markets()
        order = await client.create_order(SYMBOL, "market", "buy", 0.1)
        return order, await client.fetch_balance(), await client.fetch_my_trades(SYMBOL)
    finally:
        await client.close()


def test_the_async_client_sees_the_same(sandbox: SandboxServer, account: Credentials):
    order, balance, trades = asyncio.run(_story(sandbox, account))

    assert order["status"] == "closed"
    assert balance["total"]["BTC"] == pytest.approx(2.0999)
    assert sum(trade["amount"] for trade in trades) == pytest.approx(0.1)
