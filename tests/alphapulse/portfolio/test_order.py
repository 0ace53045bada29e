"""Of one moment the lower number was first: exchanges tell several fills of one millisecond."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.portfolio.books import Books, Item
from alphapulse.portfolio.happened import happened
from alphapulse.portfolio.lots import Method
from alphapulse.types import Trade
from tests.alphapulse.portfolio.happenings import MAIN, books, trade

SECOND = 1 / 86_400
SYMBOLS = ("BTC/USDT", "BTC/USDT:USDT")


def meaning(account, code, at):
    return code, Decimal(1)


def kept(fills: list[Trade], method: Method) -> Books:
    return books(happened([(MAIN, fill) for fill in fills], meaning).bookings, method)


@pytest.mark.parametrize(("method", "realised"), [(Method.LIFO, 0), (Method.FIFO, 100)])
def test_the_hundredth_fill_sells_what_the_ninety_ninth_bought(method, realised):
    fills = [
        trade("buy 1 at 100", 1, number="98"),
        trade("buy 1 at 200", 2, number="99"),
        trade("sell 1 at 200", 2, number="100"),
    ]
    assert kept(fills, method).total(Item.REALISED) == realised


steps = st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 3), st.integers(1, 9)), max_size=12)


@given(
    steps=steps, first=st.sampled_from((1, 7, 95, 996)), method=st.sampled_from(Method), symbol=st.sampled_from(SYMBOLS)
)
def test_fills_of_one_moment_are_what_they_would_be_a_second_apart(steps, first, method, symbol):
    """Spot and contracts alike; of what is sold before anything was bought, too."""
    together, apart = [], []
    for place, (side, amount, price) in enumerate(steps):
        words = f"{side} {amount} at {price}"
        together.append(trade(words, 2, number=str(first + place), symbol=symbol))
        apart.append(trade(words, 2 + place * SECOND, number=str(first + place), symbol=symbol))
    one, other = kept(together[::-1], method), kept(apart, method)
    assert one.total() == other.total()
    assert (one.moved, one.held) == (other.moved, other.held)
    assert [(gap.asset, gap.amount) for gap in one.gaps] == [(gap.asset, gap.amount) for gap in other.gaps]
