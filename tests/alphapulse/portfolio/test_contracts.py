"""Profits of contracts, each calculated by hand."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.portfolio.bookings import Why
from alphapulse.portfolio.contracts import follows_its_price, of_fills
from alphapulse.portfolio.worths import in_order
from tests.alphapulse.portfolio.happenings import MAIN, trade

LINEAR, INVERSE = "BTC/USDT:USDT", "BTC/USD:BTC"


def profits(*fills: str, symbol: str = LINEAR, costs: tuple[str, ...] = ()) -> list[Decimal]:
    costs = costs or ("",) * len(fills)
    rows = [
        trade(words, on, symbol=symbol, cost=cost) for on, (words, cost) in enumerate(zip(fills, costs, strict=True), 1)
    ]
    bookings, _ = of_fills((MAIN, row) for row in rows)
    return [booking.moves[0].amount for booking in in_order(bookings) if booking.why is Why.CONTRACT]


@pytest.mark.parametrize(
    ("fills", "brought"),
    [
        (("buy 1 at 100", "sell 1 at 130"), [30]),
        (("sell 1 at 100", "buy 1 at 130"), [-30]),
        # Against the average of 150, whatever was first.
        (("buy 1 at 100", "buy 1 at 200", "sell 1 at 180", "sell 1 at 180"), [30, 30]),
        # Closed with 10 gained, and opened the other way round; that then loses 5.
        (("buy 1 at 100", "sell 3 at 110", "buy 2 at 112.5"), [10, -5]),
        (("buy 1 at 100",), []),
    ],
    ids=["long", "short", "the average", "turned round", "open"],
)
def test_a_position_brings_what_it_is_closed_for_against_its_average(fills, brought):
    assert profits(*fills) == brought


def test_an_inverse_contract_pays_in_its_coin():
    """100 contracts of 100 USD: 1 BTC at 10,000, and half of one at 20,000. The long one gained half a coin."""
    assert profits("buy 100 at 10000", "sell 100 at 20000", symbol=INVERSE, costs=("1", "0.5")) == [Decimal("0.5")]
    assert profits("sell 100 at 10000", "buy 100 at 20000", symbol=INVERSE, costs=("1", "0.5")) == [Decimal("-0.5")]


def test_what_is_open_is_told_by_account_and_symbol():
    rows = [(MAIN, trade("buy 3 at 100", 1, symbol=LINEAR)), (MAIN, trade("sell 1 at 100", 2, symbol=LINEAR))]
    assert of_fills(rows)[1] == {(MAIN, LINEAR): 2}


def test_fees_of_contracts_are_fees():
    bookings, _ = of_fills([(MAIN, trade("buy 1 at 100", 1, symbol=LINEAR, fee="0.04 USDT"))])
    assert [(booking.why, booking.moves) for booking in bookings] == [(Why.FEE, (("USDT", Decimal("-0.04")),))]


@given(
    fills=st.lists(
        st.tuples(st.sampled_from(("buy", "sell")), st.integers(1, 50), st.integers(1, 1000)), min_size=1, max_size=20
    )
)
def test_a_position_that_is_closed_brought_what_was_sold_less_what_was_bought(fills):
    left = sum(amount if side == "buy" else -amount for side, amount, _ in fills)
    closing = [("sell" if left > 0 else "buy", abs(left), 100)] if left else []
    flow = sum(amount * price * (1 if side == "sell" else -1) for side, amount, price in (*fills, *closing))
    words = [f"{side} {amount} at {price}" for side, amount, price in (*fills, *closing)]
    assert abs(sum(profits(*words)) - flow) < Decimal("1e-12")


@pytest.mark.parametrize(
    ("symbol", "follows"),
    [
        ("BTC/USDT:USDT", True),
        ("BTC/USD:BTC", True),
        ("BTC/USD:BTC-261225", True),
        ("BTC/USDT:USDT-261225-100000-C", True),
        ("BTC/USD:BTC-261225-100000-C", False),  # its price is told in coins
        ("ETH/USD:BTC", False),
    ],
)
def test_what_a_contract_earns_follows_from_its_price_where_it_settles_in_what_that_is_told_in(symbol, follows):
    assert follows_its_price(symbol) is follows
