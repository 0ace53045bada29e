from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.sandbox.candle_edges import edges
from alphapulse.sandbox.clock import DAY_MS, HOUR_MS, MINUTE_MS
from alphapulse.sandbox.prices import Bar, Prices, merged
from tests.alphapulse.sandbox.conftest import NOON_MS

AT = NOON_MS + 123_456


def candles(prices: Prices, pair: tuple[str, str], timeframe: str, limit: int, *, now_ms: int = AT) -> list[Bar]:
    return prices.candles(*pair, edges(timeframe, start_ms=None, end_ms=None, now_ms=now_ms, limit=limit), now_ms)


def test_the_same_seed_gives_the_same_prices_in_any_order_of_questions():
    first, second = Prices(7), Prices(7)
    moments = [AT, AT - DAY_MS, AT + 7 * DAY_MS, AT - 1]
    asked = {at: first.price("ETH", "BTC", at) for at in moments}

    assert {at: second.price("ETH", "BTC", at) for at in reversed(moments)} == asked
    assert Prices(8).price("ETH", "BTC", AT) != asked[AT]


def test_crosses_agree_with_their_legs():
    prices = Prices(7)

    cross = prices.price("ETH", "USDT", AT) / prices.price("BTC", "USDT", AT)

    assert prices.price("ETH", "BTC", AT) == pytest.approx(cross, rel=1e-12)


def test_coins_move_together_and_dollars_hardly_at_all():
    prices = Prices(7)
    days = range(AT - 300 * DAY_MS, AT, DAY_MS)
    btc, eth, usdc = ([prices.price(code, "USDT", day) for day in days] for code in ("BTC", "ETH", "USDC"))
    together = [(b2 > b1) == (e2 > e1) for (b1, b2), (e1, e2) in zip(pairwise(btc), pairwise(eth), strict=True)]

    assert sum(together) / len(together) > 0.65
    assert max(usdc) / min(usdc) < 1.02


@pytest.mark.parametrize(("fine", "coarse", "parts"), [("1m", "5m", 5), ("1m", "1h", 60), ("1h", "1d", 24)])
@pytest.mark.parametrize("pair", [("BTC", "USDT"), ("ETH", "BTC")])
def test_fine_candles_put_together_are_the_coarse_ones(pair: tuple[str, str], fine: str, coarse: str, parts: int):
    prices = Prices(7)
    [bar, _under_way] = candles(prices, pair, coarse, 2)
    opened = bar.open_ms
    length = {"1m": MINUTE_MS, "1h": HOUR_MS}[fine]
    pieces = prices.candles(*pair, [opened + length * index for index in range(parts + 1)], AT)

    assert merged(pieces) == pytest.approx(bar, rel=1e-9)


@pytest.mark.parametrize("base", ["BTC", "ETH", "DOGE"])
def test_a_day_of_long_ago_is_nearly_its_hours(base: str):
    prices, today = Prices(7), AT // DAY_MS * DAY_MS
    for ago in range(9, 40, 5):
        begin = today - ago * DAY_MS
        [day] = prices.candles(base, "USDT", [begin, begin + DAY_MS], AT)
        hours = merged(prices.candles(base, "USDT", list(range(begin, begin + DAY_MS + 1, HOUR_MS)), AT))
        assert (day.open, day.close) == (hours.open, hours.close)
        assert 0.99 * hours.high < day.high <= hours.high
        assert hours.low <= day.low < 1.01 * hours.low
        assert day.volume == pytest.approx(hours.volume, rel=0.1)


def test_a_candle_opens_where_the_one_before_closed_and_holds_every_price_in_it():
    prices = Prices(7)
    bars = candles(prices, ("BTC", "USDT"), "1m", 30)

    for bar, following in pairwise(bars):
        assert following.open == bar.close
        for second in range(0, 60, 7):
            assert bar.low <= prices.price("BTC", "USDT", bar.open_ms + second * 1000) <= bar.high
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert bar.volume > 0


def test_the_candle_under_way_closes_at_the_price_now():
    prices = Prices(7)

    assert candles(prices, ("SOL", "USDT"), "1h", 3)[-1].close == prices.price("SOL", "USDT", AT)


def test_a_candle_that_has_ended_never_changes():
    prices = Prices(7)
    before = candles(prices, ("BTC", "USDT"), "1h", 5)[:-1]
    prices.move("BTC", at_ms=AT, factor=2.0)
    prices.price("BTC", "USDT", AT + DAY_MS)

    assert candles(prices, ("BTC", "USDT"), "1h", 5)[:-1] == before


@settings(max_examples=25, deadline=None)
@given(factor=st.floats(0.1, 10))
def test_a_moved_price_is_that_many_times_itself_from_then_on(factor: float):
    prices, still = Prices(7), Prices(7)
    prices.move("BTC", at_ms=AT, factor=factor)

    for at in (AT, AT + HOUR_MS):
        assert prices.price("BTC", "USDT", at) == pytest.approx(still.price("BTC", "USDT", at) * factor)
    assert prices.price("BTC", "USDT", AT - 1) == still.price("BTC", "USDT", AT - 1)


def test_a_pinned_price_stands_still_until_it_is_released_and_walks_on_from_there():
    prices = Prices(7)
    prices.pin("BTC", at_ms=AT, worth=50_000)
    assert prices.price("BTC", "USDT", AT + HOUR_MS) == pytest.approx(50_000)

    prices.release("BTC", at_ms=AT + HOUR_MS)

    assert prices.price("BTC", "USDT", AT + HOUR_MS) == pytest.approx(50_000)
    assert prices.price("BTC", "USDT", AT + 2 * HOUR_MS) != pytest.approx(50_000, rel=1e-9)


def test_a_jump_shows_in_the_candle_it_falls_into():
    prices = Prices(7)
    prices.pin("BTC", at_ms=AT - 30 * MINUTE_MS, worth=10.0)

    [bar] = prices.candles("BTC", "USDT", [AT - HOUR_MS, AT], AT)

    assert bar.close == pytest.approx(10.0)
    assert bar.low == pytest.approx(10.0)
    assert bar.high > 1000
