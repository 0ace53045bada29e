"""What happened to an account, out of ccxt's dictionaries."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from alphapulse.exchanges.errors import BadResponse
from alphapulse.exchanges.parse_history import (
    Names,
    closed_order,
    funding,
    internal,
    ledger_entry,
    trade,
    transaction,
    transfer_key,
    when,
)
from alphapulse.types import LedgerKind, OrderStatus, TransferKind, TransferStatus

FUTURES = Names(source="futures", currency=str, symbol=str)
NAMES = Names(source="list", currency=str, symbol=str)
TIME = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)

TRADE = {
    "id": "7",
    "order": "1",
    "symbol": "BTC/USDT",
    "side": "buy",
    "price": "35000",
    "amount": "0.1",
    "cost": "3500",
    "takerOrMaker": "taker",
    "timestamp": 1_700_000_000_000,
    "fee": {"cost": "0.0001", "currency": "BTC"},
    "fees": [],
}


def read(reader, row: dict, **changed):
    (event,) = reader({**row, **changed}, NAMES)
    return event


# --- Trades


def test_a_trade():
    told = read(trade, TRADE)
    assert (told.trade_id, told.order_id, told.symbol, told.side) == ("7", "1", "BTC/USDT", "buy")
    assert (told.price, told.amount, told.cost) == (35000, Decimal("0.1"), 3500)
    assert (told.fee, told.fee_currency, told.is_maker, told.exchange_at) == (Decimal("0.0001"), "BTC", False, TIME)


@pytest.mark.parametrize(
    ("fee", "fees", "told"),
    [
        ({"cost": "0.01", "currency": "BNB"}, [], (Decimal("0.01"), "BNB")),
        # A rebate.
        ({"cost": "-0.02", "currency": "USDT"}, [], (Decimal("-0.02"), "USDT")),
        ({"cost": None, "currency": None}, [], (None, None)),
        (None, [], (None, None)),
        # Nothing was paid: that is not the same as nothing known.
        ({"cost": "0", "currency": "BTC"}, [], (0, "BTC")),
        (None, [{"cost": "0.1", "currency": "GT"}, {"cost": "0", "currency": "BTC"}], (Decimal("0.1"), "GT")),
        (None, [{"cost": "0.1", "currency": "GT"}, {"cost": "0.02", "currency": "GT"}], (Decimal("0.12"), "GT")),
    ],
)
def test_a_fee_in_whatever_currency(fee, fees, told):
    row = read(trade, TRADE, fee=fee, fees=fees)
    assert (row.fee, row.fee_currency) == told


def test_two_fees_in_two_currencies_are_refused_and_the_trade_named():
    with pytest.raises(BadResponse, match="fees of 7"):
        read(trade, TRADE, fees=[{"cost": "1", "currency": "BTC"}, {"cost": "2", "currency": "GT"}])


@pytest.mark.parametrize("name", ["id", "symbol", "side", "price", "amount", "cost", "timestamp"])
def test_a_trade_without_what_it_must_have_is_refused(name):
    with pytest.raises(BadResponse, match="trade"):
        read(trade, TRADE, **{name: None})


@pytest.mark.parametrize(("word", "is_maker"), [("maker", True), ("taker", False), (None, None), ("", None)])
def test_maker_or_taker_or_not_known(word, is_maker):
    assert read(trade, TRADE, takerOrMaker=word).is_maker is is_maker


def test_dust_and_what_is_enormous_are_exact():
    row = read(trade, TRADE, price="0.00000001", amount="1234567890123456789.12345678", cost="12345678901.23456789")
    assert (str(row.price), str(row.amount)) == ("1E-8", "1234567890123456789.12345678")


def test_an_order_that_is_still_open_is_told():
    row = {"id": "1", "symbol": "BTC/USDT", "side": "buy", "status": "open", "timestamp": None}
    assert read(closed_order, row).status is OrderStatus.OPEN


# --- Transfers

DEPOSIT = {
    "id": "99",
    "type": "deposit",
    "currency": "BTC",
    "amount": "1",
    "status": "ok",
    "txid": "0xAB",
    "address": "0xCD",
    "timestamp": 1_700_000_000_000,
}


def test_a_deposit_is_known_by_its_transaction_and_address():
    told = read(transaction, DEPOSIT)
    assert told.transfer_id == "deposit:BTC:0xab:0xcd"
    assert (told.kind, told.amount, told.fee, told.status) == (TransferKind.DEPOSIT, 1, None, TransferStatus.OK)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # Of a file and of the API.
        ({"txid": "0xAB", "address": " 0xCD"}, {"txid": "0xab ", "address": "0xcd"}),
        ({"txid": "Internal transfer 123", "address": ""}, {"txid": "123", "address": ""}),
        # The exchange's own id does not count where there is a transaction.
        ({"txid": "t", "address": "a", "exchange_id": "1"}, {"txid": "t", "address": "a", "exchange_id": ""}),
    ],
)
def test_a_transfer_has_one_key_however_it_is_told(one, other):
    keys = [
        transfer_key(TransferKind.DEPOSIT, **{"currency": "BTC", "exchange_id": "", **each}) for each in (one, other)
    ]
    assert keys[0] == keys[1]


def test_outputs_currencies_directions_and_cases_that_mean_something_are_told_apart():
    key = {"currency": "BTC", "txid": "T", "address": "A", "exchange_id": ""}
    told = {
        transfer_key(TransferKind.DEPOSIT, **key),
        transfer_key(TransferKind.DEPOSIT, **key | {"address": "B"}),
        transfer_key(TransferKind.DEPOSIT, **key | {"currency": "USDT"}),
        transfer_key(TransferKind.WITHDRAWAL, **key),
        # Bitcoin's addresses: their letters' case counts.
        transfer_key(TransferKind.DEPOSIT, **key | {"address": "a"}),
    }
    assert len(told) == 5


def test_without_a_transaction_it_is_the_exchanges_own_id():
    key = {"currency": "BTC", "txid": " ", "address": "A"}
    assert transfer_key(TransferKind.INTERNAL, **key, exchange_id="5") == "internal:5"
    assert transfer_key(TransferKind.INTERNAL, **key, exchange_id="") == ""


@pytest.mark.parametrize(
    ("changed", "number"),
    [
        # On its way without a transaction: it would change its name when it gets one.
        ({"status": "pending", "txid": None}, 0),
        ({"status": "pending", "txid": "t"}, 1),
        ({"status": "failed", "txid": None}, 1),
        ({"status": "ok", "txid": ""}, 1),
    ],
)
def test_a_withdrawal_is_told_when_its_name_will_stay(changed, number):
    assert len(transaction(DEPOSIT | {"type": "withdrawal"} | changed, NAMES)) == number


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("ok", TransferStatus.OK),
        ("Finished", TransferStatus.OK),
        ("processing", TransferStatus.PENDING),
        ("MoreInformationRequired", TransferStatus.PENDING),
        ("Reject", TransferStatus.FAILED),
        ("cancelled", TransferStatus.CANCELED),
    ],
)
def test_statuses_that_leak_through(word, status):
    assert read(transaction, DEPOSIT, status=word).status is status


def test_a_status_that_nobody_has_seen_is_refused():
    with pytest.raises(BadResponse, match="deposit 99 has no usable 'teleported'"):
        read(transaction, DEPOSIT, status="teleported")


def test_a_transfer_between_wallets_without_a_status_is_done():
    row = {"id": "3", "currency": "USDT", "amount": "5", "fromAccount": "spot", "toAccount": "funding"}
    told = read(internal, row | {"timestamp": 1_700_000_000_000, "status": None})
    assert (told.transfer_id, told.status, told.from_wallet) == ("internal:3", TransferStatus.OK, "spot")


# --- The books


@pytest.mark.parametrize(
    ("is_fee_apart", "direction", "change"), [(True, "in", "0.08"), (True, "out", "-0.12"), (False, "out", "-0.1")]
)
def test_a_line_of_the_books_less_its_fee(is_fee_apart, direction, change):
    row = {"id": "L", "type": "staking", "currency": "BTC", "amount": "0.1", "direction": direction}
    row |= {"fee": {"cost": "0.02", "currency": "BTC"}, "timestamp": 1_700_000_000_000, "referenceId": "R"}
    names = Names(source="books", currency=str, symbol=str, is_fee_apart=is_fee_apart)
    (told,) = ledger_entry(row, names)
    assert (told.entry_id, told.kind, told.amount) == ("books:L", LedgerKind.REWARD, Decimal(change))


def test_a_line_that_changed_nothing_is_none():
    row = {"id": "L", "type": "x", "currency": "BTC", "amount": "0", "direction": "in", "timestamp": 1_700_000_000_000}
    assert ledger_entry(row, NAMES) == ()


def test_a_time_in_seconds_is_not_of_1970():
    assert when({"time": "1700000000"}, "time") == when({"time": 1_700_000_000_000}, "time") == TIME


# --- Funding


def paid(amount: str, **others: object) -> dict:
    row = {"id": None, "symbol": "BTC/USDT:USDT", "code": "USDT", "timestamp": 1772352000000, "amount": amount}
    return row | others


def test_who_is_long_and_short_at_once_is_paid_and_pays_where_payments_have_no_ids():
    told = {event.payment_id for row in (paid("-2"), paid("2")) for event in funding(row, FUTURES)}
    assert len(told) == 2


def test_a_payment_is_called_the_same_however_its_amount_is_written():
    ((one,), (other,)) = (funding(paid(amount), FUTURES) for amount in ("-2", "-2.0"))
    assert one == other


def test_a_payment_with_an_id_is_called_by_it():
    (payment,) = funding(paid("-2", id="77"), FUTURES)
    assert payment.payment_id == "futures:BTC/USDT:USDT:77"
