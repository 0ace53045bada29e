"""What is watched is read, what is told is remembered with its holes, and what is old goes."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alphapulse.exchanges.errors import NotSupported, Transient
from alphapulse.exchanges.reading import BarsRead, BarsWanted
from alphapulse.market import timeframes
from alphapulse.types import Ohlcv
from apps.market.models import CandleHole, CandleSeries, Market, SeriesStatus
from apps.market.services import answers, candles_of, series, store_candles, tend, watch
from tests.apps.builders import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

HOUR = timedelta(hours=1)


def listed(symbol: str, market_type: str = "spot") -> None:
    base, _, quote = symbol.partition("/")
    Market.objects.create(
        exchange_id="binance",
        environment="sandbox",
        symbol=symbol,
        market_id=symbol,
        type=market_type,
        base=base,
        quote=quote,
        is_active=True,
        is_inverse=False,
    )


def pin(*symbols: tuple[str, str], source: str = "pinned") -> bool:
    return watch(source, exchange_id="binance", environment="sandbox", symbols=symbols, now=NOON)


def plan(requests: int = 5) -> list[BarsWanted]:
    return list(series.plan("binance", "sandbox", NOON, requests=requests).bars)


def row(symbol: str = "BTC/USDT", timeframe: str = "1h") -> CandleSeries:
    return CandleSeries.objects.get(symbol=symbol, timeframe=timeframe)


def bar(hours: int) -> Ohlcv:
    one = Decimal(1)
    return Ohlcv(opened_at=NOON + hours * HOUR, open=one, high=one, low=one, close=one, volume=one)


def tell(since: int, until: int, *, without: range = range(0), at: timedelta = timedelta(minutes=1)) -> int:
    wanted = BarsWanted(symbol="BTC/USDT", timeframe="1h", since=NOON + since * HOUR, until=NOON + until * HOUR)
    rows = [bar(hour) for hour in range(since, until) if hour not in without and NOON + hour * HOUR <= NOON + at]
    return answers.store("binance", "sandbox", [BarsRead(wanted=wanted, as_of=NOON + at, rows=rows)], NOON + at)


def holes() -> list[tuple[int, int]]:
    return [((hole.since - NOON) // HOUR, (hole.until - NOON) // HOUR) for hole in CandleHole.objects.order_by("since")]


def test_sources_want_each_their_own_and_the_last_one_that_leaves_ends_it():
    listed("BTC/USDT")
    assert pin(("BTC/USDT", "1h"))
    assert not pin(("BTC/USDT", "1h"))
    pin(("BTC/USDT", "1h"), ("BTC/USDT", "1d"), source="held")
    pin()
    assert (row().due_at, row(timeframe="1d").due_at) == (NOON, NOON)
    pin(source="held")
    assert (row().due_at, plan()) == (None, [])


def test_every_series_gets_a_page_before_any_gets_a_second():
    for symbol in ("BTC/USDT", "ETH/USDT", "XRP/USDT"):
        listed(symbol)
    pin(("BTC/USDT", "1h"), ("ETH/USDT", "1h"), ("XRP/USDT", "1h"))
    symbols = [wanted.symbol for wanted in plan(5)]
    assert symbols[:3] == ["BTC/USDT", "ETH/USDT", "XRP/USDT"]
    assert len(symbols) == 5
    assert [wanted.symbol for wanted in plan(2)] == ["BTC/USDT", "ETH/USDT"]


def test_what_is_not_listed_is_marked_and_others_are_read():
    listed("BTC/USDT")
    pin(("BTC/USDT", "1h"), ("NOPE/USDT", "1h"))
    assert {wanted.symbol for wanted in plan()} == {"BTC/USDT"}
    assert row("NOPE/USDT").status == SeriesStatus.NOT_OFFERED
    assert "no candles of NOPE/USDT" in row("NOPE/USDT").error


def test_a_hole_between_candles_is_remembered_and_left_alone():
    listed("BTC/USDT")
    pin(("BTC/USDT", "1h"))
    assert tell(-10, 1, without=range(-5, -3)) == 9
    assert holes() == [(-5, -3)]
    told = candles_of("binance", "sandbox", "BTC/USDT", "1h", NOON - 10 * HOUR, NOON + HOUR)
    assert [(each.opened_at - NOON) // HOUR for each in told] == [-10, -9, -8, -7, -6, -3, -2, -1, 0]
    assert [each.is_closed for each in told] == [True] * 8 + [False]


def test_a_hole_at_the_seam_of_two_pages_is_seen_from_whichever_comes_last():
    listed("BTC/USDT")
    pin(("BTC/USDT", "1h"))
    tell(-10, 1, without=range(-10, -8))
    assert holes() == []
    tell(-18, -8, without=range(-12, -8))
    assert holes() == [(-12, -8)]


def test_before_the_first_candle_there_is_no_hole_but_nothing_listed_yet():
    listed("BTC/USDT")
    pin(("BTC/USDT", "1h"))
    tell(-10, 1)
    tell(-20, -10, without=range(-20, -10))
    assert holes() == []
    assert (row().first_at, row().covered_from) == (NOON - 10 * HOUR, NOON - 20 * HOUR)


def test_a_candle_that_comes_later_closes_its_hole():
    listed("BTC/USDT")
    pin(("BTC/USDT", "1h"))
    tell(-10, 1, without=range(-5, -3))
    tell(-10, 1, without=range(-5, -4))
    assert holes() == [(-5, -4)]
    assert tell(-10, 1) == 1
    assert holes() == []


def test_an_error_keeps_what_was_read_and_comes_again_later():
    listed("BTC/USDT")
    pin(("BTC/USDT", "1h"))
    tell(-10, 1)
    before = row()
    for error, status in ((Transient("slow"), SeriesStatus.FAILED), (NotSupported("gone"), SeriesStatus.NOT_OFFERED)):
        wanted = BarsWanted(symbol="BTC/USDT", timeframe="1h", since=NOON - 20 * HOUR, until=NOON - 10 * HOUR)
        answers.store("binance", "sandbox", [BarsRead(wanted=wanted, as_of=NOON, error=error)], NOON)
        after = row()
        assert (after.covered_from, after.covered_to) == (before.covered_from, before.covered_to)
        assert (after.status, str(error) in after.error, after.due_at > NOON) == (status, True, True)


def test_old_months_go_and_the_rest_says_from_where_it_is_whole():
    listed("BTC/USDT")
    pin(("BTC/USDT", "1h"), ("BTC/USDT", "1d"))
    old = candles_of("binance", "sandbox", "BTC/USDT", "1h", NOON, NOON)
    assert old == []
    tell(-24 * 800, -24 * 800 + 5)
    tell(-5, 1)
    stored = row()
    CandleSeries.objects.filter(pk=stored.pk).update(covered_from=NOON - 24 * 800 * HOUR)
    tend.make_ahead(NOON)
    assert tend.drop_old(NOON) > 0
    left = candles_of("binance", "sandbox", "BTC/USDT", "1h", NOON - 900 * 24 * HOUR, NOON + HOUR)
    assert len(left) == 6
    assert row().first_at == row().covered_from > NOON - 24 * 765 * HOUR
    assert store_candles(row(), left) == 0


def test_series_are_locked_before_the_table_that_they_lie_in():
    listed("BTC/USDT")
    pin(("BTC/USDT", "1h"))
    tell(-24 * 800, -24 * 800 + 5)
    with CaptureQueriesContext(connection) as queries:
        tend.drop_old(NOON)
    of_hours = [query["sql"] for query in queries if "1h" in query["sql"]]
    dropped = next(
        at for at, sql in enumerate(of_hours) if sql.startswith(("DROP TABLE", 'DELETE FROM "market_candle"'))
    )
    locked = [sql for sql in of_hours[:dropped] if sql.startswith('SELECT "market_candleseries"."id"')]
    assert ["FOR UPDATE" in sql for sql in locked] == [connection.vendor == "postgresql"]


@pytest.mark.parametrize("count", [4, 5, 12])
def test_any_number_of_series_is_read_back_by_few_requests_at_a_time(count):
    symbols = [f"C{number}/USDT" for number in range(count)]
    for symbol in symbols:
        listed(symbol)
    pin(*[(symbol, "1h") for symbol in symbols])
    now, asked = NOON + timedelta(minutes=1), 0
    while CandleSeries.objects.filter(is_behind=True).exists():
        now += timedelta(seconds=2)
        wanted = series.plan("binance", "sandbox", now, requests=5).bars
        asked += len(wanted)
        answers.store("binance", "sandbox", [whole(each, now) for each in wanted], now)
        # Two years of hours are eighteen pages, and the newest may have to be asked for again.
        assert asked <= 25 * count
    begin = timeframes.ceiling(series.wanted_since(row("C0/USDT", "1h"), now), "1h")
    assert {each.covered_from for each in CandleSeries.objects.all()} == {begin}


def whole(wanted: BarsWanted, now: datetime) -> BarsRead:
    """All of it, as far as it has begun."""
    hours = range(int((min(wanted.until, now) - wanted.since) / HOUR) + 1)
    times = [wanted.since + number * HOUR for number in hours]
    bars = [bar(int((at - NOON) / HOUR)) for at in times if at < wanted.until and at <= now]
    return BarsRead(wanted=wanted, as_of=now, rows=bars)
