from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from alphapulse.portfolio.bookings import Why
from alphapulse.portfolio.books import Item
from alphapulse.portfolio.happened import happened, left_with
from tests.alphapulse.portfolio.happenings import MAIN, OTHER, books, day, entry, told, trade, transfer

CONTRACT = "BTC/USDT:USDT"


def itself(account, code, at):
    return code, Decimal(1)


def at_binance(account, code, at):
    """1000SATS are a thousand SATS, LUNA was LUNC before the third day."""
    if code == "LUNA" and at < day(3):
        return "LUNC", Decimal(1)
    return ("SATS", Decimal(1000)) if code == "1000SATS" else (code, Decimal(1))


EVENTS = [
    (MAIN, transfer("deposit 1000 USDT", 1)),
    (MAIN, trade("buy 2 at 100", 2, fee="0.002 BTC")),
    (MAIN, trade("buy 1 at 100", 3, symbol=CONTRACT)),
    (MAIN, trade("sell 1 at 120", 4, symbol=CONTRACT, fee="0.1 USDT")),
    (MAIN, entry("convert", "-10 USDT", 5, reference="7")),
    (MAIN, entry("convert", "2 ADA", 5, reference="7")),
    (MAIN, transfer("internal 5 USDT", 5)),
    (MAIN, transfer("withdrawal 1 BTC", 6, txid="x")),
    (OTHER, transfer("deposit 1 BTC", 6.1, txid="x")),
    (OTHER, trade("sell 1 at 150", 7)),
]


def test_a_past_of_two_accounts_is_what_it_is_by_hand():
    """Deposited 1000, and at the end 1000 + 50 (a coin) + 20 (the contract) - 0.2 - 0.1 (fees)."""
    found = happened(EVENTS, itself)
    kept = books(found.bookings)
    assert kept.total(Item.DEPOSITED) == 1000
    assert (kept.total(Item.REALISED), kept.total(Item.CONTRACTS), kept.total(Item.FEES)) == (50, 20, Decimal("-0.3"))
    assert kept.cost == 1000 + kept.total()
    assert kept.moved == {
        (MAIN, "USDT"): Decimal("809.9"),
        (MAIN, "BTC"): Decimal("0.998"),
        (MAIN, "ADA"): 2,
        (OTHER, "BTC"): 0,
        (OTHER, "USDT"): 150,
    }
    assert [pair.into.booking.account for pair in found.own] == [OTHER]
    assert found.positions == {}


def test_assets_go_by_our_own_names():
    found = happened([(MAIN, entry("airdrop", "3 1000SATS", 1)), (MAIN, entry("airdrop", "4 LUNA", 2))], at_binance)
    assert [booking.moves for booking in found.bookings] == [(("SATS", 3000),), (("LUNC", 4),)]


def test_a_transfer_of_ours_is_recognised_under_two_names():
    ends = [(MAIN, transfer("withdrawal 2 LUNA", 1)), (OTHER, transfer("deposit 2 LUNC", 1.1))]
    assert len(happened(ends, at_binance).own) == 1


def test_a_fee_in_another_coin_makes_no_other_amount_our_own():
    """10 USDT for the withdrawal of 1 BTC are no 10 BTC that may be lost on the way."""
    out = replace(transfer("withdrawal 1 BTC", 1, fee="10"), fee_currency="USDT")
    into = transfer("deposit 0.2 BTC", 1.1)
    assert happened([(MAIN, out), (OTHER, into)], itself).own == []


def test_a_fee_that_the_amount_holds_already_is_paid_once():
    """1 BTC left and 0.99 arrived, with a fee of 0.01; where all of 1 arrives, the fee was paid on top of it."""
    for arrived, left in (("0.99", "-1"), ("1", "-1.01")):
        out, into = transfer("withdrawal 1 BTC", 1, fee="0.01"), transfer(f"deposit {arrived} BTC", 1.1)
        found = happened([(MAIN, out), (OTHER, into)], itself)
        moved = [move.amount for each in found.bookings if each.account == MAIN for move in each.moves]
        assert sum(moved) == Decimal(left)
        assert sum(each.why is Why.FEE for each in found.bookings) == 1


def test_a_fee_in_another_coin_is_paid_beside_what_arrived_whole():
    out = replace(transfer("withdrawal 1 BTC", 1, fee="10"), fee_currency="USDT")
    found = happened([(MAIN, out), (OTHER, transfer("deposit 1 BTC", 1.1))], itself)
    assert [each.moves for each in found.bookings if each.why is Why.FEE] == [(("USDT", -10),)]


def test_what_a_deleted_account_had_left_with_it():
    """At its cost, and as no gain."""
    bookings = happened(EVENTS[:2], itself).bookings
    gone = left_with(bookings, {MAIN: day(9)})
    assert [(booking.why, booking.at, booking.moves) for booking in gone] == [
        (Why.WITHDRAWAL, day(9), (("BTC", Decimal("-1.998")),)),
        (Why.WITHDRAWAL, day(9), (("USDT", -800),)),
    ]
    kept = books([*bookings, *gone], prices=[told("BTC", "USDT", "500", 9)])
    assert kept.total(Item.REALISED) == 0
    assert kept.total(Item.WITHDRAWN_COST) == 800 + Decimal("199.8")
    assert left_with(bookings, {OTHER: day(9)}) == []


@given(seed=st.randoms())
def test_permuting_the_rows_changes_nothing(seed):
    shuffled = list(EVENTS)
    seed.shuffle(shuffled)
    assert books(happened(shuffled, itself).bookings) == books(happened(EVENTS, itself).bookings)
