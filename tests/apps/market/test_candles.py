"""Candles become rows and come back as they were."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from alphapulse.types import Candle
from apps.market.models import Candle as Row
from apps.market.models import CandleSeries
from apps.market.services import bulk, candles, candles_of, partitions, series_behind, series_of, store_candles, tend
from apps.market.services.series import KEPT
from apps.market.signals import candles_stored
from tests import candle_files

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
AGES = (datetime(2010, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC))


def series(timeframe: str = "1h", symbol: str = "BTC/USDT") -> CandleSeries:
    return series_of(exchange_id="binance", environment="sandbox", symbol=symbol, timeframe=timeframe)


def candle(hours: float, close: str = "100", *, timeframe: str = "1h", is_closed: bool = True) -> Candle:
    return Candle(
        symbol="BTC/USDT",
        timeframe=timeframe,
        opened_at=MONDAY + timedelta(hours=hours),
        open=Decimal(99),
        high=Decimal("150.5"),
        low=Decimal("0.00000001"),
        close=Decimal(close),
        volume=Decimal("123456789.123456789123456789"),
        is_closed=is_closed,
    )


def stored(timeframe: str = "1h", symbol: str = "BTC/USDT") -> list[Candle]:
    return candles_of("binance", "sandbox", symbol, timeframe, *AGES)


def test_they_come_back_as_they_went_in_with_all_their_digits():
    given = [candle(2), candle(0), candle(1, is_closed=False)]
    assert store_candles(series(), given) == 3
    assert stored() == sorted(given, key=lambda each: each.opened_at)


def test_the_same_again_changes_nothing():
    store_candles(series(), [candle(0), candle(1)])
    assert store_candles(series(), [candle(0), candle(1)]) == 0


def test_what_is_not_closed_is_overwritten_and_what_is_closed_only_by_what_is_closed():
    store_candles(series(), [candle(0, "100", is_closed=False)])
    assert store_candles(series(), [candle(0, "101")]) == 1
    assert store_candles(series(), [candle(0, "55", is_closed=False)]) == 0
    assert store_candles(series(), [candle(0, "102")]) == 1
    assert [each.close for each in stored()] == [Decimal(102)]


def test_of_two_of_one_time_the_later_counts():
    store_candles(series(), [candle(0, "1"), candle(0, "2")])
    assert [each.close for each in stored()] == [Decimal(2)]


def test_exchanges_environments_symbols_and_timeframes_are_never_mixed():
    store_candles(series(), [candle(0)])
    for name in (("bybit", "sandbox", "BTC/USDT"), ("binance", "live", "BTC/USDT"), ("binance", "sandbox", "ETH/USDT")):
        assert candles_of(*name, "1h", *AGES) == []
    assert stored("5m") == []


def test_until_is_exclusive():
    store_candles(series(), [candle(0), candle(1), candle(2)])
    found = candles_of("binance", "sandbox", "BTC/USDT", "1h", MONDAY, MONDAY + timedelta(hours=2))
    assert [each.opened_at.hour for each in found] == [0, 1]


@pytest.fixture
def by_copy(monkeypatch):
    """As if a handful were many; on SQLite there is one way only."""
    monkeypatch.setattr(candles, "MANY", 3)
    monkeypatch.setattr(bulk, "CHUNK", 2)


@pytest.mark.usefixtures("by_copy")
def test_many_go_by_another_way_and_come_back_the_same():
    given = [candle(hour, str(hour + 1), is_closed=hour < 6) for hour in range(7)]
    assert store_candles(series(), given) == 7
    assert stored() == given
    assert store_candles(series(), given) == 0
    changed = [replace(each, close=Decimal(7)) if each.opened_at == MONDAY else each for each in given]
    assert store_candles(series(), [*changed, candle(7)]) == 2
    assert stored() == [*changed, candle(7)]
    assert store_candles(series(), [replace(each, is_closed=False) for each in changed]) == 0


def test_what_is_new_is_announced_with_its_span(django_capture_on_commit_callbacks):
    heard = []
    candles_stored.connect(lambda **told: heard.append(told), weak=False, dispatch_uid="test")
    try:
        with django_capture_on_commit_callbacks(execute=True):
            store_candles(series(), [candle(0), candle(1)])
            store_candles(series(), [candle(0), candle(1)])
    finally:
        candles_stored.disconnect(dispatch_uid="test")
    (told,) = heard
    assert (told["symbol"], told["timeframe"], told["since"], told["until"]) == (
        "BTC/USDT",
        "1h",
        MONDAY,
        MONDAY + timedelta(hours=2),
    )


def test_a_coarser_timeframe_is_made_of_the_longest_that_fits():
    store_candles(series(), [candle(hour, str(hour + 1)) for hour in range(30)])
    days = stored("1d")
    assert [(day.opened_at, day.close, day.is_closed) for day in days] == [
        (MONDAY, Decimal(24), True),
        (MONDAY + timedelta(days=1), Decimal(30), False),
    ]
    assert days[0].volume == 24 * Decimal("123456789.123456789123456789")


@pytest.mark.parametrize("name", candle_files.FILES)
def test_real_candles_come_out_unchanged_holes_included(name):
    candle_files.required()
    symbol, timeframe = candle_files.FILES[name]
    given = candle_files.candles(name)
    assert store_candles(series(timeframe, symbol), given) == len(given)
    assert stored(timeframe, symbol) == given


def test_a_months_candles_lie_in_a_partition_of_their_own_that_is_dropped_whole():
    if connection.vendor != "postgresql":
        pytest.skip("one table on SQLite")
    store_candles(series(), [candle(0), candle(24 * 40)])
    assert partitions.make("1h", [MONDAY]) == []
    assert partitions.make_ahead(["1h"], MONDAY) == ["market_candle_1h_2027_01"]
    assert partitions.drop_before("1h", MONDAY) == 0
    assert partitions.drop_before("1h", MONDAY + timedelta(days=20)) == 1
    assert [each.opened_at for each in stored()] == [MONDAY + timedelta(days=40)]


def test_old_months_go_with_or_without_partitions():
    store_candles(series(), [candle(0), candle(24 * 40)])
    store_candles(series("1d"), [candle(0, timeframe="1d")])
    at = MONDAY + timedelta(days=20) + KEPT["1h"]
    assert [tend.drop_old(at), tend.drop_old(at)] == [1, 0]
    assert [each.opened_at for each in stored()] == [MONDAY + timedelta(days=40)]
    assert len(stored("1d")) == 1


# --- Of what they are, where several would do -------------------------------------------------------------------------


def reads(timeframe: str, since: float, until: float, *, is_read: bool = True) -> None:
    """A series from hour to hour; its closes say by which timeframe."""
    length = {"1h": 1, "30m": 0.5, "5m": 5 / 60}[timeframe]
    price = {"1h": "1", "30m": "2", "5m": "3"}[timeframe]
    numbers = range(round((until - since) / length))
    store_candles(series(timeframe), [candle(since + each * length, price, timeframe=timeframe) for each in numbers])
    first, last = (MONDAY + timedelta(hours=hours) for hours in (since, until))
    fields = {"covered_from": first, "covered_to": last, "due_at": last if is_read else None}
    CandleSeries.objects.filter(timeframe=timeframe).update(**fields)


def told() -> list[tuple[int, str]]:
    return [((each.opened_at - MONDAY) // timedelta(hours=1), str(each.close)) for each in stored("1h")]


def test_what_is_read_on_comes_before_what_rests():
    reads("1h", 0, 3, is_read=False)
    reads("5m", 0, 5)
    assert told() == [(hour, "3") for hour in range(5)]
    assert series_behind_1h() == "5m"


def test_before_what_is_read_is_what_was_read_once():
    reads("1h", 0, 3, is_read=False)
    reads("30m", 2, 5)
    assert told() == [(0, "1"), (1, "1"), (2, "2"), (3, "2"), (4, "2")]


def test_of_what_is_read_its_own_timeframe_comes_first_and_then_the_longest():
    reads("5m", 0, 3)
    reads("30m", 0, 3)
    assert told() == [(0, "2"), (1, "2"), (2, "2")]
    reads("1h", 1, 3)
    assert told() == [(0, "2"), (1, "1"), (2, "1")]


def test_where_nothing_is_read_what_rests_is_all_there_is():
    reads("5m", 0, 3, is_read=False)
    reads("1h", 0, 2, is_read=False)
    assert told() == [(0, "1"), (1, "1")]
    assert series_behind_1h() == "1h"


def test_a_hole_is_not_filled_from_another_series():
    reads("30m", 0, 4, is_read=False)
    reads("1h", 0, 4)
    Row.objects.filter(timeframe="1h", opened_at__in=[MONDAY, MONDAY + timedelta(hours=2)]).delete()
    assert told() == [(1, "1"), (3, "1")]


def series_behind_1h() -> str:
    found = series_behind(exchange_id="binance", environment="sandbox", symbol="BTC/USDT", timeframe="1h")
    return found.timeframe


@pytest.mark.parametrize(
    ("timeframe", "late", "is_stale"),
    [("1h", 60 + 14, False), ("1h", 60 + 16, True), ("1m", 3, False), ("1m", 5, True), ("1d", 24 * 60 + 16, True)],
)
def test_a_series_is_stale_when_a_candle_has_ended_and_was_not_read_in_time(timeframe, late, is_stale):
    row = CandleSeries(timeframe=timeframe, covered_to=MONDAY)
    assert row.is_stale(MONDAY + timedelta(minutes=late)) is is_stale
    assert CandleSeries(timeframe=timeframe).is_stale(MONDAY)
