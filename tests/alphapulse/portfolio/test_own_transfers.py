from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.portfolio.bookings import Why, of_transfer
from alphapulse.portfolio.books import Item
from alphapulse.portfolio.own_transfers import End, as_own, pairs
from tests.alphapulse.portfolio.happenings import MAIN, OTHER, books, day, told, trade, trades, transfer

HOUR = 1 / 24
HASH, ANOTHER = "a" * 64, "b" * 64


def end(account: int, words: str, on: float, *, txid: str = "", fee: str = "0") -> End:
    [booking] = of_transfer(account, transfer(words, on))
    return End(booking=booking, txid=txid, fee=Decimal(fee))


def are_own(*ends: End) -> bool:
    return len(pairs(ends)) == 1


def test_the_same_amount_a_little_later_in_another_account_is_our_own():
    assert are_own(end(MAIN, "withdrawal 2 BTC", 1), end(OTHER, "deposit 2 BTC", 1 + HOUR))


@pytest.mark.parametrize(
    "other",
    [
        end(OTHER, "deposit 2 BTC", 2.1),
        end(OTHER, "deposit 2 BTC", 1 - 2 * HOUR),
        end(OTHER, "deposit 2 ETH", 1 + HOUR),
        end(OTHER, "deposit 1.9 BTC", 1 + HOUR),
        end(OTHER, "deposit 2.00000001 BTC", 1 + HOUR),
        end(MAIN, "deposit 2 BTC", 1 + HOUR),
        end(OTHER, "deposit 2 BTC", 1 + HOUR, txid=ANOTHER),
    ],
    ids=["too late", "too early", "another coin", "much less", "more", "the same account", "another transaction"],
)
def test_what_does_not_fit_is_not(other):
    assert not are_own(end(MAIN, "withdrawal 2 BTC", 1, txid=HASH), other)


def test_one_transaction_may_take_its_time():
    late = end(OTHER, "deposit 2 BTC", 10, txid=HASH.upper())
    assert are_own(end(MAIN, "withdrawal 2 BTC", 1, txid=HASH), late)


def test_a_little_may_be_lost_on_the_way():
    assert are_own(end(MAIN, "withdrawal 2 BTC", 1), end(OTHER, "deposit 1.99 BTC", 1 + HOUR))


def test_as_much_as_the_fee_that_was_told_may_be_lost():
    assert are_own(end(MAIN, "withdrawal 10 USDT", 1, fee="1"), end(OTHER, "deposit 9 USDT", 1 + HOUR))


def test_what_is_lost_is_exact_however_long_the_amounts():
    """Thirty-one digits: Python's own context would lose the last three, and the balance would not be explained."""
    out = end(MAIN, "withdrawal 1000000000000.000000000000000123 SHIB", 1)
    [pair] = pairs([out, end(OTHER, "deposit 1000000000000 SHIB", 1 + HOUR)])
    assert pair.lost == Decimal("0.000000000000000123")


def test_each_end_belongs_to_one_transfer_and_the_nearest_amounts_to_each_other():
    out, later = end(MAIN, "withdrawal 2 BTC", 1), end(MAIN, "withdrawal 1.995 BTC", 1 + 2 * HOUR)
    into, less = end(OTHER, "deposit 2 BTC", 1 + 3 * HOUR), end(OTHER, "deposit 1.995 BTC", 1 + 4 * HOUR)
    found = {(pair.out.name, pair.into.name) for pair in pairs([less, out, into, later])}
    assert found == {(out.name, into.name), (later.name, less.name)}


def test_a_second_deposit_of_the_amount_came_from_outside():
    ends = [end(MAIN, "withdrawal 2 BTC", 1), end(OTHER, "deposit 2 BTC", 1.1), end(OTHER, "deposit 2 BTC", 1.2)]
    [pair] = pairs(ends)
    assert pair.into.at == day(1.1)


def test_it_is_no_income_and_no_gain_and_keeps_its_cost():
    """Bought at 100, moved when it stood at 300, 0.01 of it lost on the way, sold elsewhere at 400."""
    [pair] = pairs([end(MAIN, "withdrawal 1 BTC", 2), end(OTHER, "deposit 0.99 BTC", 2 + HOUR)])
    rows = [
        *trades(trade("buy 1 at 100", 1)),
        *as_own(pair),
        *trades(trade("sell 0.99 at 400", 3), account=OTHER),
    ]
    kept = books(rows, prices=[told("BTC", "USDT", "300", 2)])
    assert kept.total(Item.DEPOSITED, Item.WITHDRAWN) == 0
    assert kept.total(Item.FEES) == -3
    # What was lost had cost 1 and was worth 3; what was sold had cost 99 and brought 396.
    assert kept.total(Item.REALISED) == 2 + 297
    assert kept.moved == {(MAIN, "BTC"): 0, (OTHER, "BTC"): 0, (MAIN, "USDT"): -100, (OTHER, "USDT"): 396}


def test_as_our_own_it_moves_what_its_ends_moved():
    [pair] = pairs([end(MAIN, "withdrawal 1 BTC", 2), end(OTHER, "deposit 0.99 BTC", 2.1)])
    moved = [(booking.account, booking.why, booking.moves[0].amount) for booking in as_own(pair)]
    assert moved == [
        (MAIN, Why.OWN, Decimal("-0.99")),
        (OTHER, Why.OWN, Decimal("0.99")),
        (MAIN, Why.FEE, Decimal("-0.01")),
    ]


@given(seed=st.randoms(), times=st.lists(st.integers(1, 5), min_size=2, max_size=10))
def test_the_order_of_the_rows_changes_nothing(seed, times):
    ends = [
        replace(made, booking=replace(made.booking, key=str(number)))
        for number, on in enumerate(times)
        for made in [end(number % 3, f"{'deposit' if number % 2 else 'withdrawal'} 1 BTC", on / 2)]
    ]
    shuffled = list(ends)
    seed.shuffle(shuffled)
    assert pairs(shuffled) == pairs(ends)
