import pytest

from alphapulse.sandbox.clock import DAY_MS, HOUR_MS
from alphapulse.sandbox.daystats import Days
from alphapulse.sandbox.prices import Prices
from tests.alphapulse.sandbox.conftest import NOON_MS

AT = NOON_MS + 4_321_000


@pytest.mark.parametrize("pair", [("BTC", "USDT"), ("ETH", "BTC"), ("1000SHIB", "USDT")])
def test_a_day_s_statistics_agree_with_its_candles(pair: tuple[str, str]):
    prices = Prices(7)
    [day] = prices.bars(*pair, [AT - DAY_MS], AT)
    stats = Days(prices).stats(*pair, AT)

    assert stats.last == prices.price(*pair, AT)
    assert day.low <= stats.low <= stats.last <= stats.high <= day.high
    assert stats.high == pytest.approx(day.high, rel=0.01)
    assert stats.low == pytest.approx(day.low, rel=0.01)
    assert stats.open == pytest.approx(day.open, rel=0.02)
    assert stats.volume == pytest.approx(day.volume, rel=0.25)


def test_a_price_moved_by_hand_shows_at_once():
    prices = Prices(7)
    days = Days(prices)
    before = days.stats("BTC", "USDT", AT)

    prices.pin("BTC", at_ms=AT, worth=before.high * 2)

    assert days.stats("BTC", "USDT", AT).high == pytest.approx(before.high * 2)


def test_the_window_moves_with_time():
    prices = Prices(7)
    days = Days(prices)

    assert days.stats("BTC", "USDT", AT).open != days.stats("BTC", "USDT", AT + HOUR_MS).open
