from datetime import timedelta
from decimal import Decimal
from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.portfolio.past_prices import HOUR, NEAR, PastPrices, Told
from tests.alphapulse.portfolio.happenings import FIRST, day, told


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


def test_of_two_ways_the_nearest_is_taken():
    far = (told("BTC", "USDT", "100", 1.5), told("USDT", "USD", "1", 1.5))
    near = (told("BTC", "EUR", "100", 2), told("EUR", "USD", "1.1", 2))
    assert price(*far, *near) == 110


def test_it_says_who_told_it_and_how_far_away():
    known = PastPrices([told("BTC", "USDT", "100", 2, "binance 1d"), told("USDT", "USD", "1", 2.01, "kraken 1h")])
    found = known.price("BTC", "USD", day(1.5))
    assert found.sources == ("binance 1d", "kraken 1h")
    assert found.away == day(2.01) - day(1.5)


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


# --- By a hub ---------------------------------------------------------------------------------------------------------


def test_two_prices_of_different_times_are_none():
    """What bitcoin won from midnight to noon is nothing that a dollar cost: 50,000 of midnight of 56,700 of noon."""
    midnight = told("BTC", "EUR", "50000", 2), told("BTC", "USDT", "54000", 2)
    noon = told("BTC", "USDT", "56700", 2.5)
    assert price(*midnight, noon, asset="USDT", currency="EUR", on=2.5) == pytest.approx(
        Decimal(50000) / Decimal(54000)
    )
    assert price(midnight[0], noon, asset="USDT", currency="EUR", on=2.5) is None


def test_what_is_straight_loses_against_two_prices_of_that_very_time():
    old = told("BNB", "BTC", "0.0080", 2 + 35 / 24)
    now = told("BNB", "USDT", "600", 2), told("BTC", "USDT", "60000", 2)
    assert price(old, *now, asset="BNB", currency="BTC") == pytest.approx(Decimal("0.01"))


def test_within_the_hour_what_is_straight_is_taken():
    near = told("BNB", "BTC", "0.0080", 2 + 0.9 / 24)
    assert price(near, told("BNB", "USDT", "600", 2), told("BTC", "USDT", "60000", 2), asset="BNB", currency="BTC") == (
        Decimal("0.0080")
    )


@pytest.mark.parametrize("on", [2.1, 2.5, 2.9])
def test_of_hours_in_which_both_are_told_the_nearest_counts(on):
    known = [told("ADA", "USDT", str(each), each) for each in (2, 2.25, 2.5, 2.75, 3)]
    known += [told("USDT", "EUR", "1", each) for each in (2, 2.51, 3)]
    assert price(*known, asset="ADA", currency="EUR", on=on) == {2.1: 2, 2.5: Decimal("2.5"), 2.9: 3}[on]


def test_a_rate_that_is_published_once_a_day_stands_beside_what_is_of_that_day():
    rate = Told("EUR", "TRY", "ecb", [(day(2.6), Decimal(50))], is_of_a_day=True)
    euro = told("EUR", "USDT", "1.25", 2.1)
    assert price(rate, euro, asset="USDT", currency="TRY", on=2.1) == 40
    assert price(rate, told("EUR", "USDT", "1.25", 1.5), asset="USDT", currency="TRY", on=2.1) is None


# A wild coin between two calm ones: of which nothing is told but what each costs in the wild one.
minutes = st.integers(0, 4 * 24 * 60)
times = st.lists(minutes, max_size=12)
calm, wild = 0.001, 0.05


@given(base=times, quote=times, straight=times, at=minutes, turns=st.integers(0, 2**97 - 1))
def test_it_is_off_by_no_more_than_markets_moved_in_the_time_that_it_says(base, quote, straight, at, turns):
    """Calm ones move by 0.1 % an hour, the wild one by 5 %: of that nothing may be in it but what an hour brings."""

    def cost(rate, minute):
        """In something of which nobody hears: up or down each hour."""
        hour, rest = divmod(minute, 60)
        return exp(rate * (sum(map(turn, range(hour))) + turn(hour) * rest / 60))

    def turn(hour):
        return 1 if turns >> hour & 1 else -1

    def prices(one, other, of):
        return [(FIRST + timedelta(minutes=each), Decimal(str(one(each) / other(each)))) for each in sorted(of)]

    def ada(minute):
        return cost(calm, minute)

    def eur(minute):
        return 1 / cost(calm, minute)

    def btc(minute):
        return cost(wild, minute)

    known = PastPrices(
        [
            Told("ADA", "BTC", "a", prices(ada, btc, base)),
            Told("BTC", "EUR", "b", prices(btc, eur, quote)),
            Told("ADA", "EUR", "c", prices(ada, eur, straight)),
        ]
    )
    found = known.price("ADA", "EUR", FIRST + timedelta(minutes=at))
    if found is None:
        assert all(timedelta(minutes=abs(each - at)) > NEAR for each in straight)
        assert not any(
            one // 60 == other // 60 and timedelta(minutes=max(abs(one - at), abs(other - at))) <= NEAR
            for one in base
            for other in quote
        )
        return
    assert found.away <= NEAR
    bound = 2 * calm * (found.away / HOUR) + (wild if len(found.sources) > 1 else 0)
    assert abs(log(float(found.value)) - log(ada(at) / eur(at))) <= bound + 1e-9


@given(base=times, quote=times, straight=times, at=minutes)
def test_nothing_nearer_is_told(base, quote, straight, at):
    def of(name, base, quote, minutes):
        return Told(base, quote, name, [(FIRST + timedelta(minutes=each), Decimal(1)) for each in minutes])

    known = PastPrices([of("a", "ADA", "BTC", base), of("b", "BTC", "EUR", quote), of("c", "ADA", "EUR", straight)])
    found = known.price("ADA", "EUR", FIRST + timedelta(minutes=at))
    pairs = [(one, other) for one in base for other in quote if one // 60 == other // 60]
    nearest = min(
        [max(abs(at - each) for each in way) for way in [*pairs, *((each,) for each in straight)]], default=-1
    )
    if found and found.away > HOUR:
        assert found.away == timedelta(minutes=nearest)
    elif found:
        assert 0 <= nearest <= 60
