"""Cross margin and simple-earn beside spot: wallets of their own, as an unmodified ccxt client reads them."""

from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import ccxt
import pytest

from alphapulse.sandbox.testing import Credentials, SandboxServer

CROSS = {"marginMode": "cross"}
HOLDINGS = {
    "spot": {"USDT": "1000", "BTC": "1"},
    "margin": {"USDT": "500", "BTC": "0.2"},
    "earn": {"ADA": "10"},
    "earn-locked": {"AXS": "122.09202928", "ADA": "5"},
}


@pytest.fixture
def account(sandbox: SandboxServer) -> Credentials:
    debts = {"USDT": {"borrowed": "200", "interest": "0.5"}}
    return sandbox.create_account("binance", holdings=HOLDINGS, debts=debts)


@pytest.fixture
def client(sandbox: SandboxServer, account: Credentials) -> Iterator[Any]:
    options = {"warnOnFetchOpenOrdersWithoutSymbol": False, "fetchMarkets": {"types": ["spot"]}}
    keys = {"apiKey": account.api_key, "secret": account.secret}
    exchange: Any = ccxt.binance({**keys, "enableRateLimit": False, "options": options})
    exchange.number = str
    sandbox.point(exchange).load_markets()
    yield exchange
    exchange.session.close()


def test_the_margin_account_tells_what_it_holds_and_what_it_owes(client: Any, sandbox: SandboxServer, account):
    cross = client.fetch_balance({"type": "margin"})
    assert (D(cross["USDT"]["total"]), D(cross["USDT"]["debt"])) == (500, D("200.5"))
    assert (D(cross["BTC"]["total"]), D(cross["BTC"]["debt"])) == (D("0.2"), 0)
    assert D(client.fetch_balance()["USDT"]["total"]) == 1000
    sandbox.set_debt("binance", account.api_key, "USDT", 0)
    assert D(client.fetch_balance({"type": "margin"})["USDT"]["debt"]) == 0


def test_orders_of_the_margin_account_hold_its_money_and_are_listed_apart(client: Any, sandbox: SandboxServer):
    price = sandbox.price("BTC/USDT")
    spot = client.create_order("BTC/USDT", "limit", "sell", 0.5, price * 1.2)["id"]
    cross = client.create_order("BTC/USDT", "limit", "sell", 0.1, price * 1.2, CROSS)["id"]
    assert [row["id"] for row in client.fetch_open_orders()] == [spot]
    assert [row["id"] for row in client.fetch_open_orders(None, None, None, CROSS)] == [cross]
    assert D(client.fetch_balance({"type": "margin"})["BTC"]["used"]) == D("0.1")
    assert D(client.fetch_balance()["BTC"]["used"]) == D("0.5")
    with pytest.raises(ccxt.OrderNotFound):
        client.fetch_order(cross, "BTC/USDT")
    assert client.cancel_order(cross, "BTC/USDT", CROSS)["status"] == "canceled"
    assert client.fetch_order(cross, "BTC/USDT", CROSS)["status"] == "canceled"
    assert D(client.fetch_balance({"type": "margin"})["BTC"]["free"]) == D("0.2")


def test_what_the_margin_account_trades_is_not_among_spots_trades(client: Any):
    client.create_order("BTC/USDT", "market", "sell", 0.1, None, CROSS)
    assert client.fetch_my_trades("BTC/USDT") == []
    assert D(client.fetch_balance({"type": "margin"})["BTC"]["total"]) == D("0.1")
    assert D(client.fetch_balance()["BTC"]["total"]) == 1


def test_locked_earn_is_listed_page_by_page_and_never_in_spot(client: Any):
    pages = [client.sapi_get_simple_earn_locked_position({"size": 1, "current": page}) for page in (1, 2, 3)]
    assert [[row["asset"] for row in page["rows"]] for page in pages] == [["AXS"], ["ADA"], []]
    assert {page["total"] for page in pages} == {2}
    assert D(pages[0]["rows"][0]["amount"]) == D("122.09202928")
    assert len({row["positionId"] for page in pages for row in page["rows"]}) == 2
    held = client.fetch_balance({"omitZeroBalances": True})["total"]
    assert D(held["LDADA"]) == 10
    assert {"AXS", "LDAXS"}.isdisjoint(held)
