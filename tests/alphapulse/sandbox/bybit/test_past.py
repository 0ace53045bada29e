"""A planted past, read back by an unmodified ccxt client within Bybit's windows, and by hand across their edges."""

from collections import Counter
from decimal import Decimal as D
from typing import Any

import pytest

from alphapulse.sandbox.past import plant
from alphapulse.sandbox.past_rows import read_rows
from alphapulse.sandbox.testing import SandboxServer
from alphapulse.sandbox.truth import told_history
from tests.alphapulse.sandbox.bybit.conftest import OpenClient
from tests.alphapulse.sandbox.bybit.desk import Desk

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


def planted(desk: Desk, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    plant(desk.exchange, desk.account, read_rows(desk.exchange, rows))
    return told_history(desk.exchange, desk.account)


def ids(rows: list[dict[str, Any]], kind: str) -> list[str]:
    return [row["id"] for row in rows if row["kind"] == kind]


def bought(at: int, market: str = "BTCUSDT", **more: Any) -> dict[str, Any]:
    return {"kind": "trade", "market": market, "side": "buy", "price": "2000", "amount": "0.01", "at": at} | more


def all_pages(desk: Desk, path: str, rows_in: str = "list", **params: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = desk.get(path, **params, **({"cursor": cursor} if cursor else {}))
        assert answer["retCode"] == 0, answer
        rows += answer["result"][rows_in]
        cursor = answer["result"]["nextPageCursor"]
        if not cursor:
            return rows


def test_a_past_reads_back_through_ccxt(sandbox: SandboxServer, open_client: OpenClient):
    client = open_client("spot")
    at = client.milliseconds() - 60 * DAY_MS
    fills = [{"price": "2000", "amount": "0.5", "at": at + 5}, {"price": "2001", "amount": "0.25", "at": at + 5}]
    rows = [
        {"kind": "order", "market": "ETHUSDT", "side": "buy", "price": "2001", "amount": "1", "at": at, "fills": fills},
        bought(at + 6, market_kind="linear"),
        {"kind": "funding", "market": "BTCUSDT", "amount": "-0.5", "at": at + 7},
        {"kind": "deposit", "currency": "ETH", "amount": "2", "wallet": "fund", "at": at + 8},
        {"kind": "withdrawal", "currency": "ETH", "amount": "1", "fee": "0.01", "wallet": "fund", "at": at + 9},
        {"kind": "transfer", "currency": "ETH", "amount": "0.5", "from": "fund", "to": "unified", "at": at + 10},
        {"kind": "airdrop", "currency": "ADA", "amount": "12", "at": at + 11},
        {"kind": "convert", "from": "ADA", "from_amount": "2", "to": "USDT", "to_amount": "1", "at": at + 12},
    ]
    assert sandbox.plant_history("bybit", client.apiKey, rows) == len(rows)
    truth = sandbox.history("bybit", client.apiKey)
    window = {"until": at + DAY_MS}

    trades = client.fetch_my_trades("ETH/USDT", since=at, params=window)
    assert [trade["id"] for trade in trades] == ids(truth, "trade")[:2]
    assert [(trade["amount"], trade["fee"]["currency"]) for trade in trades] == [(0.5, "ETH"), (0.25, "ETH")]
    [order] = client.fetch_canceled_and_closed_orders("ETH/USDT", since=at, params=window)
    assert (order["id"], order["info"]["orderStatus"]) == (ids(truth, "order")[0], "PartiallyFilledCanceled")
    assert (order["amount"], order["filled"]) == (1, 0.75)
    [swap] = client.fetch_my_trades("BTC/USDT:USDT", since=at, params=window)
    assert swap["id"] == ids(truth, "trade")[2]
    [paid] = client.fetch_funding_history("BTC/USDT:USDT", since=at, params=window)
    assert (paid["id"], paid["amount"]) == (
        ids(truth, "funding")[0],
        0.5,
    )  # ccxt keeps Bybit's sign: a fee that was paid
    [deposit] = client.fetch_deposits(since=at, params=window)
    assert (deposit["id"], deposit["currency"], deposit["amount"]) == (ids(truth, "deposit")[0], "ETH", 2)
    [withdrawal] = client.fetch_withdrawals(since=at, params=window)
    assert (withdrawal["amount"], withdrawal["fee"]["cost"]) == (1, 0.01)
    [moved] = client.fetch_transfers(since=at, params=window)
    assert (moved["id"], moved["fromAccount"], moved["toAccount"]) == (ids(truth, "transfer")[0], "fund", "unified")
    ledger = client.fetch_ledger(since=at, params={"endTime": at + DAY_MS})
    assert Counter(row["info"]["type"] for row in ledger) == {
        "TRADE": 5,
        "SETTLEMENT": 1,
        "TRANSFER_IN": 1,
        "AIRDROP": 1,
        "CURRENCY_BUY": 1,
        "CURRENCY_SELL": 1,
    }
    [converted] = client.fetch_convert_trade_history()
    assert (converted["fromCurrency"], converted["toCurrency"], converted["toAmount"]) == ("ADA", "USDT", 1)


@pytest.mark.parametrize(
    ("path", "days", "code"),
    [
        ("/v5/execution/list", 7, 10001),
        ("/v5/order/history", 7, 10001),
        ("/v5/account/transaction-log", 7, 10001),
        ("/v5/asset/transfer/query-inter-transfer-list", 7, 10001),
        ("/v5/asset/deposit/query-record", 30, 131002),
        ("/v5/asset/deposit/query-internal-record", 30, 131002),
        ("/v5/asset/withdraw/query-record", 30, 131002),
    ],
)
def test_a_window_may_be_this_long_and_no_longer(desk: Desk, path: str, days: int, code: int):
    now_ms = desk.now_ms
    window = {"category": "linear", "endTime": now_ms}
    assert desk.get(path, startTime=now_ms - days * DAY_MS, **window)["retCode"] == 0
    assert desk.get(path, startTime=now_ms - days * DAY_MS - 1, **window)["retCode"] == code


def test_records_reach_to_now_when_no_end_is_asked_for(desk: Desk):
    """So a start alone is refused when it is more than 30 days ago; orders' windows reach seven days on instead."""
    early = desk.now_ms - 31 * DAY_MS
    assert desk.get("/v5/asset/deposit/query-record", startTime=early)["retCode"] == 131002
    truth = planted(desk, bought(early + 1), bought(early + 8 * DAY_MS))
    rows = desk.rows("/v5/execution/list", category="spot", startTime=early)
    assert [row["execId"] for row in rows] == ids(truth, "trade")[:1]


def test_the_log_shows_a_day_unless_both_ends_are_asked_for(desk: Desk):
    early = desk.now_ms - 20 * DAY_MS
    for hours in (1, 23, 25):
        planted(desk, {"kind": "airdrop", "currency": "ADA", "amount": "1", "at": early + hours * HOUR_MS})
    log = "/v5/account/transaction-log"
    assert len(desk.rows(log, startTime=early, currency="ADA")) == 2
    assert len(desk.rows(log, startTime=early, endTime=early + 7 * DAY_MS, currency="ADA")) == 3
    assert len(desk.rows(log, endTime=early + 26 * HOUR_MS, currency="ADA")) == 2
    assert desk.rows(log, currency="ADA") == []


def test_pages_lose_nothing_among_many_of_one_millisecond(desk: Desk):
    at = desk.now_ms - 3 * DAY_MS
    crowd = [bought(at, market) for market in ("BTCUSDT", "ETHUSDT") for _ in range(60)]
    funding = [{"kind": "funding", "market": "BTCUSDT", "amount": "0.1", "at": at} for _ in range(30)]
    swaps = [bought(at, market_kind="linear") for _ in range(75)]
    truth = planted(desk, *crowd, *swaps, *funding)

    spot = all_pages(desk, "/v5/execution/list", category="spot", limit=50)
    linear = all_pages(desk, "/v5/execution/list", category="linear", limit=50)
    assert Counter(row["execType"] for row in linear) == {"Trade": 75, "Funding": 30}
    assert Counter(row["execId"] for row in spot + linear) == Counter([*ids(truth, "trade"), *ids(truth, "funding")])
    orders = all_pages(desk, "/v5/order/history", category="spot", limit=50)
    assert len({row["orderId"] for row in orders}) == len(orders) == 120
    window = {"startTime": at - DAY_MS, "endTime": at + DAY_MS}
    lines = all_pages(desk, "/v5/account/transaction-log", limit=50, **window)
    assert len({row["id"] for row in lines}) == len(lines) == 120 * 2 + 75 + 30


def test_the_log_adds_up_to_the_balance(desk: Desk):
    at = desk.now_ms - DAY_MS // 2
    planted(
        desk,
        bought(at),
        bought(at + 1, market_kind="linear", price="40000"),
        bought(at + 2, market_kind="linear", price="41000", side="sell"),
        {"kind": "funding", "market": "BTCUSDT", "amount": "-0.25", "at": at + 3},
        {"kind": "interest", "currency": "USDT", "amount": "0.5", "at": at + 4},
        {"kind": "rebate", "currency": "USDT", "amount": "0.125", "at": at + 5},
    )
    rows = all_pages(desk, "/v5/account/transaction-log", currency="USDT", accountType="UNIFIED")
    [coin] = desk.get("/v5/account/wallet-balance", accountType="UNIFIED", coin="USDT")["result"]["list"][0]["coin"]
    assert sum(D(row["change"]) for row in rows) == D(coin["walletBalance"]) == D(rows[0]["cashBalance"])
    assert {row["type"] for row in rows} >= {"TRADE", "SETTLEMENT", "INTEREST", "FEE_REFUND", "TRANSFER_IN"}
    assert [row["type"] for row in desk.rows("/v5/account/transaction-log", type="INTEREST")] == ["INTEREST"]


def test_cancelled_orders_without_fills_are_told_for_a_day(desk: Desk):
    day_ago, week_ago = desk.now_ms - DAY_MS // 2, desk.now_ms - 6 * DAY_MS
    order = {"kind": "order", "market": "ETHUSDT", "side": "buy", "price": "1000", "amount": "1", "fills": []}
    truth = planted(desk, order | {"at": week_ago}, order | {"at": day_ago}, bought(week_ago, order_amount="5"))

    told = {row["orderId"]: row["orderStatus"] for row in desk.rows("/v5/order/history", category="spot")}
    assert sorted(told.values()) == ["Cancelled", "PartiallyFilledCanceled"]
    assert told.keys() == {row["id"] for row in truth if row["kind"] == "order" and row["is_told"]}


def test_what_is_older_than_two_years_is_told_by_nobody_but_the_control(desk: Desk):
    at = desk.now_ms - 740 * DAY_MS
    truth = planted(desk, bought(at))

    assert desk.rows("/v5/execution/list", category="spot", startTime=at - 1, endTime=at + 1) == []
    assert [row["is_told"] for row in truth if row["kind"] == "trade"] == [False]


def test_deposits_from_inside_the_exchange_have_a_list_of_their_own(desk: Desk):
    at = desk.now_ms - DAY_MS
    truth = planted(desk, {"kind": "deposit", "currency": "BTC", "amount": "1", "network": "internal", "at": at})

    [row] = all_pages(desk, "/v5/asset/deposit/query-internal-record", "rows")
    assert row["id"] in ids(truth, "deposit")
    on_chain = all_pages(desk, "/v5/asset/deposit/query-record", "rows")
    assert row["id"] not in {deposit["id"] for deposit in on_chain}
