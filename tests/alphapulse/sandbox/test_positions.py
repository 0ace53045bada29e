"""Position arithmetic: hand-computed cases, then properties that hold whatever is traded."""

from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.sandbox.positions import (
    MarginMode,
    Position,
    PositionBook,
    PositionModeLocked,
    PositionSide,
    WrongPositionSide,
    apply_fill,
)

BOTH, LONG, SHORT = PositionSide.BOTH, PositionSide.LONG, PositionSide.SHORT
SYMBOL = "BTCUSDT"

quantities = st.integers(-5000, 5000).filter(bool).map(lambda n: D(n) / 1000)
prices = st.integers(1, 10_000_000).map(lambda n: D(n) / 100)
fills = st.lists(st.tuples(quantities, prices), min_size=1, max_size=30)
marks = prices


def traded(*pairs: tuple[str, str]) -> tuple[PositionBook, D]:
    book = PositionBook()
    realised = sum((book.fill(SYMBOL, BOTH, D(q), D(p)) for q, p in pairs), D(0))
    return book, realised


def test_adding_averages_the_entry_price():
    book, realised = traded(("1", "100"), ("3", "120"))
    assert book.position(SYMBOL, BOTH).entry_price == D("115")
    assert realised == 0


def test_reducing_realises_its_share_and_keeps_the_entry_price():
    book, realised = traded(("4", "115"), ("-1", "125"))
    assert realised == D("10")
    assert book.position(SYMBOL, BOTH).entry_price == D("115")
    assert book.position(SYMBOL, BOTH).amount == 3


def test_flipping_realises_the_whole_old_position_and_enters_at_the_new_price():
    book, realised = traded(("2", "100"), ("-5", "90"))
    assert realised == D("-20")
    assert book.position(SYMBOL, BOTH).amount == -3
    assert book.position(SYMBOL, BOTH).entry_price == D("90")


def test_a_short_gains_when_the_price_falls():
    book, _ = traded(("-2", "100"))
    assert book.position(SYMBOL, BOTH).unrealised(D("90")) == D("20")


def test_a_closed_position_leaves_nothing_behind():
    book, _ = traded(("3", "100"), ("-1", "101.01"), ("-2", "99.37"))
    assert not list(book.open_legs())
    assert book.position(SYMBOL, BOTH).cost == 0
    assert book.position(SYMBOL, BOTH).break_even_price == 0


def test_longs_pay_shorts_when_the_funding_rate_is_positive():
    assert Position(amount=D(2)).funding(D(100), D("0.0001")) == D("-0.02")
    assert Position(amount=D(-2)).funding(D(100), D("0.0001")) == D("0.02")


def test_breaking_even_counts_fees_and_what_was_realised():
    opened = apply_fill(Position(), D(2), D(100), fee=D("0.2")).position
    assert opened.break_even_price == D("100.1")
    reduced = apply_fill(opened, D(-1), D(90), fee=D("0.09")).position
    assert reduced.break_even_price == D("110.29")


def test_an_isolated_position_sets_margin_aside_and_gives_it_back():
    book = PositionBook()
    book.configure(SYMBOL, leverage=10, margin_mode=MarginMode.ISOLATED)
    book.fill(SYMBOL, BOTH, D(4), D(100))
    assert book.position(SYMBOL, BOTH).isolated_wallet == D(40)
    book.fill(SYMBOL, BOTH, D(-1), D(130))
    assert book.position(SYMBOL, BOTH).isolated_wallet == D(30)
    book.fill(SYMBOL, BOTH, D(-5), D(200))
    assert book.position(SYMBOL, BOTH).isolated_wallet == D(40)
    book.fill(SYMBOL, BOTH, D(2), D(200))
    assert book.position(SYMBOL, BOTH).isolated_wallet == 0


def test_the_mode_says_which_sides_exist():
    book = PositionBook()
    with pytest.raises(WrongPositionSide):
        book.fill(SYMBOL, LONG, D(1), D(1))
    book.set_hedged(True)
    with pytest.raises(WrongPositionSide):
        book.fill(SYMBOL, BOTH, D(1), D(1))


def test_the_mode_is_locked_while_a_position_is_open():
    book, _ = traded(("1", "100"))
    with pytest.raises(PositionModeLocked):
        book.set_hedged(True)
    book.fill(SYMBOL, BOTH, D(-1), D(100))
    book.set_hedged(True)
    assert book.sides() == (LONG, SHORT)


@settings(max_examples=150, deadline=None)
@given(fills, marks)
def test_realised_and_unrealised_profit_are_exactly_the_cash_flow_plus_what_is_held(pairs, mark):
    book = PositionBook()
    realised = sum((book.fill(SYMBOL, BOTH, q, p) for q, p in pairs), D(0))
    cash = -sum(q * p for q, p in pairs)
    held = sum(q for q, _ in pairs)
    assert book.position(SYMBOL, BOTH).amount == held
    assert realised + book.position(SYMBOL, BOTH).unrealised(mark) == cash + held * mark


@settings(max_examples=150, deadline=None)
@given(fills, marks, st.lists(st.booleans(), min_size=30, max_size=30))
def test_hedge_and_one_way_mode_make_the_same_profit_of_the_same_trades(pairs, mark, choices):
    one_way, hedge = PositionBook(), PositionBook(hedged=True)
    one_way_profit = hedge_profit = D(0)
    for (quantity, price), prefers_long in zip(pairs, choices, strict=False):
        one_way_profit += one_way.fill(SYMBOL, BOTH, quantity, price)
        for side, part in split_between_legs(hedge, quantity, prefers_long):
            hedge_profit += hedge.fill(SYMBOL, side, part, price)
    one_way_profit += sum(leg.position.unrealised(mark) for leg in one_way.open_legs())
    hedge_profit += sum(leg.position.unrealised(mark) for leg in hedge.open_legs())
    assert one_way_profit == hedge_profit


@settings(max_examples=100, deadline=None)
@given(fills)
def test_a_side_that_never_turns_looks_the_same_in_both_modes(pairs):
    one_way, hedge = PositionBook(), PositionBook(hedged=True)
    for quantity, price in pairs:
        held = one_way.position(SYMBOL, BOTH).amount
        quantity = max(quantity, -held)  # a long that is only ever reduced to nothing
        if not quantity:
            continue
        assert one_way.fill(SYMBOL, BOTH, quantity, price) == hedge.fill(SYMBOL, LONG, quantity, price)
        assert one_way.position(SYMBOL, BOTH) == hedge.position(SYMBOL, LONG)


def split_between_legs(book: PositionBook, quantity: D, prefers_long: bool) -> list[tuple[PositionSide, D]]:
    """A trader's choice in hedge mode: open on one leg, or close the other as far as it goes."""
    opens, closes = (LONG, SHORT) if quantity > 0 else (SHORT, LONG)
    if prefers_long is (opens is LONG):
        return [(opens, quantity)]
    held = abs(book.position(SYMBOL, closes).amount)
    closing = quantity if abs(quantity) <= held else held.copy_sign(quantity)
    return [(side, part) for side, part in ((closes, closing), (opens, quantity - closing)) if part]
