"""A ratio that nothing tells is none, and says why: no number out of noise, of too little, or of several."""

from datetime import UTC, datetime, timedelta

import pytest

from alphapulse.portfolio.growth import Flow, Index, Point, growth
from alphapulse.portfolio.performance import (
    calmar,
    daily,
    deepest,
    drawdown,
    money_weighted,
    ratios,
    sharpe,
    sortino,
    together,
)
from alphapulse.portfolio.unknown import why_not

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def at(days):
    return BEGIN + days * DAY


def worths(*values, step=1.0):
    return [Point(at(number * step), value) for number, value in enumerate(values)]


# --- Noise is no number ---------------------------------------------------------------------------------------------


def test_what_moves_by_rounding_alone_has_no_ratio():
    still = [0.01 + number % 3 * 1e-17 for number in range(40)]
    assert (sharpe(still), sortino(still, 0.0)) == (None, None)
    nearly = [-1e-17 * (number % 2) for number in range(40)]
    assert (sharpe(nearly), sortino(nearly)) == (None, None)


def test_a_fall_by_rounding_alone_is_none():
    indexes = [Index(at(0), 1.0), Index(at(1), 1 - 2e-16), Index(at(2), 1.0)]
    assert deepest(indexes) is None
    assert calmar(0.2, deepest(indexes)) is None
    assert drawdown(indexes)[1].value < 0


def test_what_never_moved_correlates_with_nothing():
    days = {(BEGIN + number * DAY).date(): number % 5 / 100 for number in range(40)}
    flat = dict.fromkeys(days, 0.01 + 1e-18)
    assert together(days, flat) is None
    assert together(days, dict(list(days.items())[:29])) is None
    assert together(days, days) == pytest.approx(1)


# --- Uneven looks ---------------------------------------------------------------------------------------------------


def test_a_day_whose_looks_lie_too_close_together_or_too_far_apart_is_not_known():
    looks = [Index(at(0.9), 1.0), Index(at(1.05), 1.1), Index(at(2.9), 1.2), Index(at(3.9), 1.3)]
    # Three hours and a half, 44 hours, and a day.
    assert list(daily(looks).values()) == [pytest.approx(1.3 / 1.2 - 1)]


def test_an_incomplete_worth_after_a_flow_is_no_loss():
    """100 came while nobody could read the account: its worth is of earlier until it can be."""
    seen = [Point(at(0), 100), Point(at(0.02), 100, False), Point(at(0.04), 100, False), Point(at(0.06), 210)]
    grown = growth([*seen, Point(at(0.08), 210)], [Flow(at(0.001), 100)])
    assert [index.value for index in grown] == pytest.approx([1, 1, 1, 1.05, 1.05])


def test_flows_in_a_time_that_nobody_saw_are_there_from_its_beginning_and_until_its_end():
    """100, then 50 came and 30 went, and 132 are there: (132 + 30) / (100 + 50)."""
    grown = growth([Point(at(0), 100), Point(at(10), 132)], [Flow(at(3), 50), Flow(at(7), -30)])
    assert grown[-1].value == pytest.approx(1.08)


# --- Rates ----------------------------------------------------------------------------------------------------------


def test_where_two_rates_or_none_explain_it_there_is_no_rate():
    # The schoolbook's: -1,600 now, 10,000 back in a year, another -10,000 in two. 25 % and 400 % both do.
    twice = [Flow(at(365), -10_000), Flow(at(730), 10_000)]
    assert money_weighted([Point(at(0), 1600), Point(at(800), 1e-9)], twice) is None
    # Something out of nothing.
    assert money_weighted([Point(at(0), 0), Point(at(365), 100)], []) is None


def test_three_rates_are_none_either():
    """-1 + 6x - 11x² + 6x³ is nothing where x, a year's loss of worth, is 1, 1/2 or 1/3."""
    flows = [Flow(at(365), -600), Flow(at(730), 1100)]
    assert money_weighted([Point(at(0), 100), Point(at(1095), 600)], flows) is None


def test_one_rate_is_told():
    assert money_weighted([Point(at(0), 100), Point(at(365), 110)], []) == pytest.approx(0.1)


# --- In words -------------------------------------------------------------------------------------------------------


def test_each_ratio_that_is_none_says_why():
    told = why_not(ratios(worths(100), []))
    everything = {"time_weighted", "annual", "money_weighted", "volatility", "sharpe", "sortino", "calmar", "fall"}
    assert set(told) == everything
    assert told["annual"] == "there are not two snapshots of worth in that time"
    assert told["sharpe"] == "the returns of 0 days are known, and 30 are needed"


def test_too_short_a_time_says_how_long_it_is():
    told = why_not(ratios(worths(*range(100, 111)), []))
    assert told["annual"] == told["calmar"] == "it is 10.0 days long, and a year's rate is told of 30"
    assert told["volatility"] == "the returns of 10 days are known, and 30 are needed"
    assert told["fall"] == "it never fell"


def test_what_stood_still_says_so_and_what_is_known_says_nothing():
    told = why_not(ratios(worths(*[100] * 40), []))
    assert told == {
        "sharpe": "its worth never moved",
        "sortino": "no day was below the riskless rate",
        "calmar": "it never fell",
        "fall": "it never fell",
    }
    moving = [100 * 1.02 ** (number - number // 2 * 1.5) for number in range(60)]
    assert why_not(ratios(worths(*moving), [])) == {}
