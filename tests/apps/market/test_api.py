"""Candles, prices and symbols over REST, and candles as files."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest
from pyarrow import parquet

from apps.core.clock import now
from apps.market.models import CandleSeries, Market, QuarantinedValue, Ticker
from apps.market.services import store_candles, watch
from tests import candle_files
from tests.apps.api import logged_in
from tests.apps.market.test_candles import MONDAY, candle, series

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

WHICH = {"exchange_id": "binance", "environment": "sandbox", "symbol": "BTC/USDT", "timeframe": "1h"}
NUMBERS = ("open", "high", "low", "close", "volume")


def test_pages_go_from_the_newest_to_the_oldest_and_each_is_in_order():
    store_candles(series(), [candle(hour, str(hour + 1)) for hour in range(7)])
    client, closes, params = logged_in(), [], {**WHICH, "until": "2026-11-16T07:00:00Z", "page_size": 3}
    answer = client.get("/api/market/history", params).json()
    while True:
        closes = [row["close"] for row in answer["results"]] + closes
        if answer["next"] is None:
            break
        answer = client.get(answer["next"]).json()
    assert closes == ["1", "2", "3", "4", "5", "6", "7"]
    assert answer["results"][0]["volume"] == "123456789.123456789123456789"
    assert (answer["made_of"], answer["holes"], answer["covered_from"]) == ("1h", [], None)


def test_a_coarser_timeframe_says_what_it_is_made_of():
    store_candles(series(), [candle(hour) for hour in range(25)])
    days = logged_in().get("/api/market/history", WHICH | {"timeframe": "1d", "since": "2026-11-16"}).json()
    assert (days["made_of"], [row["is_closed"] for row in days["results"]]) == ("1h", [True, False])


def test_a_week_of_days_is_made_of_those_that_there_are_and_the_answer_says_which_are_not():
    begin = MONDAY - timedelta(days=14)
    days = [candle(24 * (day - 14), str(day + 1), timeframe="1d") for day in range(9) if day not in (2, 3)]
    store_candles(series("1d"), days)
    CandleSeries.objects.update(covered_from=begin, covered_to=begin + timedelta(days=9))
    hole = {"since": begin + timedelta(days=2), "until": begin + timedelta(days=4)}
    series("1d").holes.create(**hole, found_at=MONDAY)
    params = WHICH | {"timeframe": "1w", "since": "2026-11-02", "until": "2026-11-16"}
    weeks = logged_in().get("/api/market/history", params).json()
    assert weeks["made_of"] == "1d"
    told = [(row["close"], row["volume"], row["is_closed"]) for row in weeks["results"]]
    volume = Decimal("123456789.123456789123456789")
    assert told == [("7", str(5 * volume), True), ("9", str(2 * volume), False)]
    assert weeks["holes"] == [{"since": "2026-11-04T00:00:00Z", "until": "2026-11-06T00:00:00Z"}]


def test_where_nothing_is_read_the_answer_is_empty_and_says_so():
    answer = logged_in().get("/api/market/history", WHICH).json()
    assert (answer["results"], answer["made_of"], answer["next"]) == ([], None, None)


@pytest.mark.parametrize(
    "params",
    [
        {"symbol": ""},
        {"timeframe": "7m"},
        {"timeframe": ""},
        {"page_size": 0},
        {"page_size": 1001},
        {"cursor": "x"},
        {"since": "0001-01-01"},
        {"until": "9999-12-31T23:59:59Z"},
    ],
)
def test_what_cannot_be_meant_is_refused(params):
    answer = logged_in().get("/api/market/history", WHICH | params)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_parameter")


def test_a_file_holds_closed_candles_alone_with_all_their_digits():
    store_candles(series(), [candle(0), candle(1), candle(2, is_closed=False)])
    answer = logged_in().get("/api/market/export", WHICH)
    rows = list(csv.reader(io.StringIO(answer.content.decode())))
    assert rows[0] == ["timestamp_ms", *NUMBERS]
    begin = int(MONDAY.timestamp() * 1000)
    assert [int(row[0]) for row in rows[1:]] == [begin, begin + 3_600_000]
    assert rows[1][1:] == ["99", "150.5", "0.00000001", "100", "123456789.123456789123456789"]
    assert answer["Content-Disposition"].endswith("binance-BTC-USDT_1h.csv")


def test_a_file_of_too_much_is_refused_with_the_way_out():
    answer = logged_in().get("/api/market/export", WHICH | {"timeframe": "1m", "since": "2020-01-01"})
    assert (answer.status_code, "shorter" in answer.json()["detail"]) == (400, True)


@pytest.mark.parametrize("name", candle_files.FILES)
def test_real_candles_leave_as_they_came(name):
    candle_files.required()
    symbol, timeframe = candle_files.FILES[name]
    given = candle_files.rows(name)
    store_candles(series(timeframe, symbol), candle_files.candles(name))
    which = WHICH | {"symbol": symbol, "timeframe": timeframe}
    which["until"] = (candle_files.candles(name)[-1].opened_at + timedelta(days=31)).isoformat()
    client = logged_in()
    told = list(csv.reader(io.StringIO(client.get("/api/market/export", which).content.decode())))[1:]
    assert [_exact(row) for row in told] == [_exact(row) for row in given]
    table = parquet.read_table(io.BytesIO(client.get("/api/market/export", which | {"as": "parquet"}).content))
    told = zip(*(table.column(name).to_pylist() for name in ("opened_at", *NUMBERS)), strict=True)
    assert [(int(at.timestamp() * 1000), *numbers) for at, *numbers in told] == [_exact(row) for row in given]


def _exact(row: list[str]) -> tuple[int, ...]:
    return (int(row[0]), *map(Decimal, row[1:]))


def ticker(symbol: str = "BTC/USDT", exchange_id: str = "binance", last: str = "100") -> Ticker:
    where = {"exchange_id": exchange_id, "environment": "sandbox", "symbol": symbol}
    return Ticker.objects.create(**where, last=Decimal(last), as_of=now())


def test_a_price_says_how_old_it_is_and_what_is_doubted_of_it():
    fresh, old = ticker(), ticker("ETH/USDT")
    Ticker.objects.filter(pk=old.pk).update(as_of=now() - timedelta(minutes=5))
    where = {"exchange_id": "binance", "environment": "sandbox", "symbol": fresh.symbol}
    QuarantinedValue.objects.create(**where, reason="jump", last=Decimal(900), first_at=now(), seen_at=now())
    rows = {row["symbol"]: row for row in logged_in().get("/api/market/prices").json()["results"]}
    assert (rows["BTC/USDT"]["last"], rows["BTC/USDT"]["stale"], rows["ETH/USDT"]["stale"]) == ("100", False, True)
    assert [(each["reason"], each["last"]) for each in rows["BTC/USDT"]["quarantined"]] == [("jump", "900")]
    assert rows["ETH/USDT"]["quarantined"] == []


def test_a_symbol_says_how_finely_it_trades_and_whose_candles_are_read():
    for symbol in ("BTC/USDT", "ETH/USDT"):
        base, _, quote = symbol.partition("/")
        Market.objects.create(
            exchange_id="binance",
            environment="sandbox",
            symbol=symbol,
            market_id=base + quote,
            type="spot",
            base=base,
            quote=quote,
            is_active=True,
            is_inverse=False,
            price_tick=Decimal("0.01"),
        )
    watch("pinned", exchange_id="binance", environment="sandbox", symbols=[("BTC/USDT", "1h")], now=now())
    client = logged_in()
    (row,) = client.get("/api/market/symbols", {"is_watched": "true"}).json()["results"]
    assert (row["symbol"], row["price_tick"]) == ("BTC/USDT", "0.01")
    assert [(each["timeframe"], each["watched_by"], each["is_behind"]) for each in row["candles"]] == [
        ("1h", ["pinned"], True)
    ]
    (other,) = client.get("/api/market/symbols", {"is_watched": "false", "base": "eth"}).json()["results"]
    assert (other["symbol"], other["candles"]) == ("ETH/USDT", [])
