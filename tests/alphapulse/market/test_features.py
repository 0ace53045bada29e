from datetime import UTC, datetime
from itertools import pairwise
from math import log, sqrt
from statistics import mean, stdev

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.market import feature_values, timeframes
from alphapulse.market.feature_values import Inputs, compute, grid
from alphapulse.market.features import FUNCTIONS, UnknownFeature, feature

START = datetime(2026, 1, 1, tzinfo=UTC)
PRICES = [100.0, 101.0, 99.0, 102.0, 104.0, 103.0, 107.0, 105.0]
REFERENCE = [10.0, 10.2, 9.9, 10.1, 10.6, 10.5, 10.4, 10.7]
MISSING = float("nan")


def inputs(close=PRICES, reference=REFERENCE, funding=None, timeframe="1h"):
    opened_at = grid_of(len(close), timeframe)
    columns = (np.array(column, dtype=float) for column in (close, reference, funding or [MISSING] * len(close)))
    return Inputs(timeframe, opened_at, *columns)


def grid_of(bars, timeframe):
    return grid(START, timeframes.step(START, timeframe, bars - 1), timeframe)


def values(function, close=PRICES, **parameters):
    return compute(feature(function, parameters), inputs(close))


def logs(prices):
    return [log(b / a) for a, b in pairwise(prices)]


def test_returns_are_null_until_there_is_a_close_to_compare_with():
    assert values("returns", bars=2) == [None, None] + [
        pytest.approx(b / a - 1) for a, b in zip(PRICES, PRICES[2:], strict=False)
    ]


def test_log_returns_add_up():
    total = sum(value for value in values("log_returns") if value is not None)
    assert total == pytest.approx(log(PRICES[-1] / PRICES[0]))


def test_volatility_is_the_deviation_of_a_windows_returns_for_a_year():
    expected = stdev(logs(PRICES[-5:])) * sqrt(365 * 24)
    assert values("volatility", window=4)[-1] == pytest.approx(expected)


def test_volatility_of_days_is_for_the_same_year():
    found = compute(feature("volatility", {"window": 4}), inputs(timeframe="1d"))
    assert found[-1] == pytest.approx(stdev(logs(PRICES[-5:])) * sqrt(365))


def test_a_zscore_counts_deviations_from_the_windows_mean():
    window = PRICES[-4:]
    assert values("zscore", window=4)[-1] == pytest.approx((window[-1] - mean(window)) / stdev(window))


@pytest.mark.parametrize("price", [5.0, 0.1, 0.99987, 27123.7])
def test_a_price_that_never_moved_has_no_zscore_and_no_regime(price):
    assert values("zscore", [price] * 40, window=30) == [None] * 40
    assert values("regime", [price] * 150, fast=20, slow=100) == [None] * 150


def test_momentum_leaves_out_the_newest_bars():
    assert values("momentum", bars=5, skip=2)[-1] == pytest.approx(PRICES[-3] / PRICES[-6] - 1)


def test_correlation_with_itself_is_one_and_with_its_mirror_minus_one():
    mirrored = [1 / price for price in PRICES]
    correlation = feature("correlation", {"window": 4})
    assert compute(correlation, inputs(reference=PRICES))[-1] == pytest.approx(1)
    assert compute(correlation, inputs(reference=mirrored))[-1] == pytest.approx(-1)


def test_correlation_is_of_returns():
    ours, theirs = logs(PRICES[-5:]), logs(REFERENCE[-5:])
    found = compute(feature("correlation", {"window": 4}), inputs())[-1]
    assert found == pytest.approx(np.corrcoef(ours, theirs)[0, 1])


def test_the_regime_is_rising_falling_or_neither():
    rising = [100 * 1.01**bar * (1.002 if bar % 2 else 1) for bar in range(40)]
    assert values("regime", rising, fast=5, slow=20)[-1] == 1
    assert values("regime", rising[::-1], fast=5, slow=20)[-1] == -1
    assert values("regime", [100.0, 101.0] * 20, fast=5, slow=20)[-1] == 0


def test_funding_is_the_mean_of_what_was_due_in_the_window():
    funding = [0.0001, MISSING, MISSING, MISSING, 0.0003, MISSING, MISSING, MISSING]
    found = compute(feature("funding", {"window": 5}), inputs(funding=funding))
    assert found == [None] * 4 + [pytest.approx(0.0002)] + [pytest.approx(0.0003)] * 3


def test_a_return_never_leaps_over_a_hole():
    holed = [*PRICES[:3], MISSING, *PRICES[4:]]
    assert [value is None for value in values("returns", holed)] == [
        True,
        False,
        False,
        True,
        True,
        False,
        False,
        False,
    ]


def test_a_window_bears_two_holes_in_ten_and_not_three():
    ten = [float(number) for number in range(1, 11)]
    two, three = ([MISSING] * holes + ten[holes:] for holes in (2, 3))
    assert values("zscore", two, window=10)[-1] is not None
    assert values("zscore", three, window=10)[-1] is None


@pytest.mark.parametrize(
    ("function", "parameters", "words"),
    [
        ("magic", {}, "no feature function; there are: returns"),
        ("returns", {"window": 3}, "has no parameter 'window'; its parameters: bars"),
        ("returns", {"bars": 0}, "whole number from 1 to 5000"),
        ("returns", {"bars": 5001}, "whole number from 1 to 5000"),
        ("returns", {"bars": True}, "whole number"),
        ("returns", {"bars": 1.5}, "whole number"),
        ("volatility", {"window": 1}, "at least 2 bars"),
        ("regime", {"fast": 50, "slow": 50}, "fast has to be shorter than slow"),
        ("momentum", {"bars": 3, "skip": 3}, "skip has to be shorter than bars"),
    ],
)
def test_what_cannot_be_computed_is_refused_in_words(function, parameters, words):
    with pytest.raises(UnknownFeature, match=words):
        feature(function, parameters)


def test_every_function_is_computed():
    assert feature_values._FUNCTIONS.keys() == FUNCTIONS.keys()


def small(function):
    """The function with windows short enough for a short series."""
    short = {"bars": 6, "skip": 2, "window": 5, "fast": 3, "slow": 7}
    return feature(function, {name: short[name] for name in FUNCTIONS[function].parameters})


closes_with_holes = st.lists(
    st.one_of(st.floats(0.01, 1e6, allow_nan=False), st.just(MISSING)), min_size=1, max_size=60
)


@pytest.mark.parametrize("function", FUNCTIONS)
@settings(deadline=None)
@given(close=closes_with_holes, first=st.integers(0, 59), seed=st.integers(0, 9))
def test_what_is_computed_bar_after_bar_equals_what_is_computed_at_once(function, close, first, seed):
    wanted = small(function)
    reference = list(np.random.default_rng(seed).uniform(1, 2, len(close)))
    whole = inputs(close, reference, reference)
    first = min(first, len(close) - 1)
    start = max(first - wanted.look_back, 0)
    tail = Inputs("1h", whole.opened_at[start:], whole.close[start:], whole.reference[start:], whole.funding[start:])
    assert compute(wanted, tail)[first - start :] == compute(wanted, whole)[first:]
