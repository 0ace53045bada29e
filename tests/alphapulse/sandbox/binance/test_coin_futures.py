"""COIN-M as an unmodified ccxt client reads it: amounts are contracts of so many dollars, money is the coin's."""

from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import ccxt
import pytest

from alphapulse.sandbox.testing import Credentials, SandboxServer

BTC, ETH = "BTC/USD:BTC", "ETH/USD:ETH"
HERE = {"type": "swap", "subType": "inverse"}
CENT = D("1e-8")


@pytest.fixture
def account(sandbox: SandboxServer) -> Credentials:
    return sandbox.create_account("binance", holdings={"delivery": {"BTC": "1.5", "ETH": "3"}})


@pytest.fixture
def client(sandbox: SandboxServer, account: Credentials) -> Iterator[Any]:
    options = {"warnOnFetchOpenOrdersWithoutSymbol": False}
    keys = {"apiKey": account.api_key, "secret": account.secret}
    exchange: Any = ccxt.binance({**keys, "enableRateLimit": False, "options": options})
    exchange.number = str
    sandbox.point(exchange).load_markets()
    yield exchange
    exchange.session.close()
    sandbox.release_price("BTC/USDT")


def position(client: Any, symbol: str = BTC) -> dict[str, Any] | None:
    return next((row for row in client.fetch_positions(None, HERE) if row["symbol"] == symbol), None)


def balance(client: Any, code: str) -> dict[str, D]:
    row = client.fetch_balance(HERE)["info"]["assets"]
    (found,) = (asset for asset in row if asset["asset"] == code)
    return {name: D(found[name]) for name in ("walletBalance", "unrealizedProfit", "initialMargin")}


def test_contracts_are_so_many_dollars_and_settled_in_the_coin(client: Any):
    btc, eth = client.markets[BTC], client.markets[ETH]
    assert (btc["inverse"], btc["settle"], D(btc["contractSize"])) == (True, "BTC", 100)
    assert (eth["settle"], D(eth["contractSize"])) == ("ETH", 10)
    assert any(market["future"] for market in client.markets.values() if market["inverse"])


def test_prices_are_those_of_the_linear_contract(client: Any, sandbox: SandboxServer):
    sandbox.set_price("BTC/USDT", "80000")
    tickers = client.fetch_tickers(None, HERE)
    assert D(tickers[BTC]["last"]) == 80000
    assert D(client.fetch_mark_price(BTC)["markPrice"]) == 80000
    volume = tickers[BTC]["info"]
    dollars = D(volume["volume"]) * 100
    assert abs(dollars / D(volume["baseVolume"]) / 80000 - 1) < D("0.2")


def test_profit_is_in_the_coin_and_falls_as_the_coin_gets_dearer(client: Any, sandbox: SandboxServer, account):
    sandbox.set_price("BTC/USDT", "80000")
    sandbox.set_position("binance", account.api_key, "BTCUSD_PERP", "30", entry_price="60000", leverage=5)
    held = position(client)
    assert held is not None
    assert (held["side"], D(held["contracts"]), D(held["entryPrice"])) == ("long", 30, 60000)
    profit = 30 * 100 * (1 / D(60000) - 1 / D(80000))
    assert abs(D(held["unrealizedPnl"]) - profit) < CENT
    assert D(held["notional"]) == D(30 * 100) / 80000
    wallet = balance(client, "BTC")
    assert wallet["walletBalance"] == D("1.5")
    assert wallet["initialMargin"] == D(30 * 100) / 80000 / 5


def test_a_short_wins_coins_when_the_price_falls(client: Any, sandbox: SandboxServer, account):
    sandbox.set_price("BTC/USDT", "50000")
    sandbox.set_position("binance", account.api_key, "BTCUSD_PERP", "-10", entry_price="80000", side="short")
    held = position(client)
    assert held is not None
    assert (held["side"], D(held["contracts"])) == ("short", 10)
    assert abs(D(held["unrealizedPnl"]) - 10 * 100 * (1 / D(50000) - 1 / D(80000))) < CENT


def test_a_position_is_liquidated_where_its_coins_are_gone(client: Any, sandbox: SandboxServer, account):
    sandbox.set_price("BTC/USDT", "80000")
    sandbox.set_balance("binance", account.api_key, "BTC", "0.01", wallet="delivery")
    sandbox.set_position("binance", account.api_key, "BTCUSD_PERP", "40", entry_price="80000", leverage=20)
    held = position(client)
    assert held is not None
    price = D(held["liquidationPrice"])
    lost = 40 * 100 * (1 / price - 1 / D(80000))
    maintenance = D("0.004") * 40 * 100 / price
    assert abs(D("0.01") - lost - maintenance) < D("1e-6")
    assert price < 80000


def test_what_is_traded_settles_in_the_coin(client: Any, sandbox: SandboxServer):
    sandbox.set_price("BTC/USDT", "80000")
    before = balance(client, "BTC")["walletBalance"]
    bought = client.fetch_order(client.create_order(BTC, "market", "buy", 20)["id"], BTC)
    sandbox.set_price("BTC/USDT", "100000")
    sold = client.fetch_order(client.create_order(BTC, "market", "sell", 20)["id"], BTC)
    assert position(client) is None
    fees = (D(bought["cost"]) + D(sold["cost"])) * D("0.0005")
    profit = D(bought["cost"]) - D(sold["cost"])
    assert abs(D(bought["cost"]) - 20 * 100 / D(bought["average"])) < D("1e-7")
    assert abs(balance(client, "BTC")["walletBalance"] - before - profit + fees) < D("5e-8")


def test_an_order_demands_margin_in_the_coin(client: Any, sandbox: SandboxServer):
    sandbox.set_price("BTC/USDT", "80000")
    client.set_leverage(1, BTC)
    with pytest.raises(ccxt.ExchangeError, match="-2019"):
        client.create_order(BTC, "limit", "buy", 2000, 79000)  # 2.5 BTC
    client.create_order(BTC, "limit", "buy", 1000, 79000)
    assert balance(client, "BTC")["initialMargin"] > 1


def test_open_orders_and_conditional_ones_are_apart_from_those_of_usd_m(client: Any, sandbox: SandboxServer):
    sandbox.set_price("BTC/USDT", "80000")
    plain = client.create_order(BTC, "limit", "buy", 5, 70000)["id"]
    stop = client.create_order(BTC, "market", "sell", 5, None, {"stopPrice": 70000})["id"]
    assert [row["id"] for row in client.fetch_open_orders(None, None, None, HERE)] == [plain]
    assert [row["id"] for row in client.fetch_open_orders(None, None, None, {**HERE, "trigger": True})] == [stop]
    assert client.fetch_open_orders(None, None, None, {"type": "swap", "subType": "linear"}) == []
    client.cancel_order(plain, BTC)
    client.cancel_order(stop, BTC, {"trigger": True})
    assert client.fetch_order(plain, BTC)["status"] == "canceled"
    assert client.fetch_order(stop, BTC, {"trigger": True})["status"] == "canceled"


def test_usd_m_and_coin_m_share_one_weight(client: Any, sandbox: SandboxServer):
    sandbox.forgive()
    client.fetch_open_orders(None, None, None, HERE)
    client.fetch_open_orders(None, None, None, {"type": "swap", "subType": "linear"})
    assert int(client.last_response_headers["X-Mbx-Used-Weight-1m"]) == 80


def test_a_key_without_the_wallet_is_refused(sandbox: SandboxServer, client: Any, account):
    sandbox.put_key("binance", account.account, api_key=account.api_key, wallets=["spot", "futures"])
    with pytest.raises(ccxt.AuthenticationError):
        client.fetch_balance(HERE)
    client.fetch_balance({"type": "swap"})
