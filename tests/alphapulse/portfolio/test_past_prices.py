from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from alphapulse.portfolio.past_prices import PastPrices
from tests.alphapulse.portfolio.happenings import day, told


def price(*known, asset="BTC", currency="USD", on=2.0):
    found = PastPrices(known).price(asset, currency, day(on))
    return found and found.value


def test_the_nearest_price_in_time_counts():
    assert price(told("BTC", "USD", "100", 1), told("BTC", "USD", "200", 2.4)) == 200


def test_a_price_of_another_day_is_none():
    assert price(told("BTC", "USD", "100", 4)) is None


def test_a_price_may_be_told_the_other_way_round():
    assert price(told("USD", "BTC", "0.01", 2)) == 100


def test_there_may_be_a_currency_between():
    assert price(told("BTC", "USDT", "100", 2), told("USDT", "USD", "0.99", 2)) == 99
    assert price(told("ADA", "BTC", "0.5", 2), told("USD", "BTC", "0.01", 2), asset="ADA") == 50


def test_the_nearest_way_is_taken():
    far = (told("BTC", "USDT", "100", 1.5), told("USDT", "USD", "1", 1.5))
    near = (told("BTC", "EUR", "100", 2), told("EUR", "USD", "1.1", 2))
    assert price(*far, *near) == 110


def test_it_says_who_told_it_and_how_far_away():
    known = PastPrices([told("BTC", "USDT", "100", 2, "binance 1d"), told("USDT", "USD", "1", 3, "kraken 1d")])
    found = known.price("BTC", "USD", day(2))
    assert found.sources == ("binance 1d", "kraken 1d")
    assert found.away == day(3) - day(2)


def test_what_is_not_told_has_no_price_but_a_currency_in_itself():
    assert price() is None
    assert price(asset="USD") == 1
    assert price(told("BTC", "USD", "0", 2)) is None


def test_who_takes_a_stablecoin_for_its_currency_needs_no_price_of_it():
    known = PastPrices([told("BTC", "USDT", "100", 2), told("USDT", "USD", "0.9", 2)], {"USDT": "USD"})
    assert known.price("BTC", "USD", day(2)).value == 100
    assert known.price("USDT", "USD", day(9)).value == 1


@given(value=st.decimals("0.00000001", "100000000", places=8))
def test_there_and_back_is_one(value):
    known = PastPrices([told("BTC", "USD", str(value), 2)])
    there, back = known.price("BTC", "USD", day(2)), known.price("USD", "BTC", day(2))
    assert abs(there.value * back.value - 1) < Decimal("1e-25")
