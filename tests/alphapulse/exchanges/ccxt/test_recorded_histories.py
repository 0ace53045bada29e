"""What real exchanges told of the past, as peers read it, comes out as our events."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from alphapulse.exchanges.ccxt import histories
from alphapulse.types import Credentials, OrderStatus, SyncKind, TransferKind, TransferStatus
from tests import recorded
from tests.alphapulse.exchanges.asking import route_to
from tests.alphapulse.exchanges.histories import read

# One line for the whole file, where there are none.
if not recorded.FOLDER.is_dir():
    pytest.skip("THE RECORDED ANSWERS ARE NOT CHECKED: ALPHAPULSE_RECORDED names no folder", allow_module_level=True)

CASES = {
    "binance": "binance_spot_rotki",
    "bybit": "bybit_uta_rotki",
    "kraken": "kraken_xchange",
    "okx": "okx_rotki",
}
DAY = 86_400_000
# Kraken's trades are years older than the rest of its case.
DAYS = {"binance": 420, "bybit": 30, "kraken": 1600, "okx": 30}


@pytest.fixture(scope="module")
def today() -> Iterator[str]:
    """Exchanges forget: the recorded past lies in the last days, moved by whole ones."""
    with recorded.replayed("--shift", "now") as base:
        yield base


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    monkeypatch.setattr(histories, "PACE", 0)


def told(today: str, exchange_id: str, kind: SyncKind, *names: tuple[str, str]) -> list:
    case = recorded.case(CASES[exchange_id])
    credentials = Credentials(api_key=case["api_key"], secret=case["secret"], password=case["password"] or "")
    found = read(route_to(exchange_id, today), kind, list(names), credentials=credentials, days=DAYS[exchange_id])
    return list(found.values())


def checks(exchange_id: str, call: str) -> list[dict]:
    """What peers expect of this call of ccxt's."""
    found = recorded.expected(CASES[exchange_id])["checks"]
    return [check for check in found if check["call"] == call]


def assert_as_expected(row, expected: dict) -> None:
    for field in ("price", "amount", "cost", "filled", "average"):
        if field in expected:
            assert getattr(row, field) == Decimal(expected[field]), (field, row)
    for field in {"symbol", "side"} & expected.keys():
        assert getattr(row, field) == expected[field]
    if "fee" in expected and hasattr(row, "fee"):
        assert (row.fee, row.fee_currency) == (Decimal(expected["fee"]["cost"]), expected["fee"]["currency"])
    if "timestamp" in expected:
        assert int(row.exchange_at.timestamp() * 1000) % DAY == expected["timestamp"] % DAY


def test_binance_trades_have_their_fees_in_base_quote_and_a_third_coin(today):
    seen = 0
    for check in checks("binance", "fetch_my_trades"):
        rows = {row.trade_id: row for row in told(today, "binance", SyncKind.TRADES, ("spot", check["name"]))}
        assert len(rows) == check["count"]
        for expected in check["expect"]:
            assert_as_expected(rows[expected["id"]], expected)
            assert rows[expected["id"]].is_maker is {"maker": True, "taker": False}.get(
                expected.get("takerOrMaker"), rows[expected["id"]].is_maker
            )
            seen += 1
    assert seen == 5


def test_binance_transfers_are_what_peers_read(today):
    (check,) = checks("binance", "fetch_deposits")
    rows = {row.currency: row for row in told(today, "binance", SyncKind.TRANSFERS, ("deposits", ""))}
    assert len(rows) == check["count"]
    for expected in check["expect"]:
        row = rows[expected["currency"]]
        assert_as_expected(row, expected)
        assert (row.kind, row.status) == (TransferKind.DEPOSIT, TransferStatus.OK)
        assert row.txid == expected.get("txid", row.txid)
    withdrawn = {row.currency: row for row in told(today, "binance", SyncKind.TRANSFERS, ("withdrawals", ""))}
    assert (withdrawn["XMR"].amount, withdrawn["XMR"].fee) == (Decimal("999.9999"), Decimal("0.0001"))
    assert {row.status for row in withdrawn.values()} == {TransferStatus.PENDING}


def test_bybit_orders_ended_as_peers_say(today):
    rows = {row.order_id: row for row in told(today, "bybit", SyncKind.CLOSED_ORDERS, ("spot", ""))}
    statuses = []
    for check in (*checks("bybit", "fetch_closed_orders"), *checks("bybit", "fetch_canceled_orders")):
        for expected in check["expect"]:
            assert_as_expected(rows[expected["id"]], expected)
            statuses.append(rows[expected["id"]].status)
    assert sorted(statuses) == [OrderStatus.CANCELED, *[OrderStatus.CLOSED] * 3]
    assert len(rows) == 4


def test_bybit_deposits_are_two(today):
    rows = told(today, "bybit", SyncKind.TRANSFERS, ("deposits", ""))
    assert sorted((row.currency, row.amount, row.status) for row in rows) == [
        ("USDC", Decimal(20), TransferStatus.OK),
        ("USDC", Decimal("79.993947"), TransferStatus.OK),
    ]


def test_kraken_trades_of_one_moment_are_told_apart_by_their_ids(today):
    rows = {row.trade_id: row for row in told(today, "kraken", SyncKind.TRADES, ("spot", ""))}
    (check,) = checks("kraken", "fetch_my_trades")
    assert len(rows) == 3
    for expected in check["expect"]:
        row = rows[expected["id"]]
        assert_as_expected(row, expected)
        assert row.order_id == expected.get("order", row.order_id)
    assert {row.symbol for row in rows.values()} == {"LTC/BTC", "BTC/USD"}


def test_okx_orders_have_costs_to_the_last_digit(today):
    rows = {row.order_id: row for row in told(today, "okx", SyncKind.CLOSED_ORDERS, ("spot", ""))}
    (check,) = checks("okx", "fetch_closed_orders")
    assert len(rows) == 8
    for expected in check["expect"]:
        assert_as_expected(rows[expected["id"]], expected)
        if "~cost" in expected:
            assert abs(rows[expected["id"]].cost - Decimal(expected["~cost"])) < Decimal("0.00000001")
