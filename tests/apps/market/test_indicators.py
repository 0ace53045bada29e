"""Indicators of rows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from alphapulse import types
from alphapulse.market.indicators import Series, compute, parse, parse_all
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
