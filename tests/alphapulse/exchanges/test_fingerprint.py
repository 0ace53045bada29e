from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from alphapulse.exchanges.fingerprint import fingerprint, number_of, with_ids
from alphapulse.types import (
    FundingPayment,
    LedgerEntry,
    LedgerKind,
    Side,
    Trade,
    Transfer,
    TransferKind,
    TransferStatus,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

TRADE = Trade(
    trade_id="28457",
    order_id="100234",
    symbol="BTC/USDT",
    side=Side.BUY,
    price=Decimal("60000.10"),
    amount=Decimal("0.5"),
    cost=Decimal("30000.05"),
    fee=Decimal("0.01"),
    fee_currency="BNB",
    is_maker=True,
    exchange_at=NOON + timedelta(milliseconds=417),
)
DEPOSIT = Transfer(
    transfer_id="deposit:BTC:abc:bc1q",
    kind=TransferKind.DEPOSIT,
    currency="BTC",
    amount=Decimal("0.5"),
    fee=None,
    fee_currency=None,
    status=TransferStatus.OK,
    from_wallet=None,
    to_wallet=None,
    network="BTC",
    address="bc1q",
    txid="abc",
    exchange_at=NOON,
)
FUNDING = FundingPayment(
    payment_id="usdm:1", symbol="BTC/USDT:USDT", currency="USDT", amount=Decimal("-0.12"), exchange_at=NOON
)
REWARD = LedgerEntry(
    entry_id="earn:1", kind=LedgerKind.REWARD, currency="ETH", amount=Decimal("0.001"), reference=None, exchange_at=NOON
)


def test_a_file_and_the_exchange_describe_the_same_trade_alike():
    told_by_file = replace(
        TRADE,
        trade_id="",
        order_id=None,
        fee=None,
        fee_currency=None,
        is_maker=None,
        price=Decimal("60000.1"),
        amount=Decimal("0.50"),
        exchange_at=NOON,
    )
    assert fingerprint(told_by_file) == fingerprint(TRADE)


@pytest.mark.parametrize(
    "other",
    [
        replace(TRADE, side=Side.SELL),
        replace(TRADE, price=Decimal("60000.11")),
        replace(TRADE, amount=Decimal("0.51")),
        replace(TRADE, symbol="BTC/USDC"),
        replace(TRADE, exchange_at=NOON + timedelta(seconds=1)),
    ],
)
def test_another_trade_has_another_fingerprint(other):
    assert fingerprint(other) != fingerprint(TRADE)


def test_a_transaction_is_told_by_its_id_whatever_time_and_amount_a_file_says():
    late = replace(DEPOSIT, exchange_at=NOON + timedelta(minutes=9), amount=Decimal("0.4999"))
    assert fingerprint(late) == fingerprint(DEPOSIT)
    assert fingerprint(replace(DEPOSIT, txid="abd")) != fingerprint(DEPOSIT)


def test_a_reward_is_the_same_whatever_kind_it_is_called():
    assert fingerprint(replace(REWARD, kind=LedgerKind.OTHER)) == fingerprint(REWARD)


@pytest.mark.parametrize(
    ("event", "name"),
    [(TRADE, "trade_id"), (DEPOSIT, "transfer_id"), (FUNDING, "payment_id"), (REWARD, "entry_id")],
)
def test_only_what_has_no_id_gets_one_and_equals_are_counted(event, name):
    nameless = replace(event, **{name: ""})
    first, real, second = with_ids([nameless, event, nameless])
    assert real == event
    assert [number_of(each) for each in (first, real, second)] == [1, 0, 2]
    assert getattr(first, name) != getattr(second, name)
    # The same file again: the same names.
    assert with_ids([nameless, nameless]) == [first, second]
