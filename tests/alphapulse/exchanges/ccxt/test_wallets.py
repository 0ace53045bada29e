"""Every wallet that an account has, against the sandbox's own truth: nothing left out, nothing counted twice."""

from collections.abc import Iterator
from decimal import Decimal

import ccxt
import pytest

from alphapulse.exchanges.ccxt.batch import Job
from alphapulse.exchanges.reading import OpenOrder, Reading
from alphapulse.exchanges.route import Route
from alphapulse.exchanges.told import usage
from alphapulse.sandbox.testing import SandboxServer
from alphapulse.types import Credentials, OrderStatus, PositionSide, SyncKind
from tests.alphapulse.exchanges.asking import batch, fetch, route_to

HOLDINGS = {
    "spot": {"USDT": "1000", "BTC": "0.5"},
    "funding": {"USDT": "15"},
    "earn": {"ADA": "10"},
    "earn-locked": {"ADA": "7", "AXS": "122.09202928"},
    "margin": {"USDT": "300", "ETH": "0.25"},
    "futures": {"USDT": "5000"},
    "delivery": {"BTC": "0.75", "ETH": "2"},
}
DEBTS = {"ETH": {"borrowed": "0.2", "interest": "0.001"}}
BTC = "BTC/USD:BTC"
LINEAR = "BTC/USDT:USDT"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(markets=20) as server:
        server.set_price("BTC/USDT", "80000")
        yield server


@pytest.fixture
def route(sandbox: SandboxServer, request) -> Route:
    return route_to("binance", sandbox.url, egress=request.node.name)


@pytest.fixture
def credentials(sandbox: SandboxServer) -> Credentials:
    made = sandbox.create_account("binance", holdings=HOLDINGS, debts=DEBTS)
    return Credentials(api_key=made.api_key, secret=made.secret)


def owner(sandbox: SandboxServer, credentials: Credentials, exchange_id: str = "binance"):
    keys = {"apiKey": credentials.api_key, "secret": credentials.secret}
    return sandbox.point(getattr(ccxt, exchange_id)(keys))


def read(route: Route, kind: SyncKind, credentials: Credentials, *known: OpenOrder) -> dict[str, Reading]:
    readings = fetch(route, kind, credentials, known_orders=known)
    assert [reading.error for reading in readings] == [None] * len(readings)
    return {reading.wallet: reading for reading in readings}


def test_the_wallets_together_are_all_that_the_account_has(sandbox, route, credentials):
    found = read(route, SyncKind.BALANCES, credentials)
    held = {(wallet, row.currency): row.total for wallet, reading in found.items() for row in reading.rows}
    # As the sandbox calls them.
    ours = {"futures": "usdm", "delivery": "coinm"}
    truth = {
        (ours.get(wallet, wallet), code): Decimal(amounts["free"]) + Decimal(amounts["locked"])
        for wallet, balances in sandbox.account("binance", account_named(sandbox, credentials))["balances"].items()
        for code, amounts in balances.items()
    }
    assert held == truth
    (owed,) = (row for row in found["margin"].rows if row.currency == "ETH")
    assert (owed.total, owed.debt) == (Decimal("0.25"), Decimal("0.201"))


def account_named(sandbox: SandboxServer, credentials: Credentials) -> str:
    accounts = sandbox.accounts("binance")
    return next(row["account"] for row in accounts if any(key["key"] == credentials.api_key for key in row["keys"]))


def test_both_legs_of_a_coin_margined_hedge_with_their_profit_in_the_coin(sandbox, route, credentials):
    for side, amount, entry in (("long", "30", "60000"), ("short", "-10", "90000")):
        sandbox.set_position("binance", credentials.api_key, "BTCUSD_PERP", amount, entry_price=entry, side=side)
    sandbox.set_position("binance", credentials.api_key, "BTCUSDT", "0.01", side="long")
    found = read(route, SyncKind.POSITIONS, credentials)
    legs = {row.side: row for row in found["coinm"].rows}
    assert set(legs) == {PositionSide.LONG, PositionSide.SHORT}
    long, short = legs[PositionSide.LONG], legs[PositionSide.SHORT]
    assert (long.symbol, long.contracts, long.contract_size, long.mark_price) == (BTC, 30, 100, 80000)
    assert long.notional == Decimal(30 * 100) / 80000
    assert abs(long.unrealized_pnl - 3000 * (1 / Decimal(60000) - 1 / Decimal(80000))) < Decimal("1e-8")
    assert abs(short.unrealized_pnl - 1000 * (1 / Decimal(80000) - 1 / Decimal(90000))) < Decimal("1e-8")
    assert [row.symbol for row in found["usdm"].rows] == [LINEAR]


def test_unrealised_profit_is_told_with_the_position_and_not_with_the_balance(sandbox, route, credentials):
    sandbox.set_position("binance", credentials.api_key, "BTCUSD_PERP", "30", entry_price="60000")
    (btc,) = (row for row in read(route, SyncKind.BALANCES, credentials)["coinm"].rows if row.currency == "BTC")
    assert btc.total == Decimal("0.75")


def test_orders_of_every_wallet_are_read_and_their_ends_looked_up_where_they_were(sandbox, route, credentials):
    trader, here = owner(sandbox, credentials), {"trigger": True}
    placed = {
        "spot": trader.create_order("BTC/USDT", "limit", "buy", 0.001, 50000),
        "margin": trader.create_order("ETH/USDT", "limit", "sell", 0.1, 9000, {"marginMode": "cross"}),
        "usdm": trader.create_order(LINEAR, "limit", "buy", 0.002, 60000),
        "usdm-trigger": trader.create_order(LINEAR, "market", "buy", 0.002, None, {"stopPrice": 90000}),
        "coinm": trader.create_order(BTC, "limit", "buy", 5, 70000),
        "coinm-trigger": trader.create_order(BTC, "limit", "sell", 5, 76500, {"stopPrice": 79000}),
    }
    found = read(route, SyncKind.ORDERS, credentials)
    assert {wallet: [row.order_id for row in reading.rows] for wallet, reading in found.items()} == {
        wallet: [order["id"]] for wallet, order in placed.items()
    }
    assert {row.status for reading in found.values() for row in reading.rows} == {OrderStatus.OPEN}
    for wallet, order in placed.items():
        how = here if wallet.endswith("trigger") else {"marginMode": "cross"} if wallet == "margin" else {}
        trader.cancel_order(order["id"], order["symbol"], how)
    known = [OpenOrder(wallet=wallet, order_id=order["id"], symbol=order["symbol"]) for wallet, order in placed.items()]
    ended = read(route, SyncKind.ORDERS, credentials, *known)
    assert {wallet: [(row.order_id, row.status) for row in reading.rows] for wallet, reading in ended.items()} == {
        wallet: [(order["id"], OrderStatus.CANCELED)] for wallet, order in placed.items()
    }


def test_a_trigger_order_that_goes_off_is_closed_and_another_one_opens(sandbox, route, credentials):
    trader = owner(sandbox, credentials)
    stop = trader.create_order(LINEAR, "limit", "sell", 0.002, 95000, {"takeProfitPrice": 85000})["id"]
    sandbox.set_price("BTC/USDT", "86000")
    known = OpenOrder(wallet="usdm-trigger", order_id=stop, symbol=LINEAR)
    found = read(route, SyncKind.ORDERS, credentials, known)
    sandbox.set_price("BTC/USDT", "80000")
    ((end,), (opened,)) = found["usdm-trigger"].rows, found["usdm"].rows
    assert (end.order_id, end.status, end.filled) == (stop, OrderStatus.CLOSED, None)
    assert (opened.status, opened.price) == (OrderStatus.OPEN, 95000)


def test_coin_margined_requests_count_with_usd_margined_ones(sandbox, route, credentials):
    sandbox.forgive()
    (outcome,) = batch(route, SyncKind.ORDERS, [Job(credentials=credentials, wallets=["usdm", "coinm"])])
    assert outcome.error is None
    # Either alone is 40.
    assert usage(route)["usdm"].weight >= 80


def test_conditional_orders_of_bybit_are_among_its_open_orders(sandbox, request):
    made = sandbox.create_account("bybit", holdings={"USDT": "10000", "BTC": "1"})
    credentials = Credentials(api_key=made.api_key, secret=made.secret)
    trader = owner(sandbox, credentials, "bybit")
    up = {"triggerPrice": 90000, "triggerDirection": "ascending"}
    spot = trader.create_order("BTC/USDT", "limit", "buy", 0.001, 70000, {"triggerPrice": 90000})["id"]
    linear = trader.create_order(LINEAR, "market", "buy", 0.01, None, up)["id"]
    here = route_to("bybit", sandbox.url, egress=request.node.name)
    rows = read(here, SyncKind.ORDERS, credentials)["unified"].rows
    assert {row.order_id for row in rows} == {spot, linear}
    trader.cancel_order(linear, LINEAR, {"trigger": True})
    known = OpenOrder(wallet="unified", order_id=linear, symbol=LINEAR)
    rows = read(here, SyncKind.ORDERS, credentials, known)["unified"].rows
    assert {row.order_id: row.status for row in rows} == {spot: OrderStatus.OPEN, linear: OrderStatus.CANCELED}
