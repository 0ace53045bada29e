"""A worksheet calculated by hand, and what holds for all holdings."""

from datetime import UTC, datetime
from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.portfolio.prices import PriceBook, Quote
from alphapulse.portfolio.valuation import Holding, unrealized_pnl, valuate
from alphapulse.types import PositionSide

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PRICES = {"BTC": "100000", "ETH": "4000.5", "USDT": "0.999", "SHIB": "0.0000123"}
BOOK = PriceBook(
    [Quote(base=code, quote="USD", price=Decimal(price), source="kraken", as_of=NOW) for code, price in PRICES.items()],
    now=NOW,
)


def holding(asset, amount, *, account_id=1, wallet="spot", symbol=""):
    amount = None if amount is None else Decimal(amount)
    return Holding(
        account_id=account_id, exchange_id="kraken", wallet=wallet, asset=asset, amount=amount, symbol=symbol
    )


def test_the_worksheet():
    worth = valuate(
        [
            holding("BTC", "0.12345678"),  # 12345.678
            holding("ETH", "-2.5"),  # owed: -10001.25
            holding("USDT", "-31.25", wallet="usdm", symbol="BTC/USDT:USDT"),  # lost so far: -31.21875
            holding("SHIB", "1000000000000.5", account_id=2),  # 12300000.00000615
        ],
        BOOK,
        "USD",
    )
    assert worth.total == Decimal("12302313.20925615")
    assert worth.is_complete
    parts = {
        account: sum(line.value for line in lines) for account, lines in worth.by(lambda each: each.account_id).items()
    }
    assert parts == {1: Decimal("2313.20925"), 2: Decimal("12300000.00000615")}


def test_what_has_no_price_is_in_no_total_and_on_a_list_with_the_reason():
    worth = valuate([holding("BTC", "1"), holding("FOO", "5"), holding("BAR", "0")], BOOK, "USD")
    assert worth.total == 100000
    assert worth.unpriced == {"FOO": "no market of FOO is known"}
    assert not worth.is_complete


def test_something_of_which_nothing_has_a_price_is_not_worth_zero():
    assert valuate([holding("FOO", "5")], BOOK, "USD").total is None
    assert valuate([], BOOK, "USD").total == 0


def test_a_position_whose_earnings_nobody_told_is_named():
    worth = valuate([holding("USDT", None, symbol="X/USDT:USDT")], BOOK, "USD")
    assert worth.total is None
    assert list(worth.unpriced) == ["X/USDT:USDT"]


def test_an_account_that_failed_marks_the_total_and_itself_alone():
    worth = valuate([holding("BTC", "1"), holding("BTC", "2", account_id=2)], BOOK, "USD", failed={3}, stale={2})
    assert (worth.total, worth.is_complete) == (300000, False)
    by_account = worth.by(lambda each: each.account_id)
    assert [worth.is_whole(account, by_account.get(account, [])) for account in (1, 2, 3)] == [True, False, False]


@pytest.mark.parametrize(
    ("side", "is_inverse", "entry", "mark", "earned"),
    [
        ("long", False, "100", "110", "20"),  # 2 contracts of 1 coin
        ("short", False, "100", "110", "-20"),
        # 2 contracts of 1 dollar: 2 x (1/100 - 1/125) coins.
        ("long", True, "100", "125", "0.004"),
        ("short", True, "100", "125", "-0.004"),
        ("long", False, "100", None, None),
    ],
)
def test_what_a_position_has_earned(side, is_inverse, entry, mark, earned):
    found = unrealized_pnl(
        side=PositionSide(side),
        contracts=Decimal(2),
        contract_size=Decimal(1),
        entry_price=Decimal(entry),
        mark_price=mark and Decimal(mark),
        is_inverse=is_inverse,
    )
    assert found == (earned and Decimal(earned))


HOLDINGS = st.lists(
    st.builds(
        holding,
        st.sampled_from([*PRICES, "FOO"]),
        st.decimals(min_value=-(10**18), max_value=10**18, places=18, allow_nan=False),
        account_id=st.integers(1, 4),
        wallet=st.sampled_from(("spot", "usdm")),
    ),
    max_size=30,
)


@given(HOLDINGS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(holdings, random):
    shuffled = list(holdings)
    random.shuffle(shuffled)
    one, other = valuate(holdings, BOOK, "USD"), valuate(shuffled, BOOK, "USD")
    assert (one.total, one.unpriced) == (other.total, other.unpriced)


@given(HOLDINGS)
def test_every_division_into_parts_adds_up_to_the_total(holdings):
    worth = valuate(holdings, BOOK, "USD")
    for key in (lambda each: each.account_id, lambda each: each.asset, lambda each: each.wallet):
        parts = [line.value for lines in worth.by(key).values() for line in lines if line.value is not None]
        assert sum(map(int_of, parts)) == int_of(worth.total or Decimal(0))


def int_of(value):
    """In steps of 1e-12, exactly."""
    return int(value.scaleb(12, context=Context(prec=90)))
