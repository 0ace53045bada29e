from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.market import timeframes
from alphapulse.market.timeframes import TIMEFRAMES

FIRST, LAST = datetime(1971, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
TIMES = st.integers(0, int((LAST - FIRST).total_seconds())).map(lambda seconds: FIRST + timedelta(seconds=seconds))


@given(TIMES, st.sampled_from(TIMEFRAMES))
def test_every_moment_falls_into_the_candle_that_opened_last(at, timeframe):
    opened_at = timeframes.floor(at, timeframe)
    assert opened_at <= at < timeframes.ends(opened_at, timeframe)
    assert timeframes.floor(opened_at, timeframe) == opened_at
    assert timeframes.ceiling(at, timeframe) in (opened_at, timeframes.ends(opened_at, timeframe))
    assert timeframes.ceiling(at, timeframe) >= at


@given(TIMES, st.sampled_from(TIMEFRAMES), st.integers(-500, 500))
def test_steps_are_counted(at, timeframe, count):
    opened_at = timeframes.floor(at, timeframe)
    there = timeframes.step(opened_at, timeframe, count)
    assert timeframes.count(opened_at, there, timeframe) == count
    assert timeframes.step(there, timeframe, -count) == opened_at


def test_weeks_begin_on_mondays_and_months_on_the_first():
    at = datetime(2026, 11, 21, 17, 3, 4, tzinfo=UTC)
    assert timeframes.floor(at, "1w") == datetime(2026, 11, 16, tzinfo=UTC)
    assert timeframes.floor(at, "1M") == datetime(2026, 11, 1, tzinfo=UTC)
    assert timeframes.ends(datetime(2026, 12, 1, tzinfo=UTC), "1M") == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_timeframe_that_nobody_knows_is_refused():
    with pytest.raises(KeyError):
        timeframes.floor(datetime(2026, 1, 1, tzinfo=UTC), "7m")


@given(TIMES, st.sampled_from(TIMEFRAMES), st.sampled_from(TIMEFRAMES))
def test_where_one_divides_another_each_coarse_candle_begins_with_a_fine_one(at, finer, coarser):
    if timeframes.divides(finer, coarser):
        opened_at = timeframes.floor(at, coarser)
        assert timeframes.floor(opened_at, finer) == opened_at


def test_what_makes_what():
    assert timeframes.divides("5m", "1h")
    assert timeframes.divides("1d", "1M")
    assert not timeframes.divides("3m", "5m")
    assert not timeframes.divides("1w", "1M")
    assert timeframes.minutes("4h") == 240
    assert timeframes.step(datetime(2026, 1, 1, tzinfo=UTC), "1h") - datetime(2026, 1, 1, tzinfo=UTC) == timedelta(
        hours=1
    )
