"""Indicators of rows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from alphapulse import types
from alphapulse.market.indicators import Series, UnknownIndicator, compute, indicators, parse, parse_all
from apps.market.models import Candle as Row
from apps.market.models import CandleSeries
from apps.market.services import series_of, store_candles
from apps.market.services.indicators import Where, indicated
from tests import candle_files

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

ETH = Where(exchange_id="binance", environment="live", symbol="ETH/BTC", timeframe="5m")
END = datetime(2040, 1, 1, tzinfo=UTC)


@pytest.fixture
def real():
    """All of a file's candles, as rows."""
    candle_files.required()
    candles = candle_files.candles("ETH-BTC_5m")
    series = series_of(exchange_id="binance", environment="live", symbol="ETH/BTC", timeframe="5m")
    store_candles(series, candles)
    return candles


def test_values_are_those_of_the_whole_series(real):
    requests = parse_all("RSI, MACD, ADX, SMA(timeperiod=50), OBV, SAR")
    found = indicated(ETH, requests, real[-100].opened_at, END)
    assert len(found.bars) == 100
    for request in requests:
        for name, values in compute(request, Series.of(real)).items():
            assert found.outputs[str(request)][name] == pytest.approx(values[-100:], rel=1e-9, abs=1e-9)


def any_bars(bars, random):
    """A stretch of a few, anywhere."""
    first = random.randrange(bars - 5)
    return first, first + random.randrange(1, 5)


def assert_served_as_whole(bars, requests, seed):
    random = Random(seed)
    whole = {str(request): compute(request, Series.of(bars)) for request in requests}
    for first, last in [(0, 60), *(any_bars(len(bars), random) for _time in range(4))]:
        found = indicated(ETH, requests, bars[first].opened_at, bars[last].opened_at)
        assert len(found.bars) == last - first
        for request in map(str, requests):
            for name, values in whole[request].items():
                assert found.outputs[request][name] == near(values[first:last]), (request, name, first)


def near(values):
    return [value if value is None else pytest.approx(value, rel=1e-9, abs=1e-9) for value in values]


@pytest.mark.parametrize("seed", range(3))
def test_every_function_is_served_as_of_the_whole_series_at_any_bar(real, seed):
    assert_served_as_whole(real, [parse(name) for name in indicators()], seed)


@pytest.mark.parametrize("seed", range(3))
def test_so_it_is_with_short_and_long_periods(real, seed):
    assert_served_as_whole(real, [any_periods(name, Random(seed)) for name in indicators()], seed)


def any_periods(name, random):
    """The function with other periods and averages than its usual ones."""
    known = indicators()[name].parameters
    given = {each: random.choice([2, 5, 40, 130, 400]) for each in known if "period" in each}
    given |= {each: random.choice([0, 1, 2, 3, 4, 5, 6, 7, 8]) for each in known if "matype" in each}
    try:
        return parse(f"{name}({', '.join(f'{each}={value}' for each, value in given.items())})")
    except UnknownIndicator:
        # MESA's average, say, takes no two periods.
        return parse(name)


def test_across_holes_the_whole_series_is_the_bars_that_there_are(real):
    random = Random(7)
    missing = {number for number in range(len(real)) if random.random() < 0.05 or 3000 <= number < 3200}
    Row.objects.filter(opened_at__in=[real[number].opened_at for number in missing]).delete()
    left = [candle for number, candle in enumerate(real) if number not in missing]
    assert_served_as_whole(left, [parse(name) for name in indicators()], 7)


def test_a_few_holes_are_made_up_for_without_reading_the_whole_series(real, monkeypatch):
    Row.objects.filter(opened_at__in=[real[-number].opened_at for number in (300, 400, 500)]).delete()
    asked, read = [], Where.candles
    monkeypatch.setattr(Where, "candles", lambda *which: asked.append(which[1]) or read(*which))
    indicated(ETH, [parse("RSI")], real[-10].opened_at, END)
    assert min(asked) == real[-10].opened_at - 2 * parse("RSI").warm_up * timedelta(minutes=5)


def test_while_older_candles_are_being_read_there_is_no_number_that_they_would_change(real):
    row = series_of(exchange_id="binance", environment="live", symbol="ETH/BTC", timeframe="5m")
    Row.objects.filter(opened_at__lt=real[-800].opened_at).delete()
    CandleSeries.objects.update(is_behind=True, due_at=END)
    requests = [parse(text) for text in ("RSI", "SMA(timeperiod=50)", "OBV")]
    found = indicated(ETH, requests, real[-800].opened_at, END)
    whole = {str(request): compute(request, Series.of(real))["real"][-800:] for request in requests}
    for request in requests:
        (served,) = found.outputs[str(request)].values()
        known = [number for number, value in enumerate(served) if value is not None]
        first = 800 if request.warm_up is None else request.warm_up
        assert known == list(range(first, 800))
        assert served[first:] == near(whole[str(request)][first:])
    # Read back, that is all there is, and TA-Lib's own warm-up the only one.
    CandleSeries.objects.filter(pk=row.pk).update(is_behind=False)
    found = indicated(ETH, requests, real[-800].opened_at, END)
    rsi, sma, obv = (found.outputs[str(request)]["real"] for request in requests)
    assert [values.index(next(filter(None, values))) for values in (rsi, sma)] == [14, 49]
    assert None not in obv


def test_what_the_file_has_not_is_named(real):
    opened = [candle.opened_at for candle in real]
    found = indicated(ETH, parse_all("RSI"), opened[0], END)
    missing = sum((hole.until - hole.since) // timedelta(minutes=5) for hole in found.holes)
    assert len(found.bars) + missing == (opened[-1] - opened[0]) // timedelta(minutes=5) + 1


def test_where_nothing_is_stored_nothing_is_said(db):
    assert indicated(ETH, [parse("RSI")], datetime(2026, 1, 1, tzinfo=UTC), END).bars == []


@pytest.mark.parametrize(
    ("timeframe", "wanted"),
    [("1M", "RSI(timeperiod=1000)"), ("1w", "MACD(fastperiod=999, slowperiod=1000, signalperiod=1000)")],
)
def test_a_warm_up_from_before_all_time_takes_what_is_there(timeframe, wanted):
    month = datetime(2026, 3, 1, tzinfo=UTC)
    same = dict.fromkeys(("open", "high", "low", "close", "volume"), Decimal(1))
    days = [
        types.Candle(symbol="ETH/BTC", timeframe="1d", opened_at=month + timedelta(days=day), is_closed=True, **same)
        for day in range(62)
    ]
    store_candles(series_of(exchange_id="binance", environment="live", symbol="ETH/BTC", timeframe="1d"), days)
    found = indicated(replace(ETH, timeframe=timeframe), [parse(wanted)], month, END)
    assert found.bars
    assert {value for values in found.outputs[str(parse(wanted))].values() for value in values} == {None}
