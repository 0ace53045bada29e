"""A row that ccxt leaves out, merges or guesses is no reading: stored, it would look sold."""

import pytest

from alphapulse.exchanges.errors import BadResponse
from alphapulse.types import SyncKind
from tests.alphapulse.exchanges import written
from tests.alphapulse.exchanges.asking import fetch, route_to
from tests.alphapulse.exchanges.scripted import Said, ScriptedExchange

BINANCE_ACCOUNT = "api.binance.com/api/v3/account"
BINANCE_POSITIONS = "fapi.binance.com/fapi/v3/positionRisk"
BYBIT_BALANCE = "api.bybit.com/v5/account/wallet-balance"
KRAKEN_BALANCE = "api.kraken.com/0/private/BalanceEx"
COINBASE_ACCOUNTS = "api.coinbase.com/api/v3/brokerage/accounts"


def first(exchange: ScriptedExchange, exchange_id: str, kind: SyncKind):
    exchange.answers = {**written.answers(exchange_id), **exchange.answers}
    return fetch(route_to(exchange_id, exchange.base), kind)[0]


def spot_row(asset, free="1", locked="0"):
    return {"asset": asset, "free": free, "locked": locked}


@pytest.mark.parametrize(
    "rows",
    [
        [spot_row("BTC"), {"free": "5", "locked": "0"}],
        [spot_row("BTC"), spot_row("", "5")],
        [spot_row("AAA", "1"), spot_row("AAA", "7")],
        [spot_row("BTC"), {"asset": "BBB", "free": "2"}],
        [spot_row("BTC"), {"asset": "BBB"}],
    ],
)
def test_a_binance_balance_that_is_not_whole_is_refused(exchange, rows):
    exchange.answers = written.answers("binance") | {BINANCE_ACCOUNT: Said(json={"updateTime": 1, "balances": rows})}
    spot, earn, *_ = fetch(route_to("binance", exchange.base), SyncKind.BALANCES)
    assert isinstance(spot.error, BadResponse)
    # The same answer, read for another wallet.
    for error in (spot.error, *filter(None, [earn.error])):
        assert error.message.startswith("Binance: ")


def test_rows_of_nothing_need_no_name(exchange):
    rows = [spot_row("BTC"), {"free": "0", "locked": "0.000"}]
    exchange.answers[BINANCE_ACCOUNT] = Said(json={"updateTime": 1, "balances": rows})
    assert [row.currency for row in first(exchange, "binance", SyncKind.BALANCES).rows] == ["BTC"]


@pytest.mark.parametrize(
    "changed", [{"walletBalance": "", "totalPositionIM": "0.00000001"}, {"coin": None}, {"coin": "", "locked": "1"}]
)
def test_a_bybit_balance_that_is_not_whole_is_refused(exchange, changed):
    answer = written.answers("bybit")[BYBIT_BALANCE](None).json
    answer["result"]["list"][0]["coin"][1] |= changed
    exchange.answers[BYBIT_BALANCE] = Said(json=answer)
    assert isinstance(first(exchange, "bybit", SyncKind.BALANCES).error, BadResponse)


def test_two_kraken_names_of_one_coin_do_not_overwrite_each_other(exchange):
    rows = {"XXBT": {"balance": "1", "hold_trade": "0"}, "XBT": {"balance": "4", "hold_trade": "0"}}
    exchange.answers[KRAKEN_BALANCE] = Said(json={"error": [], "result": rows})
    reading = first(exchange, "kraken", SyncKind.BALANCES)
    assert isinstance(reading.error, BadResponse)
    assert "BTC twice" in reading.error.message


@pytest.mark.parametrize(
    "changed",
    [{"entryPrice": None}, {"entryPrice": "0.0"}, {"positionAmt": None}, {"positionAmt": "some"}],
)
def test_a_binance_position_that_is_not_whole_is_refused(exchange, changed):
    rows = written.answers("binance")[BINANCE_POSITIONS](None).json
    rows[0] = {key: value for key, value in {**rows[0], **changed}.items() if value is not None}
    exchange.answers[BINANCE_POSITIONS] = Said(json=rows)
    reading = first(exchange, "binance", SyncKind.POSITIONS)
    assert isinstance(reading.error, BadResponse)


def coinbase_account(uuid="1", currency="BTC", kind="ACCOUNT_TYPE_CRYPTO", value="1"):
    return {
        "uuid": uuid,
        "currency": currency,
        "available_balance": {"value": value, "currency": currency},
        "hold": {"value": "0", "currency": currency},
        "type": kind,
    }


def coinbase_page(*accounts, cursor=""):
    return {"accounts": list(accounts), "has_next": bool(cursor), "cursor": cursor}


@pytest.mark.parametrize(
    "page",
    [
        coinbase_page(coinbase_account(), cursor="again"),
        coinbase_page(coinbase_account()) | {"has_next": True},
        coinbase_page(coinbase_account(kind="ACCOUNT_TYPE_NEW"), coinbase_account("2", "ETH")),
        coinbase_page({"uuid": "1", "type": "ACCOUNT_TYPE_CRYPTO", "currency": "BTC"}),
    ],
)
def test_coinbase_accounts_that_are_not_all_told_are_refused(exchange, page):
    exchange.answers[COINBASE_ACCOUNTS] = Said(json=page)
    assert isinstance(first(exchange, "coinbase", SyncKind.BALANCES).error, BadResponse)


def test_a_second_coinbase_page_that_is_none_costs_the_reading(exchange):
    whole = coinbase_page(coinbase_account(), cursor="more")
    exchange.answers[COINBASE_ACCOUNTS] = lambda asked: Said(
        json={"status": "oops"} if "cursor" in asked.query else whole
    )
    assert isinstance(first(exchange, "coinbase", SyncKind.BALANCES).error, BadResponse)


def test_a_coinbase_account_that_two_pages_list_counts_once(exchange):
    one, two = (
        coinbase_page(coinbase_account(), cursor="more"),
        coinbase_page(coinbase_account(), coinbase_account("2")),
    )
    exchange.answers[COINBASE_ACCOUNTS] = lambda asked: Said(json=two if "cursor" in asked.query else one)
    assert [row.total for row in first(exchange, "coinbase", SyncKind.BALANCES).rows] == [2]
