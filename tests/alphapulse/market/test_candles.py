"""No candle is invented, and none is lost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.market import timeframes
from alphapulse.market.candles import Hole, candles, holes, resample
from alphapulse.types import Candle, Ohlcv

START = datetime(2026, 11, 16, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PRICES = st.decimals("0.00000001", "100000", allow_nan=False, places=8)
# Minutes of five hours in which something was traded.
TRADED = st.dictionaries(st.integers(0, 299), st.lists(PRICES, min_size=4, max_size=4), max_size=60)


def fine(traded: dict[int, list[Decimal]]) -> list[Candle]:
    return [
        Candle(
            symbol="BTC/USDT",
            timeframe="1m",
            opened_at=START + minute * MINUTE,
            open=prices[0],
            high=max(prices),
            low=min(prices),
            close=prices[3],
            volume=prices[1],
            is_closed=True,
        )
        for minute, prices in sorted(traded.items())
    ]


@given(TRADED, st.sampled_from(["3m", "5m", "15m", "1h", "4h", "1d"]), st.integers(0, 400))
def test_coarse_candles_are_exactly_those_that_fine_ones_make(traded, timeframe, minutes):
    parts = fine(traded)
    as_of = START + minutes * MINUTE
    made = resample(parts, timeframe, since=START, as_of=as_of)
    assert [each.opened_at for each in made] == sorted({timeframes.floor(each.opened_at, timeframe) for each in parts})
    assert sum(each.volume for each in made) == sum(each.volume for each in parts)
    for each in made:
        inside = [part for part in parts if timeframes.floor(part.opened_at, timeframe) == each.opened_at]
        assert (each.open, each.close) == (inside[0].open, inside[-1].close)
        assert (each.high, each.low) == (max(part.high for part in inside), min(part.low for part in inside))
        assert each.is_closed == (timeframes.ends(each.opened_at, timeframe) <= as_of)


def test_one_that_began_before_what_is_given_is_left_out():
    parts = fine({minute: [Decimal(1)] * 4 for minute in range(30, 130)})
    made = resample(parts, "1h", since=START + timedelta(hours=1), as_of=START + timedelta(hours=2))
    assert [(each.opened_at.hour, each.is_closed) for each in made] == [(1, True), (2, False)]


def test_timeframes_that_do_not_fit_are_refused():
    fives = [replace(each, timeframe="5m") for each in fine({0: [Decimal(1)] * 4})]
    with pytest.raises(ValueError, match="candles of 5m make none of 3m"):
        resample(fives, "3m", since=START, as_of=START)


@given(st.sets(st.integers(0, 100)), st.sampled_from(["1m", "1h", "1d", "1w", "1M"]))
def test_holes_and_candles_make_up_the_whole_time_between_the_first_and_the_last(numbers, timeframe):
    first = timeframes.ceiling(START, timeframe)
    opened = [timeframes.step(first, timeframe, number) for number in sorted(numbers)]
    found = holes(reversed(opened), timeframe)
    missing = [
        timeframes.step(hole.since, timeframe, number)
        for hole in found
        for number in range(timeframes.count(hole.since, hole.until, timeframe))
    ]
    assert not set(missing) & set(opened)
    assert len(missing) + len(opened) == (timeframes.count(opened[0], opened[-1], timeframe) + 1 if opened else 0)


def test_a_hole_is_named_by_its_first_missing_candle_and_the_next_one_there():
    opened = [START + hour * timedelta(hours=1) for hour in (0, 1, 4)]
    assert holes(opened, "1h") == [Hole(START + timedelta(hours=2), START + timedelta(hours=4))]


def test_what_has_not_ended_by_the_exchanges_clock_is_not_closed():
    one = Decimal(1)
    bars = [
        Ohlcv(opened_at=START + number * MINUTE, open=one, high=one, low=one, close=one, volume=one)
        for number in (1, 0)
    ]
    told = candles(bars, symbol="BTC/USDT", timeframe="1m", as_of=START + 2 * MINUTE - timedelta(microseconds=1))
    assert [(each.opened_at, each.is_closed) for each in told] == [(START, True), (START + MINUTE, False)]
