"""Indicators of rows."""

from datetime import UTC, datetime, timedelta

import pytest

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
