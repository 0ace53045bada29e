"""What everybody sees of Bybit, through an unmodified ccxt."""

from collections import Counter
from itertools import pairwise

import ccxt
import pytest

from tests.alphapulse.sandbox.bybit.conftest import NOON_MS


@pytest.fixture
def client(open_client):
    return open_client()


def test_spot_perpetual_dated_and_inverse_markets_are_listed(client):
    client.load_markets()

    kinds = Counter((market["type"], market["subType"]) for market in client.markets.values())
    assert kinds[("spot", None)] >= 20
    assert kinds[("swap", "linear")] >= 20
    assert kinds[("future", "linear")] == 4
    assert kinds[("swap", "inverse")] >= 4
    assert client.market("BTC/USD:BTC")["settle"] == "BTC"


def test_dated_futures_end_on_the_last_friday_of_a_quarter(desk):
    rows = desk.rows("/v5/market/instruments-info", category="linear", limit=1000)

    dated = [(row["symbol"], row["deliveryTime"]) for row in rows if row["contractType"] == "LinearFutures"]
    assert dated == [
        ("BTCUSDT-25DEC26", "1798185600000"),
        ("ETHUSDT-25DEC26", "1798185600000"),
        ("BTCUSDT-26MAR27", "1806048000000"),
        ("ETHUSDT-26MAR27", "1806048000000"),
    ]


def test_instruments_come_in_pages_that_miss_none_and_repeat_none(desk):
    whole = [row["symbol"] for row in desk.rows("/v5/market/instruments-info", category="linear", limit=1000)]
    paged, cursor = [], ""
    while True:
        result = desk.get("/v5/market/instruments-info", category="linear", limit=7, cursor=cursor)["result"]
        paged += [row["symbol"] for row in result["list"]]
        cursor = result["nextPageCursor"]
        if not cursor:
            break

    assert paged == whole
    assert len(set(whole)) == len(whole) > 20


def test_options_are_a_category_without_markets(desk):
    assert desk.rows("/v5/market/instruments-info", category="option", baseCoin="BTC") == []
    assert desk.rows("/v5/position/list", category="option", settleCoin="USDT") == []
    assert desk.rows("/v5/order/realtime", category="option") == []


@pytest.mark.parametrize("symbol", ["BTC/USDT", "ETH/BTC", "BTC/USDT:USDT", "BTC/USD:BTC"])
def test_a_ticker_agrees_with_itself_and_with_the_book(client, symbol):
    ticker = client.fetch_ticker(symbol)

    assert ticker["bid"] < ticker["ask"]
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert ticker["percentage"] == pytest.approx((ticker["last"] / ticker["open"] - 1) * 100, abs=1e-3)
    book = client.fetch_order_book(symbol, 25)
    assert [price for price, _ in book["bids"]] == sorted((price for price, _ in book["bids"]), reverse=True)
    assert [price for price, _ in book["asks"]] == sorted(price for price, _ in book["asks"])
    assert book["bids"][0][0] < book["asks"][0][0]


def test_all_tickers_of_a_category_come_at_once(client):
    client.load_markets()

    spot = {market["symbol"] for market in client.markets.values() if market["spot"]}
    assert set(client.fetch_tickers()) == spot
    assert set(client.fetch_tickers(params={"type": "swap", "subType": "inverse"})) == {
        market["symbol"] for market in client.markets.values() if market["inverse"]
    }


@pytest.mark.parametrize(
    ("timeframe", "step_ms"), [("1m", 60_000), ("5m", 300_000), ("4h", 14_400_000), ("1d", 86_400_000)]
)
def test_candles_follow_each_other_and_end_with_the_one_under_way(client, timeframe, step_ms):
    candles = client.fetch_ohlcv("BTC/USDT", timeframe, limit=20)

    assert len(candles) == 20
    assert all(after[0] - before[0] == step_ms for before, after in pairwise(candles))
    assert all(before[4] == after[1] for before, after in pairwise(candles))
    assert candles[-1][0] <= client.milliseconds() < candles[-1][0] + step_ms
    assert all(low <= min(opened, closed) <= max(opened, closed) <= high for _, opened, high, low, closed, _ in candles)


def test_candles_since_a_moment_begin_there(client):
    since = client.milliseconds() // 3_600_000 * 3_600_000 - 50 * 3_600_000

    candles = client.fetch_ohlcv("ETH/USDT:USDT", "1h", since=since, limit=10)

    assert [candle[0] for candle in candles] == [since + hour * 3_600_000 for hour in range(10)]


def test_weeks_begin_on_mondays_and_months_on_their_first(client):
    weeks = client.fetch_ohlcv("BTC/USDT", "1w", limit=3)
    months = client.fetch_ohlcv("BTC/USDT", "1M", limit=3)

    assert {client.iso8601(week[0])[11:] for week in weeks} == {"00:00:00.000Z"}
    assert all((week[0] // 86_400_000 + 3) % 7 == 0 for week in weeks)
    assert {client.iso8601(month[0])[8:] for month in months} == {"01T00:00:00.000Z"}


def test_public_trades_are_recent_and_at_prices_of_the_market(client):
    trades = client.fetch_trades("BTC/USDT")

    assert len(trades) == 60
    assert all(0 <= client.milliseconds() - trade["timestamp"] < 120_000 for trade in trades)
    last = client.fetch_ticker("BTC/USDT")["last"]
    assert all(trade["price"] == pytest.approx(last, rel=0.02) for trade in trades)
    assert len({trade["id"] for trade in trades}) == 60


def test_funding_was_paid_every_eight_hours(client):
    rates = client.fetch_funding_rate_history("BTC/USDT:USDT", limit=10)

    assert len(rates) == 10
    assert all(after["timestamp"] - before["timestamp"] == 8 * 3_600_000 for before, after in pairwise(rates))
    coming = client.fetch_funding_rate("BTC/USDT:USDT")
    assert coming["fundingTimestamp"] == rates[-1]["timestamp"] + 8 * 3_600_000


def test_a_dated_future_has_no_funding(desk):
    answer = desk.get("/v5/market/funding/history", category="linear", symbol="BTCUSDT-25DEC26")

    assert answer["retCode"] == 10001


def test_open_interest_and_risk_limits_are_told(client):
    assert client.fetch_open_interest("BTC/USDT:USDT")["openInterestAmount"] > 0
    tiers = client.fetch_market_leverage_tiers("BTC/USDT:USDT")
    assert tiers[0]["maxLeverage"] == 100
    assert [tier["maxNotional"] for tier in tiers] == sorted(tier["maxNotional"] for tier in tiers)


def test_the_exchange_s_time_is_its_clock(desk):
    answer = desk.get("/v5/market/time")

    assert answer["time"] == NOON_MS
    assert answer["result"] == {"timeSecond": str(NOON_MS // 1000), "timeNano": str(NOON_MS * 1_000_000)}


def test_a_symbol_nobody_lists_is_refused(desk, client):
    assert desk.get("/v5/market/tickers", category="spot", symbol="NOPEUSDT")["retMsg"] == "Not supported symbols"
    client.load_markets()
    client.markets["NOPE/USDT"] = client.market("BTC/USDT") | {"id": "NOPEUSDT", "symbol": "NOPE/USDT"}
    with pytest.raises(ccxt.BadSymbol):
        client.fetch_order_book("NOPE/USDT")


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("tickers", {}),
        ("tickers", {"category": "stocks"}),
        ("kline", {"category": "spot", "symbol": "BTCUSDT", "interval": "7"}),
        ("kline", {"category": "spot", "symbol": "BTCUSDT"}),
        ("orderbook", {"category": "spot", "symbol": "BTCUSDT", "limit": "many"}),
        ("instruments-info", {"category": "linear", "cursor": "nonsense"}),
    ],
)
def test_parameters_that_make_no_sense_are_10001(desk, path, params):
    assert desk.get(f"/v5/market/{path}", **params)["retCode"] == 10001
