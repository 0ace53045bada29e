from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.exchanges.fingerprint import with_ids
from alphapulse.exchanges.history import key
from alphapulse.exchanges.pairing import pairs
from alphapulse.types import LedgerKind, TransferKind
from tests.events import NOON, entry, funding, trade, transfer


def paired(stand_ins, told) -> list[tuple[str, str]]:
    return sorted((key(one)[-1][-2:], key(other)[-1]) for one, other in pairs(stand_ins, told))


def later(**words) -> object:
    return NOON + timedelta(**words)


def test_a_fill_of_a_file_is_the_exchanges_of_the_same_second():
    file = with_ids([trade("", at=NOON), trade("", at=later(seconds=1)), trade("", at=NOON, amount="2")])
    told = [trade("7", at=later(milliseconds=999)), trade("8", at=later(seconds=2))]
    assert paired(file, told) == [(":1", "7")]


def test_of_two_equal_fills_the_first_is_paired_first():
    file = with_ids([trade("", at=NOON), trade("", at=NOON)])
    assert paired(file, [trade("7", at=NOON)]) == [(":1", "7")]
    assert paired(file, [trade("7", at=NOON), trade("8", at=NOON)]) == [(":1", "7"), (":2", "8")]


@pytest.mark.parametrize(
    ("kind", "apart", "is_same"),
    [
        (LedgerKind.CONVERT, timedelta(seconds=90), True),
        (LedgerKind.CONVERT, timedelta(minutes=3), False),
        # A card's order is dated to its wish, and to when the bank had paid.
        (LedgerKind.FIAT, timedelta(minutes=20), True),
        # Dated to the day that it is for, and to the morning of the next.
        (LedgerKind.INTEREST, timedelta(hours=30), True),
        (LedgerKind.INTEREST, timedelta(hours=40), False),
    ],
)
def test_entries_are_one_where_their_times_are_not_too_far_apart(kind, apart, is_same):
    file = with_ids([entry("", kind=kind, at=NOON + apart)])
    told = [entry("earn:1", kind=LedgerKind.REWARD if kind is LedgerKind.INTEREST else kind, at=NOON)]
    assert bool(pairs(file, told)) is is_same


def test_a_reward_that_comes_daily_is_paired_with_the_nearest():
    file = with_ids(entry("", at=later(days=day, hours=4)) for day in range(3))
    told = [entry(f"earn:{day}", at=later(days=day)) for day in range(3)]
    assert [one.exchange_at - other.exchange_at for one, other in pairs(file, told)] == [timedelta(hours=4)] * 3


def test_another_currency_or_amount_is_another_entry():
    file = with_ids([entry("", "BTC", amount="0.001"), entry("", "ETH", amount="0.002")])
    assert pairs(file, [entry("1", "BTC", amount="0.002"), entry("2", "ETH", amount="0.001")]) == []


def test_funding_is_paid_at_the_hour_whatever_the_seconds_say():
    assert pairs(with_ids([funding("", at=NOON)]), [funding("linear:1", at=later(seconds=3))])
    assert not pairs(with_ids([funding("", at=NOON)]), [funding("linear:1", at=later(hours=8))])


def test_a_deposit_without_a_transaction_is_the_one_of_its_amount():
    file = with_ids([transfer("", at=later(minutes=40))])
    told = [
        transfer("deposit:1", txid="a", at=NOON),
        transfer("deposit:2", txid="b", at=later(minutes=35)),
        transfer("withdrawal:3", kind=TransferKind.WITHDRAWAL, at=later(minutes=40)),
    ]
    assert paired(file, told) == [(":1", "deposit:2")]


def test_two_transactions_are_two_deposits_though_their_amounts_are_the_same():
    file = [replace(with_ids([transfer("")])[0], txid="a")]
    assert pairs(file, [transfer("deposit:2", txid="b")]) == []
    assert pairs(file, [transfer("deposit:2", txid="a", amount="0.999")])


TIMES = st.lists(st.integers(0, 40), max_size=8)


@given(TIMES, TIMES)
def test_every_row_is_paired_once_at_most_and_no_pair_is_left(ours, theirs):
    file = with_ids(entry("", at=later(hours=hour)) for hour in ours)
    told = [entry(f"earn:{number}", at=later(hours=hour)) for number, hour in enumerate(theirs)]
    found = pairs(file, told)
    assert len({key(one) for one, _ in found}) == len({key(other) for _, other in found}) == len(found)
    left = [one for one in file if all(one != pair[0] for pair in found)]
    free = [other for other in told if all(other != pair[1] for pair in found)]
    assert pairs(left, free) == []
