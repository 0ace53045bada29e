import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from random import Random

import numpy as np
import pytest
from talib import abstract

from alphapulse.market.indicators import INPUTS, Series, UnknownIndicator, compute, indicators, parse, parse_all
from alphapulse.types import Candle
from tests import candle_files

BARS = 9000
NEAR = 1e-9
START = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def walk(bars=BARS):
    """Prices that wander, each bar's high and low about its open and close."""
    random = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.004, bars)))
    opened = np.concatenate([[100.0], close[:-1]])
    wicks = random.uniform(0, 0.003, (2, bars))
    high, low = np.maximum(opened, close) * (1 + wicks[0]), np.minimum(opened, close) * (1 - wicks[1])
    return dict(zip(INPUTS, (opened, high, low, close, random.uniform(1, 1000, bars)), strict=True))


def part(columns, first, last=None):
    return Series({name: column[first:last] for name, column in columns.items()})


def assert_same(found, expected, first, start):
    for name, values in expected.items():
        for ours, theirs in zip(found[name][first - start :], values[first:], strict=True):
            assert (ours is None) == (theirs is None), name
            if ours is not None:
                assert ours == pytest.approx(theirs, rel=NEAR, abs=NEAR), name


def candle(number, close="100", is_closed=True):
    price = Decimal(close)
    return Candle(
        symbol="BTC/USDT",
        timeframe="1m",
        opened_at=START + timedelta(minutes=number),
        open=price,
        high=price,
        low=price,
        close=price,
        volume=Decimal(1),
        is_closed=is_closed,
    )


def from_warm_up(request, columns, wanted):
    """What is served for the last `wanted` bars, and where its series began."""
    bars = len(columns["close"])
    start = 0 if request.warm_up is None else max(bars - wanted - request.warm_up, 0)
    return compute(request, part(columns, start)), start


@pytest.mark.parametrize("name", sorted(indicators()))
def test_a_part_of_a_series_has_the_values_of_the_whole(name):
    columns, request = walk(), parse(name)
    found, start = from_warm_up(request, columns, wanted=100)
    assert_same(found, compute(request, part(columns, 0)), BARS - 100, start)


@pytest.mark.parametrize(
    "text",
    [
        "RSI(timeperiod=100)",
        "ADX(timeperiod=50)",
        "MACD(fastperiod=30, slowperiod=60, signalperiod=20)",
        "T3(timeperiod=40, vfactor=1)",
        "TRIX(timeperiod=60)",
        "BBANDS(timeperiod=50, matype=1)",
        "MA(timeperiod=60, matype=6)",
        "STOCHRSI(timeperiod=40)",
    ],
)
def test_longer_periods_begin_further_back(text):
    columns, request = walk(2 * BARS), parse(text)
    found, start = from_warm_up(request, columns, wanted=100)
    assert start > 0
    assert_same(found, compute(request, part(columns, 0)), 2 * BARS - 100, start)


@pytest.mark.parametrize("name", ["EMA", "RSI", "ATR", "ADX", "MACD", "KAMA", "TRIX", "T3"])
def test_their_own_look_back_would_not_be_enough_for_what_feeds_on_itself(name):
    columns, request = walk(), parse(name)
    expected = compute(request, part(columns, 0))
    start = BARS - 1 - abstract.Function(name).lookback
    found = compute(request, part(columns, start))
    output = next(iter(found))
    assert found[output][-1] != pytest.approx(expected[output][-1], rel=NEAR, abs=NEAR)


def test_the_real_candles_have_talibs_values_at_every_bar():
    candle_files.required()
    for name_of_file in candle_files.FILES:
        series = Series.of(candle_files.candles(name_of_file))
        for name in indicators():
            request = parse(name)
            expected = compute(request, series)
            for first in range(len(series) - 50, 0, -1500):
                start = 0 if request.warm_up is None else max(first - request.warm_up, 0)
                found = compute(request, part(series.columns, start, first + 50))
                assert_same(found, {key: values[: first + 50] for key, values in expected.items()}, first, start)


@pytest.mark.parametrize("seed", range(4))
def test_nor_does_it_change_where_prices_and_volumes_stand_still(seed):
    """There sums that run on are nothing but their roundings."""
    columns, random = standing_still(seed), Random(seed)
    for name in indicators():
        for text in (name, any_periods(name, random)):
            assert_any_bar_is_that_of_the_whole(text, columns, random)


def test_the_real_candles_have_talibs_values_at_any_bar_with_any_periods():
    candle_files.required()
    random = Random(11)
    for name_of_file in candle_files.FILES:
        columns = Series.of(candle_files.candles(name_of_file)).columns
        for name in indicators():
            assert_any_bar_is_that_of_the_whole(any_periods(name, random), columns, random)


def assert_any_bar_is_that_of_the_whole(text, columns, random):
    """The first that has a whole warm-up before it, and others."""
    bars = len(columns["close"])
    try:
        request = parse(text)
    except UnknownIndicator:
        # MESA's average, say, takes no two periods.
        return
    whole, warm_up = compute(request, part(columns, 0)), request.warm_up or bars
    for bar in [min(warm_up, bars - 1), *(random.randrange(bars) for _time in range(6))]:
        start = max(bar - warm_up, 0)
        found = compute(request, part(columns, start, bar + 1))
        assert_same(found, {name: values[: bar + 1] for name, values in whole.items()}, bar, start)


def any_periods(name, random):
    known = indicators()[name].parameters
    given = {each: random.choice([2, 3, 9, 60, 250]) for each in known if "period" in each}
    given |= {each: random.choice(range(9)) for each in known if "matype" in each}
    return f"{name}({', '.join(f'{each}={value}' for each, value in given.items())})"


def standing_still(seed, bars=6000):
    """Prices of any size, in ticks; for hours nobody trades."""
    random = np.random.default_rng(seed)
    steps, volume = random.normal(0, 0.004, bars), random.uniform(1, 1000, bars).round(3)
    for begin, hours in random.integers([0, 10], [bars - 120, 120], (25, 2)):
        steps[begin : begin + hours] = volume[begin : begin + hours] = 0
    size = 10.0 ** random.integers(-8, 6)
    ticks = np.exp(np.cumsum(steps)) * 1e4
    opened = np.concatenate([ticks[:1], ticks[:-1]])
    wicks = random.uniform(0, 0.003, (2, bars)) * (steps != 0)
    high, low = np.maximum(opened, ticks) * (1 + wicks[0]), np.minimum(opened, ticks) * (1 - wicks[1])
    prices = [column.round() * size / 1e4 for column in (opened, high, low, ticks)]
    return dict(zip(INPUTS, (*prices, volume), strict=True))


def test_there_is_none_while_it_warms_up():
    rsi = compute(parse("RSI(timeperiod=3)"), part(walk(10), 0))["real"]
    assert [value is None for value in rsi] == [True] * 3 + [False] * 7
    assert compute(parse("RSI"), part(walk(10), 0))["real"] == [None] * 10


def test_a_division_by_nothing_is_none():
    flat = {name: np.full(40, 5.0) for name in INPUTS}
    values = compute(parse("RVOL"), Series(flat | {"volume": np.zeros(40)}))["real"]
    assert values == [None] * 40


def test_a_bar_that_still_moves_is_left_out():
    assert len(Series.of([candle(0), candle(1), candle(2, is_closed=False)])) == 2


def test_a_series_without_a_bar_has_no_values():
    assert compute(parse("RSI"), Series.of([])) == {"real": []}


def test_there_are_more_than_forty_each_with_its_parameters():
    assert len(indicators()) > 150
    assert dict(indicators()["MACD"].parameters) == {"fastperiod": 12, "slowperiod": 26, "signalperiod": 9}
    assert indicators()["MACD"].outputs == ("macd", "macdsignal", "macdhist")
    assert indicators()["ATR"].inputs == ("high", "low", "close")


def test_what_depends_on_the_whole_past_is_computed_from_all_of_it():
    assert parse("OBV").warm_up is None
    assert parse("SAR").warm_up is None
    assert parse("RSI").warm_up > 14


def test_the_same_request_is_the_same_text():
    assert str(parse(" RSI( timeperiod = 21 )")) == "RSI(timeperiod=21)"
    assert str(parse("RSI")) == "RSI(timeperiod=14)"
    assert str(parse("OBV")) == "OBV"
    assert str(parse(str(parse("BBANDS(nbdevup=2.5)")))) == str(parse("BBANDS(nbdevup=2.5)"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("MAGIC", "'MAGIC' is no indicator"),
        ("RSI(", "is no indicator"),
        ("rsi", "is no indicator"),
        ("RSI(period=3)", "no parameter 'period'; its parameters: timeperiod"),
        ("OBV(timeperiod=3)", "its parameters: none"),
        ("RSI(timeperiod=x)", "whole number up to 1000, not 'x'"),
        ("RSI(timeperiod=1001)", "whole number up to 1000"),
        ("BBANDS(nbdevup=nan)", "number up to 1000, not 'nan'"),
        ("RSI(timeperiod=0)", "TA-Lib cannot compute"),
        ("BBANDS(matype=99)", "TA-Lib cannot compute"),
        ("A" * 5000, "is no indicator"),
    ],
)
def test_what_cannot_be_computed_is_refused_in_words(text, words):
    with pytest.raises(UnknownIndicator, match=words.replace("(", r"\(")):
        parse(text)


def test_several_are_asked_for_at_once():
    requests = parse_all("RSI, MACD(fastperiod=5, slowperiod=8),OBV,RSI(timeperiod=14)")
    assert [str(request) for request in requests] == [
        "RSI(timeperiod=14)",
        "MACD(fastperiod=5, slowperiod=8, signalperiod=9)",
        "OBV",
    ]


@pytest.mark.parametrize("text", ["", ",", "RSI,,MACD", "RSI MACD", "RSI," * 30])
def test_what_is_no_list_of_indicators_is_refused(text):
    with pytest.raises(UnknownIndicator):
        parse_all(text)


def test_who_only_imports_it_does_not_load_talib():
    code = "import sys, alphapulse.market.indicators; sys.exit('talib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
