"""USD-M's public answers: shapes, filters, and that they agree with each other."""

from decimal import Decimal as D
from itertools import pairwise
from typing import Any

import pytest

from tests.alphapulse.sandbox.binance.futures_desk import BTC, Desk

HOUR_MS = 3_600_000


@pytest.fixture
def desk() -> Desk:
    return Desk()


def look(desk: Desk, path: str, query: str = f"symbol={BTC}") -> Any:
    reply = desk.send("GET", path, query)
    assert reply.status == 200, reply.content
    return reply.content


def error(desk: Desk, path: str, query: str) -> int:
    content: Any = desk.send("GET", path, query).content
    return int(content["code"])


def test_time_is_the_servers(desk: Desk):
    assert look(desk, "/fapi/v1/time", "") == {"serverTime": desk.wall.ms}


def test_every_contract_has_its_filters(desk: Desk):
    info = look(desk, "/fapi/v1/exchangeInfo", "")
    assert {limit["limit"] for limit in info["rateLimits"]} == {2400, 1200, 300}
    [btc] = [row for row in info["symbols"] if row["symbol"] == BTC]
    filters = {row["filterType"]: row for row in btc["filters"]}
    assert (btc["contractType"], btc["marginAsset"], btc["pricePrecision"]) == ("PERPETUAL", "USDT", 2)
    assert filters["PRICE_FILTER"]["tickSize"] == "0.10"
    assert (filters["LOT_SIZE"]["stepSize"], filters["MIN_NOTIONAL"]["notional"]) == ("0.001", "100")
    assert D(filters["MARKET_LOT_SIZE"]["maxQty"]) < D(filters["LOT_SIZE"]["maxQty"])
    assert {row["marginAsset"] for row in info["symbols"]} == {"USDT", "USDC"}
    assert len({row["symbol"] for row in info["symbols"]}) == len(info["symbols"])


def test_tickers_of_one_and_of_all(desk: Desk):
    for path in ("ticker/24hr", "ticker/price", "ticker/bookTicker", "premiumIndex"):
        every = look(desk, f"/fapi/v1/{path}", "")
        assert look(desk, f"/fapi/v1/{path}") == next(row for row in every if row["symbol"] == BTC)


def test_the_day_holds_the_price_and_the_book_surrounds_it(desk: Desk):
    day, top = look(desk, "/fapi/v1/ticker/24hr"), look(desk, "/fapi/v1/ticker/bookTicker")
    assert D(day["lowPrice"]) <= D(day["lastPrice"]) <= D(day["highPrice"])
    assert D(day["priceChange"]) == D(day["lastPrice"]) - D(day["openPrice"])
    assert D(top["bidPrice"]) <= D(day["lastPrice"]) <= D(top["askPrice"])
    book = look(desk, "/fapi/v1/depth", f"symbol={BTC}&limit=5")
    assert [len(book["bids"]), len(book["asks"])] == [5, 5]
    assert book["bids"][0] == [top["bidPrice"], top["bidQty"]]


def test_candles_of_an_hour_hold_those_of_its_minutes(desk: Desk):
    hour = desk.wall.ms - desk.wall.ms % HOUR_MS - HOUR_MS
    window = f"symbol={BTC}&startTime={hour}&endTime={hour + HOUR_MS - 1}"
    [whole] = look(desk, "/fapi/v1/klines", f"{window}&interval=1h")
    minutes = look(desk, "/fapi/v1/klines", f"{window}&interval=1m")
    assert len(minutes) == 60
    assert (whole[1], whole[4]) == (minutes[0][1], minutes[-1][4])
    assert D(whole[2]) == max(D(row[2]) for row in minutes)
    assert D(whole[3]) == min(D(row[3]) for row in minutes)
    assert whole[6] == minutes[-1][6] == hour + HOUR_MS - 1


def test_mark_and_index_candles_have_the_same_prices(desk: Desk):
    window = f"interval=5m&limit=3&endTime={desk.wall.ms - HOUR_MS}"
    rows = look(desk, "/fapi/v1/klines", f"symbol={BTC}&{window}")
    assert [row[1:5] for row in look(desk, "/fapi/v1/markPriceKlines", f"symbol={BTC}&{window}")] == [
        row[1:5] for row in rows
    ]
    assert [row[1:5] for row in look(desk, "/fapi/v1/indexPriceKlines", f"pair={BTC}&{window}")] == [
        row[1:5] for row in rows
    ]
    assert {row[4] for row in look(desk, "/fapi/v1/premiumIndexKlines", f"symbol={BTC}&{window}")} == {"0.00000000"}


def test_public_trades_are_the_same_for_everybody_who_looks(desk: Desk):
    latest = look(desk, "/fapi/v1/trades", f"symbol={BTC}&limit=10")
    again = look(desk, "/fapi/v1/aggTrades", f"symbol={BTC}&fromId={latest[4]['id']}&limit=3")
    assert [(row["a"], row["p"], row["q"]) for row in again] == [
        (row["id"], row["price"], row["qty"]) for row in latest[4:7]
    ]


def test_funding_rates_come_every_eight_hours(desk: Desk):
    rows = look(desk, "/fapi/v1/fundingRate", f"symbol={BTC}&limit=5")
    assert {later["fundingTime"] - row["fundingTime"] for row, later in pairwise(rows)} == {8 * HOUR_MS}
    since = look(desk, "/fapi/v1/fundingRate", f"symbol={BTC}&startTime={rows[1]['fundingTime']}&limit=2")
    assert since == rows[1:3]


def test_brackets_demand_more_the_larger_the_position(desk: Desk):
    [row] = desk.get("/fapi/v1/leverageBracket", symbol=BTC)
    steps = row["brackets"]
    assert steps[0] == {
        "bracket": 1,
        "initialLeverage": 125,
        "notionalCap": 50000,
        "notionalFloor": 0,
        "maintMarginRatio": 0.004,
        "cum": 0.0,
    }
    assert [step["maintMarginRatio"] for step in steps] == sorted(step["maintMarginRatio"] for step in steps)
    assert all(step["notionalCap"] == after["notionalFloor"] for step, after in pairwise(steps))


def test_open_interest_goes_back_thirty_days(desk: Desk):
    rows = look(desk, "/futures/data/openInterestHist", f"symbol={BTC}&period=1h&limit=5")
    assert len(rows) == 5
    assert all(D(row["sumOpenInterestValue"]) > D(row["sumOpenInterest"]) > 0 for row in rows)
    long_ago = desk.wall.ms - 40 * 24 * HOUR_MS
    assert error(desk, "/futures/data/openInterestHist", f"symbol={BTC}&period=1h&startTime={long_ago}") == -1130


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/fapi/v1/ticker/price", "symbol=NOPE", -1121),
        ("/fapi/v1/depth", "", -1102),
        ("/fapi/v1/depth", f"symbol={BTC}&limit=7", -4021),
        ("/fapi/v1/klines", f"symbol={BTC}&interval=7m", -1120),
        ("/fapi/v1/klines", f"symbol={BTC}&interval=1s", -1120),
        ("/fapi/v1/klines", f"symbol={BTC}&interval=1m&limit=many", -1100),
        ("/fapi/v1/continuousKlines", f"pair={BTC}&interval=1m&contractType=NEVER", -4104),
    ],
)
def test_a_wrong_question_has_its_code(desk: Desk, path: str, query: str, code: int):
    assert error(desk, path, query) == code
