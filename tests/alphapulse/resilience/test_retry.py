from datetime import timedelta

import pytest

from alphapulse.resilience.retry import RetryPolicy

ALMOST_ONE = 1 - 1e-12


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 5), (2, 10), (3, 20), (7, 320), (8, 600), (9, 600), (10_000, 600)]
)
def test_the_longest_wait_doubles_up_to_the_cap(failures, seconds):
    wait = RetryPolicy().wait(failures=failures, chance=ALMOST_ONE)
    assert wait == pytest.approx(timedelta(seconds=seconds), abs=timedelta(milliseconds=1))


def test_the_wait_is_any_part_of_the_longest_one():
    assert RetryPolicy().wait(failures=4, chance=0.5) == timedelta(seconds=20)


def test_no_wait_is_shorter_than_the_floor():
    assert RetryPolicy().wait(failures=1, chance=0.0) == timedelta(seconds=1)
