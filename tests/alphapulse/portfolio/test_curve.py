"""Curves laid on each other, and what of a long past is kept."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from alphapulse.portfolio.curve import Gap, Point, added_up, surplus

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def at(minutes):
    return NOON + timedelta(minutes=minutes)


def curve(*points, complete=True):
    return [Point(at=at(minutes), value=Decimal(value), is_complete=complete) for minutes, value in points]


def told(points):
    return [(point.at, point.value) for point in points]


def test_a_curve_without_a_point_at_a_time_has_its_last_one():
    total = added_up([curve((0, 100), (10, 110)), curve((5, 7), (10, 8))])
    assert told(total) == told(curve((0, 100), (5, 107), (10, 118)))


def test_one_incomplete_part_makes_the_sum_incomplete():
    total = added_up([curve((0, 1), (5, 2)), curve((5, 1), complete=False)])
    assert [point.is_complete for point in total] == [True, False]


def test_from_a_gap_on_the_last_point_stands_and_is_incomplete():
    gapped = [*curve((0, 5)), Gap(at=at(7)), *curve((12, 6))]
    total = added_up([gapped, curve((5, 1), (10, 2), (15, 3))])
    assert told(total) == told(curve((0, 5), (5, 6), (10, 7), (12, 8), (15, 9)))
    assert [point.is_complete for point in total] == [True, True, False, True, True]
    assert told(added_up([gapped])) == told(curve((0, 5), (12, 6)))


def test_what_was_before_the_beginning_counts_from_there():
    total = added_up([curve((0, 100), (10, 110)), curve((1, 7), (11, 8))], since=at(5))
    assert told(total) == told(curve((10, 117), (11, 118)))


def test_nothing_adds_up_to_nothing():
    assert added_up([]) == []
    assert added_up([[], curve((0, 1))]) == curve((0, 1))


def test_of_an_hour_the_last_complete_one_stays():
    taken = [("a", at(0), True), ("b", at(20), True), ("c", at(59), False), ("d", at(60), False), ("e", at(70), False)]
    assert sorted(surplus(taken, each=timedelta(hours=1))) == ["a", "c", "d"]


TAKEN = st.lists(st.tuples(st.integers(0, 600), st.booleans()), max_size=40, unique_by=lambda one: one[0])


@given(TAKEN, st.randoms(use_true_random=False))
def test_one_of_each_hour_stays_whatever_the_order(taken, random):
    rows = [(minutes, at(minutes), is_complete) for minutes, is_complete in taken]
    gone = set(surplus(rows, each=timedelta(hours=1)))
    kept = [minutes for minutes, _ in taken if minutes not in gone]
    assert sorted(minutes // 60 for minutes in kept) == sorted({minutes // 60 for minutes, _ in taken})
    random.shuffle(rows)
    assert set(surplus(rows, each=timedelta(hours=1))) == gone
    # And whoever thins again finds nothing more.
    assert not surplus([row for row in rows if row[0] not in gone], each=timedelta(hours=1))
