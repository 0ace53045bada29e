"""What is one's own, and goes from one account to another, is no return, no flow, and hides none."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.portfolio.growth import Flow, Point, growth, shown
from alphapulse.portfolio.performance import ratios
from tests.alphapulse.portfolio.happenings import day

HOUR = 1 / 24


def own(on, value, amount=None, asset="BTC"):
    return Flow(day(on), value, (asset, Decimal(str(amount or value))))


def worths(*values, first=1.0):
    return [Point(day(first + number), value) for number, value in enumerate(values)]


def total(points, *flows):
    return growth(points, flows)[-1].value


def test_what_left_and_came_again_between_two_worths_is_nothing():
    """100 became 110, whatever went to and fro meanwhile: else (110 + 100) / (100 + 100)."""
    assert total(worths(100, 110), own(1.2, -100), own(1.3, 100)) == pytest.approx(1.1)


def test_it_is_nothing_whatever_it_was_worth_at_either_end_or_if_nobody_says():
    for came in (105, None):
        assert total(worths(100, 110), own(1.2, -100, -2), own(1.3, came, 2)) == pytest.approx(1.1)


def test_a_deposit_may_be_told_before_its_withdrawal():
    assert total(worths(100, 110), own(1.2, 50), own(1.21, -50)) == pytest.approx(1.1)


def test_what_is_on_its_way_when_one_looks_left_and_came():
    points = worths(100, 40, 110)
    flows = [own(1.9, -60), own(2.1, 60)]
    assert [index.value for index in growth(points, flows)] == pytest.approx([1, 1, 1.1])
    assert shown(points, flows) == flows


def test_two_worths_of_a_flow_that_settles_are_no_looks_between_its_ends():
    """The one of five minutes after it left is no look of which anything is concluded."""
    points = [Point(day(2 - HOUR), 100), Point(day(2 + HOUR / 12), 100), Point(day(3), 110)]
    flows = [own(2, -100), own(2 + HOUR, 100)]
    assert shown(points, flows) == []
    assert growth(points, flows)[-1].value == pytest.approx(1.1)


def test_what_came_from_outside_is_not_taken_for_the_other_end():
    """As much of the same: but somebody else's. Half of what was there at most earned the ten."""
    outside = Flow(day(1.3), 100, None)
    assert total(worths(100, 110), own(1.2, -100), outside) == pytest.approx(210 / 200)
    assert total(worths(100, 110), own(1.2, -100), own(1.3, 100, asset="ETH")) == pytest.approx(210 / 200)


def test_of_three_ends_one_is_left():
    assert shown(worths(100, 40), [own(1.2, -60), own(1.3, -60), own(1.4, 60)]) == [own(1.3, -60)]


def test_a_deposit_of_that_day_weighs_as_it_does_without_the_transfer():
    """100, then 900 came and all became 1100: a tenth, and no less."""
    flows = [Flow(day(1.5), 900.0), own(1.6, -1000), own(1.7, 1000)]
    assert total(worths(100, 1100), *flows) == pytest.approx(1.1)


# Worths each day, money from outside in some of them, and transfers of which both ends lie within a day.
days = st.lists(st.floats(10, 1e6), min_size=2, max_size=40)
parts = st.floats(0.01, 0.9)
moves = st.lists(
    st.tuples(st.integers(0, 38), parts, parts, st.floats(1, 1e6), st.floats(0.5, 2)), min_size=1, max_size=6
)
outside = st.lists(st.tuples(st.integers(0, 38), parts, st.floats(-9, 1e5)), max_size=6)


@given(values=days, moved=moves, others=outside)
def test_transfers_that_nobody_sees_on_their_way_change_nothing(values, moved, others):
    points = worths(*values)
    last = len(values) - 1
    flows = [Flow(day(1 + each % last + part), value) for each, part, value in others]
    within = []
    for number, (each, left, came, value, dearer) in enumerate(moved):
        name = f"coin {number}"
        within += [
            own(1 + each % last + left, -value, -value, name),
            own(1 + each % last + came, value * dearer, value, name),
        ]
    with_them, without = ratios(points, flows + within), ratios(points, flows)
    assert [index.value for index in with_them.indexes] == pytest.approx([index.value for index in without.indexes])
    assert with_them.money_weighted == pytest.approx(without.money_weighted)
    assert with_them.sharpe == pytest.approx(without.sharpe)


@given(values=days, at=st.integers(0, 38), part=parts, worth=st.floats(10, 1e6), moved=moves)
def test_another_look_changes_nothing_unless_something_is_on_its_way(values, at, part, worth, moved):
    """Whatever it was worth then: an index is chained."""
    points = worths(*values)
    at = at % (len(values) - 1)
    look = Point(day(1 + at + part), worth)
    span = (part - 0.02) / 2
    flows = []
    for number, (each, _, _, value, _) in enumerate(moved):
        begin = 1 + each % (len(values) - 1)
        ends = (begin + 0.001, begin + max(span, 0.002))
        flows += [
            own(end, sign * value, sign * value, f"coin {number}") for end, sign in zip(ends, (-1, 1), strict=True)
        ]
    more = sorted([*points, look])
    if any(timedelta(0) <= look.at - flow.at < timedelta(minutes=15) for flow in flows):
        return
    assert growth(more, flows)[-1].value == pytest.approx(growth(points, flows)[-1].value)
