"""Binance's files, as they are written: what becomes of every row."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from alphapulse.exchanges.exports import binance
from alphapulse.exchanges.exports.binance_words import ELSEWHERE, OPERATIONS
from alphapulse.types import LedgerKind, OrderStatus, Side, TransferKind, TransferStatus
from tests.alphapulse.exchanges.exports.files import read_file, read_text

STATEMENT = "User_ID,UTC_Time,Account,Operation,Coin,Change,Remark\n"


def brief(trade) -> tuple[str, ...]:
    return (
        trade.symbol,
        trade.side,
        *(str(value) for value in (trade.price, trade.amount, trade.fee)),
        trade.fee_currency,
    )


def test_spot_trades_have_their_units_beside_the_numbers():
    export = read_file("Binance-Spot-Trade-History.csv", "binance")
    assert [brief(trade) for trade in export.events] == [
        ("LUNA/BUSD", "sell", "1.5000", "20.0000000000", "0.0300000000", "BUSD"),
        ("BTC/USDT", "buy", "61000.10", "0.5000000000", "0.0005000000", "BTC"),
        ("BTC/USDT", "buy", "61000.10", "0.5000000000", "0.0005000000", "BTC"),
        ("BTC/USDT", "sell", "61002.00", "0.2500000000", "0.0269000000", "BNB"),
        ("1INCH/USDT", "buy", "0.5500", "100", "0.10", "1INCH"),
    ]
    assert export.events[1].cost == Decimal("30500.05")
    assert export.notes == {"LUNABUSD is not among the exchange's markets (delisted?): kept as LUNA/BUSD": 1}


def test_units_tell_of_what_a_pair_is_where_its_name_does_not():
    """ENAEUR may be EN in AEUR; and nobody lists it any more."""
    row = "2024-03-05 10:00:07,GALAEUR,BUY,0.05,100GALA,5EUR,0.1GALA\n"
    (trade,) = read_text("Date(UTC),Pair,Side,Price,Executed,Amount,Fee\n" + row).events
    assert trade.symbol == "GALA/EUR"


@pytest.mark.parametrize(
    ("name", "trades"),
    [
        (
            "Binance-Spot-Trade-History-2020.csv",
            [
                ("ETH/BTC", "buy", "0.01812", "2.5", "0.0025", "ETH"),
                ("BNB/ETH", "sell", "0.1049", "1.00", "0.00075", "BNB"),
            ],
        ),
        (
            "Binance-Spot-Trade-History-assets.csv",
            [("BTC/USDT", "buy", "87622.38", "0.00236", "0.00018534", "BNB")],
        ),
        (
            "Binance-Futures-Trade-History-without-ids.csv",
            [
                ("BTC/USDT:USDT", "buy", "60000", "0.1", "2.4", "USDT"),
                ("ETH/USDT:USDT", "sell", "3000", "2", "0.0004", "BNB"),
            ],
        ),
    ],
)
def test_other_layouts_of_trades_are_the_same_trades(name, trades):
    found = sorted(brief(trade) for trade in read_file(name, "binance").events)
    assert found == sorted(trades)


def test_futures_trades_have_the_ids_that_the_api_tells():
    first, second = read_file("Binance-Futures-Trade-History.csv", "binance").events
    assert (first.trade_id, first.order_id, first.is_maker) == ("2593877352", "8389765568816714211", False)
    assert (second.trade_id, second.is_maker) == ("2593877353", True)
    assert brief(first) == ("ETH/USDT:USDT", "sell", "1200.62", "2", "0.00352911", "BNB")


def test_a_futures_fee_without_a_currency_is_in_what_the_contract_settles_in():
    header = "Date(UTC),Symbol,Side,Price,Quantity,Amount,Fee,Realized Profit\n"
    (trade,) = read_text(header + "2026-06-01 09:00:00,BTCUSDT,BUY,68000,0.01,680,0.27,0\n").events
    assert (trade.fee, trade.fee_currency) == (Decimal("0.27"), "USDT")


def test_orders_that_ended_are_told_and_those_under_way_are_counted():
    export = read_file("Binance-Spot-Order-History-202605120058(UTC+9).csv", "binance")
    by_id = {order.order_id: order for order in export.events}
    assert {order_id: order.status for order_id, order in by_id.items()} == {
        "28325058974": OrderStatus.CLOSED,
        "1001": OrderStatus.CLOSED,
        "1003": OrderStatus.CANCELED,
    }
    market, canceled = by_id["28325058974"], by_id["1003"]
    assert (market.price, market.average, market.cost) == (None, Decimal("55607.31"), Decimal("51.7147983"))
    assert market.exchange_at == datetime(2024, 7, 5, 3, 7, 20, tzinfo=UTC)
    assert (canceled.amount, canceled.filled, canceled.remaining) == (Decimal(1), Decimal("0.4"), Decimal("0.6"))
    assert export.left == {"orders of status 'NEW': how they end is not known from this file": 1}


def test_fills_below_an_old_order_are_no_orders():
    export = read_file("Binance-Spot-Order-History-2023.csv", "binance")
    assert [(order.order_id, order.side, order.status) for order in export.events] == [
        ("2223401489", Side.SELL, OrderStatus.CANCELED),
        ("509120020", Side.BUY, OrderStatus.CLOSED),
    ]
    assert export.left == {"fills below their order: the trade history tells them": 2}


def test_futures_orders_are_told():
    (order,) = read_file("Binance-Futures-Order-History.csv", "binance").events
    assert (order.order_id, order.client_order_id, order.symbol) == ("77", "client-order", "BTC/USDT:USDT")
    assert (order.status, order.filled, order.type) == (OrderStatus.CANCELED, Decimal("0.4"), "limit")


def test_deposits_are_named_by_transaction_and_address_as_the_api_names_them():
    export = read_file("Binance-Deposit-History-202603230411(UTC--6).csv", "binance")
    first, second = export.events
    assert first.transfer_id == (
        "deposit:USDT:0xf69eed1ee4782382e61a06ceeca01975187370616a194e2252df808b8f59a452:"
        "0x2cf356f48b5a1391dbe7d2de7719765a1b654aff"
    )
    assert first.exchange_at == datetime(2023, 5, 7, 5, 5, 55, tzinfo=UTC)
    assert (second.kind, second.amount, second.fee, second.network) == (
        TransferKind.DEPOSIT,
        Decimal("0.75"),
        None,
        "BTC",
    )
    assert export.left == {"transfers of status 'Pending': the API tells what became of them": 1}


def test_withdrawals_are_told_without_their_fee():
    done, failed = read_file("Binance-Withdraw-History.csv", "binance").events
    assert (done.amount, done.fee, done.fee_currency) == (Decimal("0.02"), Decimal("0.000015"), "BTC")
    assert (failed.status, failed.amount, failed.txid) == (TransferStatus.FAILED, Decimal("1250.5"), None)
    (old,) = read_file("Binance-Withdraw-History-2023.csv", "binance").events
    assert (old.kind, old.amount, old.fee) == (TransferKind.WITHDRAWAL, Decimal("55.788"), Decimal("0.067"))


def test_fiat_is_named_by_its_order_as_the_api_names_it():
    done, failed = read_file("Binance-Fiat-Deposit-History.csv", "binance").events
    assert done.transfer_id == "deposit:7d76d611-0568-4f43-afb6-24cac7767365"
    assert (done.currency, done.amount, done.fee) == ("EUR", Decimal("28.49"), Decimal("1.5"))
    assert done.exchange_at == datetime(2023, 5, 25, 19, 16, 59, tzinfo=UTC)
    assert failed.status is TransferStatus.FAILED


def test_one_transaction_that_pays_an_address_twice_is_two_deposits():
    header = "Date(UTC),Coin,Network,Amount,Address,TXID,Status\n"
    first, second = (
        "2024-01-01 00:00:00,BTC,BTC,1,bc1,abc,Completed\n",
        "2024-01-01 00:00:00,BTC,BTC,2,bc1,abc,Completed\n",
    )
    export = read_text(header + first + second + first)
    assert {deposit.transfer_id: str(deposit.amount) for deposit in export.events} == {
        "deposit:BTC:abc:bc1": "1",
        "deposit:BTC:abc:bc1:2": "2",
    }
    assert export.left == {"told twice in this file": 1}


def test_a_statement_tells_what_nothing_else_does_and_counts_the_rest():
    export = read_file("Binance-Transaction-History.csv", "binance")
    assert Counter(entry.kind for entry in export.events) == {
        LedgerKind.DUST: 4,
        LedgerKind.CONVERT: 2,
        LedgerKind.REWARD: 1,
        LedgerKind.INTEREST: 1,
        LedgerKind.AIRDROP: 1,
        LedgerKind.REBATE: 1,
        LedgerKind.FIAT: 1,
        LedgerKind.OTHER: 1,
    }
    assert len(export.events) + export.left.total() == export.rows
    assert {reason.split(":")[0]: number for reason, number in export.left.items()} == {
        "trades": 3,
        "deposits and withdrawals": 2,
        "moves between wallets of the account": 2,
        "funding payments": 1,
        "rewards of the Earn wallet": 1,
    }


def test_an_operation_that_nobody_has_seen_is_kept_and_named():
    export = read_file("Binance-Transaction-History.csv", "binance")
    assert export.events[-1].kind is LedgerKind.OTHER
    assert (export.events[-1].currency, export.events[-1].amount) == ("CHEESE", Decimal(1))
    assert export.notes == {"'Moon Dividend' is not known: kept as kind 'other'": 1}


def test_the_halves_of_a_convert_have_one_reference_though_seconds_lie_between_them():
    convert = [
        entry for entry in read_file("Binance-Transaction-History.csv", "binance").events if entry.kind == "convert"
    ]
    assert [(entry.currency, entry.amount) for entry in convert] == [
        ("USDT", Decimal("2.49")),
        ("USDC", Decimal("-2.50")),
    ]
    assert {entry.reference for entry in convert} == {convert[0].entry_id}


def test_what_is_swept_up_at_once_has_one_reference():
    dust = [entry for entry in read_file("Binance-Transaction-History.csv", "binance").events if entry.kind == "dust"]
    assert {entry.reference for entry in dust} == {dust[0].entry_id}


def test_a_convert_without_its_other_half_has_no_reference():
    rows = "1,2024-01-01 00:00:00,Spot,Binance Convert,USDT,-5,\n1,2024-01-01 00:09:00,Spot,Binance Convert,BTC,0.1,\n"
    assert [entry.reference for entry in read_text(STATEMENT + rows).events] == [None, None]


@pytest.mark.parametrize(
    "word", ["Small assets exchange BNB", "small assets exchange bnb", "Small Assets Exchange BNB"]
)
def test_words_are_known_however_they_are_capitalised(word):
    (entry,) = read_text(f"{STATEMENT}1,2024-01-01 00:00:00,Spot,{word},ETH,-0.5,\n").events
    assert entry.kind is LedgerKind.DUST


def test_no_word_of_the_statement_means_two_things():
    words = [word.lower() for group in (*OPERATIONS.values(), *ELSEWHERE.values()) for word in group]
    assert [word for word, number in Counter(words).items() if number > 1] == []


def test_the_futures_history_tells_funding_and_what_is_no_trade():
    export = read_file("Binance-Futures-Transaction-History-202603230525(UTC--6).csv", "binance")
    funding, given, got, rebate = export.events
    assert (funding.symbol, funding.currency, funding.amount) == ("BTC/USDT:USDT", "USDT", Decimal("-0.8"))
    assert funding.exchange_at == datetime(2024, 1, 2, 8, tzinfo=UTC)
    assert (given.kind, given.reference) == (LedgerKind.CONVERT, got.reference)
    assert rebate.kind is LedgerKind.REBATE
    assert export.left.total() == 3


def test_formats_have_names_of_their_own():
    assert len({format.name for format in binance.FORMATS}) == len(binance.FORMATS)
