"""Each number is calculated by hand, or is a published example of the calculation."""

from datetime import UTC, datetime, timedelta
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.portfolio.performance import (
    Flow,
    Index,
    Point,
    annual,
    calmar,
    concentration,
    daily,
    deepest,
    drawdown,
    exposure,
    growth,
    money_weighted,
    sharpe,
    sortino,
    together,
    volatility,
)
from tests.alphapulse.portfolio.happenings import day

UP_AND_DOWN = [0.02, -0.01] * 15


def worths(*values: float) -> list[Point]:
    return [Point(day(number), value) for number, value in enumerate(values, 1)]


def indexes(*values: float) -> list[Index]:
    return [Index(day(number), value) for number, value in enumerate(values, 1)]


def twr(points: list[Point], *flows: Flow) -> float:
    return growth(points, flows)[-1].value - 1


def test_without_flows_it_is_what_it_became():
    assert twr(worths(100, 110, 121)) == pytest.approx(0.21)


def test_what_comes_and_goes_is_no_return():
    """100 became 110; 90 came and the 200 became 220; 20 went, and 200 stayed: 1.1 x 1.1."""
    flows = Flow(day(2.5), 90), Flow(day(3.5), -20)
    assert twr(worths(100, 110, 220, 200), *flows) == pytest.approx(0.21)


def test_a_little_that_was_there_before_did_not_earn_what_much_did():
    """1 was there, then 999 came, and 1000 became 1100: a tenth, and not a hundredfold."""
    assert twr(worths(1, 1100), Flow(day(1.5), 999)) == pytest.approx(0.1)


def test_all_that_went_is_no_loss():
    assert twr(worths(100, 0), Flow(day(1.5), -100)) == 0


@pytest.mark.parametrize("value", [-50, 100])
def test_a_worth_that_does_not_show_a_flow_yet_is_no_return(value):
    """It is taken five minutes after, with balances of before; the next one shows it. Otherwise 50 of 100 that went
    were 1.5 and then 0.5, a loss of a quarter that no later worth makes good."""
    after = 100 + value
    points = [Point(day(2 + at / 288), worth) for at, worth in ((0, 100), (1, 100), (2, after), (5, after), (9, after))]
    grown = growth(points, [Flow(day(2 + 0.9 / 288), value)])
    assert [index.value for index in grown] == pytest.approx([1] * 5)


def test_flows_without_end_do_not_hide_what_happens():
    """One every ten minutes for ten hours, and a fall of a half in the middle."""
    at = [day(2 + number / 288) for number in range(120)]
    points = [Point(each, 100 if number < 60 else 50) for number, each in enumerate(at)]
    grown = growth(points, [Flow(each, 0.0) for each in at[::2]])
    fallen = [index.at for index in grown if index.value == pytest.approx(0.5)]
    assert at[60] <= fallen[0] <= at[60] + timedelta(hours=2)


def test_of_nothing_there_is_no_return():
    assert twr(worths(0, 0, 100, 110), Flow(day(2.5), 100)) == pytest.approx(0.1)
    assert growth([], []) == []


@given(worth=st.floats(1, 1e6), flows=st.lists(st.floats(-1e5, 1e5).filter(bool), max_size=5))
def test_flows_alone_make_no_return(worth, flows):
    """Whatever comes and goes, where nothing else happens, as long as something is left."""
    points = [Point(day(1), worth)]
    moved = []
    for number, value in enumerate(flows, 2):
        if points[-1].worth + value > 1:
            points.append(Point(day(number), points[-1].worth + value))
            moved.append(Flow(day(number - 0.5), value))
    assert growth(points, moved)[-1].value == pytest.approx(1, rel=1e-6)


def test_a_return_over_a_span_as_a_years():
    assert annual(0.21, timedelta(days=730)) == pytest.approx(0.1)
    assert annual(0.1, timedelta(days=29)) is None
    assert annual(1e36, timedelta(days=30)) is None


def test_money_weighted_is_the_published_example_of_xirr():
    """Microsoft's for XIRR: -10,000, then 2,750, 4,250, 3,250 and 2,750 come back. 37.3362535 %."""
    at = [
        datetime(*when, tzinfo=UTC)
        for when in ((2008, 1, 1), (2008, 3, 1), (2008, 10, 30), (2009, 2, 15), (2009, 4, 1))
    ]
    back = [Flow(at[1], -2750), Flow(at[2], -4250), Flow(at[3], -3250)]
    assert money_weighted([Point(at[0], 10000), Point(at[4], 2750)], back) == pytest.approx(0.373362535, abs=1e-7)


def test_of_a_day_there_is_no_rate_of_a_year():
    """One per cent in a day would be 3,678 % a year."""
    assert money_weighted([Point(day(1), 100), Point(day(2), 101)], []) is None
    assert money_weighted([Point(day(1), 100), Point(day(31), 101)], []) == pytest.approx(1.01 ** (365 / 30) - 1)


def test_money_that_came_before_the_fall_weighs_more_than_time_does():
    """Doubled with 100, halved with 1200: nothing by time, much by money."""
    points = [Point(day(1), 100), Point(day(366), 200), Point(day(731), 600)]
    flows = [Flow(day(366.5), 1000)]
    assert growth(points, flows)[-1].value == pytest.approx(1)
    rate = money_weighted(points, flows)
    # With the flow half a day earlier, 100 x^2 + 1000 x = 600: x = (sqrt(1,240,000) - 1000) / 200 = 0.5678.
    assert rate == pytest.approx(-0.4322, abs=0.001)
    assert 100 * (1 + rate) ** 2 + 1000 * (1 + rate) ** (364.5 / 365) == pytest.approx(600)


def test_there_is_no_rate_where_nothing_was_put_in():
    assert money_weighted([Point(day(1), 0), Point(day(40), 0)], []) is None
    assert money_weighted(worths(1), []) is None


def test_a_day_is_from_its_predecessors_last_value_to_its_own():
    found = daily([Index(day(1.2), 1), Index(day(1.9), 2), Index(day(2.5), 3), Index(day(4.5), 9), Index(day(5), 18)])
    assert found == {day(2).date(): 0.5, day(5).date(): 1.0}


def test_volatility_is_a_years():
    """Fifteen of 2 % and fifteen of -1 %: mean 0.5 %, each 1.5 % away; stdev 0.015 x sqrt(30/29)."""
    assert volatility(UP_AND_DOWN) == pytest.approx(0.015 * sqrt(30 / 29) * sqrt(365))


def test_sharpe():
    assert sharpe(UP_AND_DOWN) == pytest.approx(0.005 / (0.015 * sqrt(30 / 29)) * sqrt(365))


def test_sharpe_counts_what_is_above_the_riskless():
    a_day = 1.05 ** (1 / 365) - 1
    assert sharpe(UP_AND_DOWN, 0.05) == pytest.approx((0.005 - a_day) / (0.015 * sqrt(30 / 29)) * sqrt(365))


def test_sortino_counts_the_bad_days_alone():
    """Half of the days are -1 %: the root of half of 0.0001."""
    assert sortino(UP_AND_DOWN) == pytest.approx(0.005 / sqrt(0.0001 / 2) * sqrt(365))


def test_too_short_a_past_has_no_risk():
    assert [each(UP_AND_DOWN[:29]) for each in (volatility, sharpe, sortino)] == [None] * 3


def test_what_never_moved_or_never_fell_has_no_ratio():
    assert sharpe([0.0] * 30) is None
    assert sortino([0.01] * 30) is None


def test_the_drawdown_is_from_the_highest_so_far():
    curve = drawdown(indexes(1, 2, 1.5, 3, 2.4))
    assert [index.value for index in curve] == pytest.approx([0, 0, -0.25, 0, -0.2])


def test_the_deepest_fall_and_when_it_was_made_good():
    fall = deepest(indexes(1, 2, 1.5, 1, 2, 1.9))
    assert fall == (-0.5, day(2), day(4), day(5))
    assert deepest(indexes(1, 2, 1)).back_at is None
    assert deepest(indexes(1, 2, 3)) is None


def test_calmar_is_a_years_return_against_the_deepest_fall():
    fall = deepest(indexes(1, 2, 1.5))
    assert calmar(0.5, fall) == 2
    assert calmar(None, fall) is calmar(0.5, None) is None


def test_the_correlation_is_of_common_days():
    one = {day(number).date(): each for number, each in enumerate(UP_AND_DOWN, 1)}
    other = {at: -2 * each for at, each in one.items()} | {day(99).date(): 7.0}
    assert together(one, other) == pytest.approx(-1)
    assert together(one, dict.fromkeys(one, 0.0)) is None
    assert together(one, dict(list(other.items())[:29])) is None


def test_concentration():
    """Half, a quarter, a quarter: 0.375, as if of 2.67 equal ones."""
    found = concentration({"BTC": 50, "ETH": 25, "USDT": 25, "BNB": -10})
    assert found == (0.375, pytest.approx(8 / 3), "BTC", 0.5)
    assert concentration({}) is None


def test_exposure_is_in_parts_of_the_whole():
    found = exposure([100, 50, -50], 100)
    assert (found.long, found.short, found.gross, found.net) == (1.5, 0.5, 2, 1)
    assert exposure([100], 0) is None
