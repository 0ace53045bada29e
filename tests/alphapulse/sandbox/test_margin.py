"""What positions demand of a wallet, against figures worked out by hand and against their own definition."""

from decimal import Decimal as D

from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.sandbox.margin import (
    bracket_of,
    brackets_up_to,
    initial_margin,
    liquidation_price,
    maintenance_margin,
    max_notional,
)
from alphapulse.sandbox.positions import Position, apply_fill

TABLE = brackets_up_to(125)


def position(amount: str, price: str) -> Position:
    return apply_fill(Position(), D(amount), D(price)).position


def test_maintenance_margin_is_continuous_where_the_rate_steps_up():
    for bracket in TABLE[1:]:
        below = maintenance_margin(bracket.floor - D("1e-12"), TABLE)
        assert abs(maintenance_margin(bracket.floor, TABLE) - below) < D("1e-9")


def test_the_first_brackets_are_binances():
    assert [(b.floor, b.cap, b.max_leverage, b.rate, b.cum) for b in TABLE[:3]] == [
        (D(0), D(50_000), 125, D("0.004"), D(0)),
        (D(50_000), D(250_000), 100, D("0.005"), D(50)),
        (D(250_000), D(3_000_000), 50, D("0.01"), D(1300)),
    ]


def test_a_market_with_less_leverage_starts_at_its_own_bracket():
    assert brackets_up_to(20)[0].max_leverage == 20
    assert brackets_up_to(20)[0].floor == 0


def test_higher_leverage_allows_a_smaller_position():
    assert max_notional(125, TABLE) == 50_000
    assert max_notional(20, TABLE) == 20_000_000


def test_open_orders_demand_margin_only_on_the_worse_side():
    assert initial_margin(D(1000), 10, bids=D(500), asks=D(300)) == 150
    assert initial_margin(D(1000), 10, asks=D(1500)) == 100
    assert initial_margin(D(1000), 10, asks=D(2500)) == 150


def test_a_long_is_liquidated_below_its_entry_and_a_short_above():
    long_price = liquidation_price([(position("1", "10000"), TABLE, D(10_000))], D(1000))
    short_price = liquidation_price([(position("-1", "10000"), TABLE, D(10_000))], D(1000))
    assert round(long_price, 2) == D("9036.14")  # (1000 - 10000) / (0.004 - 1)
    assert round(short_price, 2) == D("10956.18")  # (1000 + 10000) / (0.004 + 1)


def test_a_long_covered_in_full_is_never_liquidated():
    assert liquidation_price([(position("1", "100"), TABLE, D(100))], D(5000)) == 0


@settings(max_examples=100, deadline=None)
@given(
    st.integers(-4000, 4000).filter(bool),
    st.integers(100, 1_000_000),
    st.integers(1, 5_000),
)
def test_at_the_liquidation_price_equity_equals_the_maintenance_margin(thousandths, entry, collateral):
    held = position(str(D(thousandths) / 1000), str(entry))
    bracket = bracket_of(held.notional(D(entry)), TABLE)
    price = liquidation_price([(held, TABLE, D(entry))], D(collateral))
    if not price:
        return
    maintenance = abs(held.notional(price)) * bracket.rate - bracket.cum
    assert abs(D(collateral) + held.unrealised(price) - maintenance) < D("1e-9")
