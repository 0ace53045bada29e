"""Bybit's files, as they are written: what becomes of every row."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from alphapulse.exchanges.exports.errors import Unreadable
from alphapulse.types import FundingPayment, LedgerKind, Side, Trade, TransferKind
from tests.alphapulse.exchanges.exports.files import read_file, read_text


def test_spot_trades_have_the_ids_that_the_api_tells():
    bought, sold = read_file("Bybit-Spot-TradeHistory.csv", "bybit").events
    assert (bought.trade_id, bought.order_id) == ("2290000000522832993", "1836393090823494400")
    assert (bought.symbol, bought.side, bought.exchange_at) == (
        *("BTC/USDT", Side.BUY),
        datetime(2024, 12, 9, 19, 48, 23, tzinfo=UTC),
    )
    # A fee without a currency is in what was received.
    assert (bought.fee, bought.fee_currency) == (Decimal("0.000046118"), "BTC")
    assert (sold.fee, sold.fee_currency) == (Decimal("0.0206461791"), "USDT")


def test_newer_spot_trades_name_the_fees_currency_and_shorten_the_orders_id():
    (trade,) = read_file("Bybit-Spot-OrderHistory-1731880800-1732571999.csv", "bybit").events
    assert (trade.fee, trade.fee_currency) == (Decimal("0.04997342400000000000"), "USDT")
    assert (trade.trade_id, trade.order_id) == ("2200000000355489633", None)
    assert trade.exchange_at == datetime(2024, 11, 16, 14, 35, tzinfo=UTC)


HEADER = (
    "Spot Pairs,Order Type,Direction,Filled Value,Filled Price,Filled Quantity,Fees,Transaction ID,Order No.,"
    "Timestamp (UTC)\n"
)


def test_a_shortened_id_names_nothing():
    row = "BTCUSDT,LIMIT,BUY,100,100,1,0.001,67006208,50228992,2024-09-27 21:52:04\n"
    (trade,) = read_text(HEADER + row, "bybit").events
    assert trade.trade_id.startswith("file:")
    assert trade.order_id is None


def test_without_a_whole_id_and_without_seconds_a_row_could_not_be_told_from_the_apis():
    row = "BTCUSDT,LIMIT,BUY,100,100,1,0.001,67006208,50228992,14:35 2024-11-16\n"
    with pytest.raises(
        Unreadable, match=r"Line 2, column 'Transaction ID': neither a whole id nor a time with seconds"
    ):
        read_text(HEADER + row, "bybit")


def test_contract_trades_and_funding_stand_in_one_file():
    events = read_file("Bybit-Derivatives-TradeHistory.csv", "bybit").events
    bought, paid, got, liquidated = events
    assert isinstance(bought, Trade)
    assert (bought.symbol, bought.side, bought.cost) == ("BTC/USDT:USDT", Side.BUY, Decimal("1280.01"))
    assert (bought.fee, bought.fee_currency) == (Decimal("0.7040055"), "USDT")
    assert isinstance(paid, FundingPayment)
    assert (paid.amount, got.amount) == (Decimal("-0.1282"), Decimal("0.05"))
    assert (got.currency, got.exchange_at) == ("USDT", datetime(2025, 1, 11, tzinfo=UTC))
    # Inverse contracts are counted in dollars, and cost coins.
    assert (liquidated.symbol, liquidated.amount, liquidated.cost) == ("BTC/USD:BTC", Decimal(100), Decimal("0.002"))


def test_the_transaction_log_tells_funding_interest_and_converts_and_leaves_trades_to_their_file():
    export = read_file("AssetChangeDetails_uta_531298197_20260101_20260922_0.csv", "bybit")
    funding, interest, sold, bought, unknown = export.events
    assert (funding.symbol, funding.amount) == ("XAUT/USDT:USDT", Decimal("-0.0043613"))
    assert (interest.kind, interest.amount) == (LedgerKind.INTEREST, Decimal("-0.004"))
    assert (sold.kind, sold.amount, sold.reference) == (LedgerKind.CONVERT, Decimal(-10), bought.reference)
    assert (unknown.kind, unknown.currency, unknown.amount) == (LedgerKind.OTHER, "USDC", Decimal(-3))
    assert export.notes["no word: kept as kind 'other'"] == 1
    assert {reason.split(":")[0]: number for reason, number in export.left.items()} == {
        "trades": 1,
        "moves between wallets of the account": 1,
    }


def test_the_funding_account_tells_what_was_earned_bought_and_given():
    export = read_file("AssetChangeDetails_fund_531298197_20260101_20260922_0.csv", "bybit")
    assert Counter(event.kind for event in export.events) == {
        LedgerKind.INTEREST: 1,
        LedgerKind.FIAT: 1,
        LedgerKind.AIRDROP: 1,
        TransferKind.DEPOSIT: 1,
    }
    assert export.left.total() == 2
    assert len(export.events) + export.left.total() == export.rows
