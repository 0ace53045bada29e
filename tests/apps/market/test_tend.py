"""Old candles go without keeping anybody waiting, and what is said of a series is said of what is left."""

from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest
from django.db import connection, transaction

from apps.market.models import Candle, CandleHole, CandleSeries
from apps.market.services import candles_of, partitions, store_candles, tend
from apps.market.services.series import KEPT
from tests.apps.market.test_candles import MONDAY, candle, series

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

LATER = MONDAY + timedelta(days=20) + KEPT["1h"]
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)


def test_what_is_covered_begins_with_what_is_left():
    store_candles(series(), [candle(0), candle(24 * 40)])
    CandleSeries.objects.update(covered_from=MONDAY, covered_to=MONDAY + timedelta(days=41))
    CandleHole.objects.create(series=series(), since=MONDAY, until=MONDAY + timedelta(days=1), found_at=MONDAY)
    tend.drop_old(LATER)
    left = series()
    assert (left.first_at, left.covered_from, left.covered_to) == (DECEMBER, DECEMBER, MONDAY + timedelta(days=41))
    assert not CandleHole.objects.exists()


def test_of_a_series_that_is_old_altogether_nothing_is_left():
    store_candles(series(), [candle(0), candle(1)])
    CandleSeries.objects.update(covered_from=MONDAY, covered_to=MONDAY + timedelta(days=1), told_from=MONDAY)
    tend.drop_old(LATER)
    left = series()
    assert [left.first_at, left.last_at, left.covered_from, left.covered_to, left.told_from] == [None] * 5
    assert not Candle.objects.exists()


def test_what_was_never_covered_is_not_covered_afterwards():
    store_candles(series(), [candle(0), candle(24 * 40)])
    tend.drop_old(LATER)
    assert (series().covered_from, series().covered_to) == (None, None)


def test_months_begin_in_utc_wherever_the_database_is():
    if connection.vendor != "postgresql":
        pytest.skip("one table on SQLite")
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'Pacific/Kiritimati'")
        try:
            partitions.make_ahead(["1h"], datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
            store_candles(series(), [candle(0)])
            last, first = datetime(2026, 12, 31, 23, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
            hours = (last - MONDAY) / timedelta(hours=1)
            store_candles(series(), [candle(hours), candle(hours + 1)])
        finally:
            cursor.execute("SET TIME ZONE 'UTC'")
        cursor.execute("SELECT tableoid::regclass::text, opened_at FROM market_candle WHERE opened_at >= %s", [last])
        lies = {at: name.strip('"') for name, at in cursor.fetchall()}
    assert lies == {last: "market_candle_1h_2026_12", first: "market_candle_1h_2027_01"}


@pytest.mark.django_db(transaction=True)
def test_a_drop_that_would_have_to_wait_for_long_is_left_for_the_next_time(monkeypatch):
    if connection.vendor != "postgresql":
        pytest.skip("one table on SQLite")
    monkeypatch.setattr(partitions, "PATIENCE", timedelta(milliseconds=50))
    store_candles(series(), [candle(0), candle(24 * 40)])
    reads, is_done = Event(), Event()

    def read_for_long() -> None:
        with transaction.atomic():
            assert len(candles_of("binance", "sandbox", "BTC/USDT", "1h", MONDAY, LATER)) == 2
            reads.set()
            is_done.wait(30)
        connection.close()

    reader = Thread(target=read_for_long)
    reader.start()
    try:
        assert reads.wait(30)
        assert tend.drop_old(LATER) == 0
        assert series().first_at == MONDAY
    finally:
        is_done.set()
        reader.join(30)
    assert tend.drop_old(LATER) == 1
