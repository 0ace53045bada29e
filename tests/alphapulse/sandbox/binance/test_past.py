"""A planted past, read back by an unmodified ccxt client within Binance's windows, and refused beyond them."""

from collections import Counter
from typing import Any

import ccxt
import pytest

from alphapulse.sandbox.testing import Credentials, SandboxServer
from tests.alphapulse.sandbox.binance.signing import Signer

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


@pytest.fixture
def account(sandbox: SandboxServer) -> Credentials:
    return sandbox.create_account("binance", holdings={"USDT": "100000", "BNB": "10"})


@pytest.fixture
def client(sandbox: SandboxServer, account: Credentials) -> Any:
    opened = ccxt.binance({"apiKey": account.api_key, "secret": account.secret, "enableRateLimit": False})
    return sandbox.point(opened)


@pytest.fixture
def signer(sandbox: SandboxServer, account: Credentials) -> Signer:
    return Signer(sandbox, account)


def planted(sandbox: SandboxServer, account: Credentials, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    """The truth without what the account was given to begin with."""
    sandbox.plant_history("binance", account.account, rows)
    created_ms = min(row["at_ms"] for row in sandbox.history("binance", account.account, kind="deposit")[-2:])
    return [row for row in sandbox.history("binance", account.account) if row["at_ms"] < created_ms]


def ids(rows: list[dict[str, Any]], kind: str) -> list[str]:
    return [row["id"] for row in rows if row["kind"] == kind]


def bought(at: int, market: str = "BTCUSDT", **more: Any) -> dict[str, Any]:
    return {"kind": "trade", "market": market, "side": "buy", "price": "2000", "amount": "0.01", "at": at} | more


def test_trades_and_closed_orders(sandbox: SandboxServer, account: Credentials, client: Any):
    at = client.milliseconds() - 300 * DAY_MS
    bnb = {"fee": "0.0001", "fee_currency": "BNB"}
    order = {"kind": "order", "market": "ETHUSDT", "side": "buy", "price": "2000", "amount": "1", "at": at + 1}
    fills = [
        {"price": "2000", "amount": "0.25", "at": at + 5, **bnb},
        {"price": "1999", "amount": "0.25", "at": at + 5},
    ]
    truth = planted(sandbox, account, bought(at), bought(at, "ETHUSDT"), order | {"fills": fills})

    [bitcoin] = client.fetch_my_trades("BTC/USDT", since=at)
    trades = client.fetch_my_trades("ETH/USDT", since=at, params={"until": at + DAY_MS})
    assert [bitcoin["id"], *(trade["id"] for trade in trades)] == ids(truth, "trade")
    assert bitcoin["id"] == trades[0]["id"]
    assert [trade["fee"] for trade in trades[1:]] == [
        {"currency": "BNB", "cost": 0.0001},
        {"currency": "ETH", "cost": 0.00025},
    ]
    closed = client.fetch_orders("ETH/USDT", since=at, params={"endTime": at + DAY_MS})
    assert [order["id"] for order in closed] == ids(truth, "order")[1:]
    assert [(order["status"], order["filled"]) for order in closed] == [("closed", 0.01), ("canceled", 0.5)]


def test_money_that_came_went_and_moved(sandbox: SandboxServer, account: Credentials, client: Any):
    at = client.milliseconds() - 80 * DAY_MS
    rows = [
        {"kind": "deposit", "currency": "BTC", "amount": "1", "at": at, "network": "BTC", "txid": "abc"},
        {"kind": "deposit", "currency": "SOL", "amount": "3", "at": at + 1, "wallet": "funding"},
        {"kind": "withdrawal", "currency": "BTC", "amount": "0.25", "fee": "0.0005", "at": at + 2},
        {"kind": "transfer", "currency": "BTC", "amount": "0.125", "from": "spot", "to": "futures", "at": at + 3},
        {"kind": "fiat_deposit", "currency": "EUR", "amount": "100", "fee": "1", "at": at + 4},
    ]
    truth = planted(sandbox, account, *rows)

    deposits = client.fetch_deposits(since=at)
    assert Counter(deposit["id"] for deposit in deposits) >= Counter(ids(truth, "deposit"))
    [bitcoin] = [deposit for deposit in deposits if deposit["currency"] == "BTC"]
    assert (bitcoin["txid"], bitcoin["network"]) == ("abc", "BTC")
    [withdrawal] = client.fetch_withdrawals(since=at - 1000)
    assert (withdrawal["id"], withdrawal["amount"]) == (ids(truth, "withdrawal")[0], 0.25)
    assert withdrawal["fee"] == {"currency": "BTC", "cost": 0.0005}
    assert withdrawal["timestamp"] == (at + 2) // 1000 * 1000  # told in whole seconds
    [moved] = client.fetch_transfers(since=at, params={"fromAccount": "spot", "toAccount": "swap"})
    assert (moved["id"], moved["amount"]) == (ids(truth, "transfer")[0], 0.125)
    [fiat] = client.fetch_deposits("EUR", since=at)
    assert (fiat["id"], fiat["fee"]["cost"]) == (ids(truth, "fiat_deposit")[0], 1)


def test_futures_trades_orders_funding_and_income(sandbox: SandboxServer, account: Credentials, client: Any):
    at = client.milliseconds() - 20 * DAY_MS
    rows = [
        {"kind": "transfer", "currency": "USDT", "amount": "5000", "from": "spot", "to": "futures", "at": at},
        bought(at + 1, market_kind="linear", price="40000"),
        bought(at + 2, market_kind="linear", price="41000", side="sell"),
        {"kind": "funding", "market": "BTCUSDT", "amount": "-0.5", "at": at + 3},
        {"kind": "rebate", "currency": "USDT", "amount": "0.125", "wallet": "futures", "at": at + 4},
    ]
    truth = planted(sandbox, account, *rows)
    client.options["defaultType"] = "swap"

    trades = client.fetch_my_trades("BTC/USDT:USDT", since=at)
    assert [trade["id"] for trade in trades] == ids(truth, "trade")
    assert [trade["info"]["realizedPnl"] for trade in trades] == ["0.00000000", "10.00000000"]
    closed = client.fetch_closed_orders("BTC/USDT:USDT", since=at)
    assert [order["id"] for order in closed] == ids(truth, "order")
    [paid] = client.fetch_funding_history("BTC/USDT:USDT", since=at)
    assert (paid["id"], paid["amount"], paid["symbol"]) == (ids(truth, "funding")[0], -0.5, "BTC/USDT:USDT")
    income = [row["info"]["incomeType"] for row in client.fetch_ledger("USDT", since=at)]
    assert Counter(income) == {
        "TRANSFER": 1,
        "COMMISSION": 2,
        "REALIZED_PNL": 1,
        "FUNDING_FEE": 1,
        "COMMISSION_REBATE": 1,
    }


def test_coin_margined_trades_and_income(sandbox: SandboxServer, account: Credentials, client: Any):
    at = client.milliseconds() - 20 * DAY_MS
    perpetual = {"market_kind": "inverse", "amount": "10", "fee": "0.0001"}
    rows = [
        {"kind": "deposit", "currency": "BTC", "amount": "1", "at": at},
        {"kind": "transfer", "currency": "BTC", "amount": "1", "from": "spot", "to": "delivery", "at": at},
        bought(at + 1, "BTCUSD_PERP", price="40000", **perpetual),
        bought(at + 2, "BTCUSD_PERP", price="50000", side="sell", **perpetual),
    ]
    truth = planted(sandbox, account, *rows)

    trades = client.fetch_my_trades("BTC/USD:BTC", since=at, params={"until": at + DAY_MS})
    assert [trade["id"] for trade in trades] == ids(truth, "trade")
    assert trades[0]["fee"] == {"currency": "BTC", "cost": 0.0001}
    income = client.fetch_ledger("BTC", since=at, params={"type": "swap", "subType": "inverse"})
    assert sum(row["amount"] * (1 if row["direction"] == "in" else -1) for row in income) == pytest.approx(1.0048)


def test_cross_margin_has_its_own_trades_and_orders(sandbox: SandboxServer, account: Credentials, client: Any):
    at = client.milliseconds() - 20 * DAY_MS
    lent = {"kind": "transfer", "currency": "USDT", "amount": "500", "from": "spot", "to": "margin", "at": at}
    truth = planted(sandbox, account, lent, bought(at + 1), bought(at + 2, wallet="margin"))

    spot, margin = ids(truth, "trade")
    window = {"until": at + DAY_MS}
    cross = window | {"marginMode": "cross"}
    assert [row["id"] for row in client.fetch_my_trades("BTC/USDT", since=at, params=window)] == [spot]
    assert [row["id"] for row in client.fetch_my_trades("BTC/USDT", since=at, params=cross)] == [margin]
    [order] = client.fetch_orders("BTC/USDT", since=at, params={"marginMode": "cross", "endTime": at + DAY_MS})
    assert order["id"] == ids(truth, "order")[1]


def test_what_moves_money_beside_trades(sandbox: SandboxServer, account: Credentials, client: Any):
    at = client.milliseconds() - 20 * DAY_MS
    coins = [{"currency": "DOGE", "amount": "3", "got": "0.001", "fee": "0.00002"}]
    card = {"currency": "DOGE", "amount": "50", "fiat": "EUR", "fiat_amount": "9", "fee": "0.2"}
    rows = [
        {"kind": "convert", "from": "USDT", "from_amount": "200", "to": "BNB", "to_amount": "0.4", "at": at},
        {"kind": "convert", "from": "USDT", "from_amount": "300", "to": "BNB", "to_amount": "0.6", "at": at},
        {"kind": "purchase", **card, "at": at + 1},
        {"kind": "dust", "coins": coins, "at": at + 2},
        {"kind": "reward", "currency": "USDT", "amount": "0.5", "at": at + 3},
        {"kind": "reward", "currency": "USDT", "amount": "0.25", "product": "locked", "at": at + 4},
        {"kind": "airdrop", "currency": "ADA", "amount": "12", "info": "ADA airdrop", "at": at + 5},
        {"kind": "rebate", "currency": "BNB", "amount": "0.01", "at": at + 6},
        {"kind": "interest", "currency": "USDT", "amount": "0.125", "principal": "1000", "at": at + 7},
        {"kind": "sale", "currency": "ADA", "amount": "2", "fiat": "EUR", "fiat_amount": "1", "at": at + 8},
    ]
    truth = planted(sandbox, account, *rows)
    window = {"startTime": at, "endTime": at + DAY_MS}

    converts = client.fetch_convert_trade_history(since=at)
    assert {row["id"] for row in converts} == {row["reference"] for row in truth if row["kind"] == "convert"}
    assert [(row["fromAmount"], row["toAmount"]) for row in converts] == [(300, 0.6), (200, 0.4)]
    [dust] = client.fetch_my_dust_trades(since=at)
    assert (dust["symbol"], dust["amount"], dust["cost"], dust["fee"]["cost"]) == ("DOGE/BNB", 3, 0.001, 0.00002)
    [interest] = client.fetch_borrow_interest("USDT", since=at)
    assert (interest["interest"], interest["amountBorrowed"], interest["marginMode"]) == (0.125, 1000, "cross")
    flexible = client.sapi_get_simple_earn_flexible_history_rewardsrecord(window | {"type": "ALL"})
    locked = client.sapi_get_simple_earn_locked_history_rewardsrecord(window)
    assert [row["rewards"] for row in flexible["rows"]] == ["0.50000000"]
    assert [row["amount"] for row in locked["rows"]] == ["0.25000000"]
    dividends = client.sapi_get_asset_assetdividend(window)["rows"]
    assert [row["enInfo"] for row in dividends] == ["ADA airdrop", "Locked", "Flexible"]
    assert dividends[0]["tranId"] == int(ids(truth, "airdrop")[0])
    [rebate] = client.sapi_get_rebate_taxquery(window)["data"]["data"]
    assert (rebate["asset"], rebate["amount"]) == ("BNB", "0.01")
    for kind, direction in (("purchase", 0), ("sale", 1)):
        [payment] = client.sapi_get_fiat_payments({"transactionType": direction, "beginTime": at})["data"]
        assert payment["orderNo"] == ids(truth, kind)[0]


@pytest.mark.parametrize(
    ("path", "days", "code", "more"),
    [
        ("/api/v3/myTrades", 1, -1127, {"symbol": "BTCUSDT"}),
        ("/api/v3/allOrders", 1, -1127, {"symbol": "BTCUSDT"}),
        ("/sapi/v1/margin/myTrades", 1, -1127, {"symbol": "BTCUSDT"}),
        ("/sapi/v1/capital/deposit/hisrec", 90, -1127, {}),
        ("/sapi/v1/capital/withdraw/history", 90, -1127, {}),
        ("/sapi/v1/asset/assetDividend", 180, -1127, {}),
        ("/sapi/v1/simple-earn/flexible/history/rewardsRecord", 90, -1127, {}),
        ("/sapi/v1/simple-earn/locked/history/rewardsRecord", 90, -1127, {}),
        ("/sapi/v1/margin/interestHistory", 30, -1127, {}),
        ("/sapi/v1/rebate/taxQuery", 30, -1127, {}),
        ("/fapi/v1/userTrades", 7, -4165, {"symbol": "BTCUSDT"}),
        ("/fapi/v1/allOrders", 7, -4165, {"symbol": "BTCUSDT"}),
        ("/dapi/v1/userTrades", 7, -4165, {"symbol": "BTCUSD_PERP"}),
        ("/dapi/v1/allOrders", 7, -4165, {"symbol": "BTCUSD_PERP"}),
    ],
)
def test_a_window_may_be_this_long_and_no_longer(
    signer: Signer, client: Any, path: str, days: int, code: int, more: dict[str, str]
):
    signer.host = {"fapi": "fapi.binance.com", "dapi": "dapi.binance.com"}.get(path[1:5], signer.host)
    end_ms = client.milliseconds()
    assert signer.signed("GET", path, startTime=end_ms - days * DAY_MS, endTime=end_ms, **more).status == 200
    answer = signer.signed("GET", path, startTime=end_ms - days * DAY_MS - 1, endTime=end_ms, **more)
    assert (answer.status, answer.code) == (400, code)


@pytest.mark.parametrize(("path", "host"), [("/api/v3/myTrades", "api"), ("/fapi/v1/userTrades", "fapi")])
def test_an_id_and_times_cannot_be_asked_for_together(signer: Signer, path: str, host: str):
    signer.host = f"{host}.binance.com"
    answer = signer.signed("GET", path, symbol="BTCUSDT", fromId=1, startTime=1)
    assert (answer.status, answer.code) == (400, -1128)


def test_converts_of_too_long_a_window_look_like_none(
    sandbox: SandboxServer, account: Credentials, client: Any, signer: Signer
):
    now_ms = client.milliseconds()
    at = now_ms - 2 * DAY_MS
    for number in range(3):
        gave = {"from": "USDT", "from_amount": "1", "to": "BNB", "to_amount": "0.002"}
        planted(sandbox, account, {"kind": "convert", "at": at + number, **gave})

    def asked(days: int, **more: int) -> Any:
        window = {"startTime": now_ms - days * DAY_MS, "endTime": now_ms}
        return signer.signed("GET", "/sapi/v1/convert/tradeFlow", **window, **more).body

    assert (len(asked(30)["list"]), asked(30)["moreData"]) == (3, False)
    assert (len(asked(30, limit=2)["list"]), asked(30, limit=2)["moreData"]) == (2, True)
    assert (asked(31)["list"], asked(31)["moreData"]) == ([], False)
    assert signer.signed("GET", "/sapi/v1/convert/tradeFlow", startTime=at).code == -1102


def test_more_trades_than_a_page_within_one_window_are_read_on_by_id(
    sandbox: SandboxServer, account: Credentials, signer: Signer
):
    sandbox.generate_history("binance", account.account, days=3, trades=1300, burst=1250, symbols=["BTCUSDT"])
    truth = ids(sandbox.history("binance", account.account), "trade")

    read: list[str] = []
    first = 1
    while rows := signer.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", fromId=first, limit=1000).body:
        read += [str(row["id"]) for row in rows]
        first = rows[-1]["id"] + 1
    assert read == truth
    assert len(read) == len(set(read)) >= 1300


def test_some_of_the_past_is_forgotten(sandbox: SandboxServer, account: Credentials, client: Any, signer: Signer):
    def told(days_ago: int) -> dict[str, int]:
        at = client.milliseconds() - days_ago * DAY_MS
        rows = [
            {"kind": "transfer", "currency": "USDT", "amount": "900", "from": "spot", "to": "futures", "at": at},
            bought(at + 1, market_kind="linear"),
            {"kind": "order", "amount": "1", "fills": [], **_wish(at + 2)},
            {"kind": "funding", "market": "BTCUSDT", "amount": "-0.5", "at": at + 3},
        ]
        truth = [row for row in planted(sandbox, account, *rows) if at <= row["at_ms"] <= at + 3]
        window = {"startTime": at, "endTime": at + HOUR_MS}
        signer.host = "fapi.binance.com"
        market = {"symbol": "BTCUSDT"}
        lists = {
            "trade": signer.signed("GET", "/fapi/v1/userTrades", **market, **window).body,
            "order": signer.signed("GET", "/fapi/v1/allOrders", **market, **window).body,
            "funding": signer.signed("GET", "/fapi/v1/income", incomeType="FUNDING_FEE", **window).body,
        }
        signer.host = "api.binance.com"
        lists["transfer"] = signer.signed("GET", "/sapi/v1/asset/transfer", type="MAIN_UMFUTURE", **window).body["rows"]
        assert {kind: len(rows) for kind, rows in lists.items()} == {
            kind: sum(row["is_told"] for row in truth if row["kind"] == kind) for kind in lists
        }
        return {kind: len(rows) for kind, rows in lists.items()}

    def _wish(at: int) -> dict[str, Any]:
        return {"market": "BTCUSDT", "market_kind": "linear", "side": "buy", "price": "9", "at": at}

    assert told(1) == {"trade": 1, "order": 2, "funding": 1, "transfer": 1}
    assert told(5) == {"trade": 1, "order": 1, "funding": 1, "transfer": 1}
    assert told(100) == {"trade": 1, "order": 0, "funding": 0, "transfer": 1}
    assert told(200) == {"trade": 0, "order": 0, "funding": 0, "transfer": 0}


def test_some_lists_count_against_the_account_and_not_its_address(
    sandbox: SandboxServer, account: Credentials, signer: Signer
):
    answer = signer.signed("GET", "/sapi/v1/fiat/orders", transactionType=0)
    assert answer.headers["X-SAPI-USED-UID-WEIGHT-1M"] == "90000"
    other = Signer(sandbox, sandbox.create_account("binance"))
    assert (
        other.signed("GET", "/sapi/v1/fiat/orders", transactionType=0).headers["X-SAPI-USED-UID-WEIGHT-1M"] == "90000"
    )
    assert signer.signed("GET", "/sapi/v1/fiat/orders", transactionType=1).status == 200
    assert signer.signed("GET", "/sapi/v1/fiat/orders", transactionType=1).status == 429
