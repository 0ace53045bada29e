import math
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.sandbox.walk import GRID_MS, Walk

YEAR_STEPS = 365 * 24 * 3600 * 1000 // GRID_MS
moments = st.integers(min_value=0, max_value=200_000_000)


@settings(max_examples=30, deadline=None)
@given(first=moments, length=st.integers(0, 300))
def test_a_range_and_single_questions_see_the_same_path(first: int, length: int):
    points = Walk(7, "BTC", 0.6).points(first, first + length)

    assert len(points) == length + 1
    walk = Walk(7, "BTC", 0.6)
    assert points[:-1] == [walk.segment(index)[0] for index in range(first, first + length)]
    assert points[-1] == walk.segment(first + length)[0]


@settings(max_examples=30, deadline=None)
@given(first=moments, coarse=st.integers(1, 8))
def test_a_coarse_grid_holds_every_nth_point_of_the_fine_one(first: int, coarse: int):
    walk, width = Walk(7, "BTC", 0.6), 1 << coarse
    fine = walk.points(first * width, (first + 5) * width)

    assert walk.points(first, first + 5, coarse=coarse) == fine[::width]


def test_the_seed_and_the_name_make_the_path():
    path = Walk(7, "BTC", 0.6).points(0, 50)

    assert Walk(7, "BTC", 0.6).points(0, 50) == path
    assert Walk(8, "BTC", 0.6).points(0, 50) != path
    assert Walk(7, "ETH", 0.6).points(0, 50) != path


def test_steps_are_as_wild_as_the_volatility_says():
    points = Walk(3, "BTC", 0.6).points(100_000_000, 100_020_000)
    steps = [after - before for before, after in pairwise(points)]
    per_year = math.sqrt(sum(step**2 for step in steps) / len(steps) * YEAR_STEPS)

    assert 0.5 < per_year < 0.7
