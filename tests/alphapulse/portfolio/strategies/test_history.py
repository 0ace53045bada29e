from datetime import timedelta
from decimal import Decimal

import pytest

from alphapulse.portfolio.strategies.history import returns_of
from tests.alphapulse.portfolio.strategies.pasts import BEGIN, DAY


def closes(*prices: str | None) -> dict:
    """A day apart; None is a hole."""
    return {BEGIN + number * DAY: Decimal(price) for number, price in enumerate(prices) if price is not None}


def test_a_return_is_the_next_close_over_the_last():
    found = returns_of({"BTC": closes("100", "110", "99")}, DAY)
    assert found.rows == (pytest.approx((0.1,)), pytest.approx((-0.1,)))
    assert (found.since, found.until) == (BEGIN, BEGIN + 2 * DAY)


def test_no_return_spans_a_hole():
    found = returns_of({"BTC": closes("100", None, "121", "121")}, DAY)
    assert found.rows == ((0.0,),)


def test_only_steps_that_every_asset_has_count():
    found = returns_of({"ETH": closes(None, "10", "11", "12.1"), "BTC": closes("100", "110", "121", None)}, DAY)
    assert found.assets == ("BTC", "ETH")
    assert found.rows == (pytest.approx((0.1, 0.1)),)
    assert found.known == {"BTC": 2, "ETH": 2}


def test_a_price_of_nothing_makes_no_return():
    assert returns_of({"LUNA": closes("1", "0", "1")}, DAY).rows == ()


def test_a_year_has_as_many_steps_as_fit_into_it():
    assert returns_of({"BTC": {}}, timedelta(hours=1)).per_year == 24 * 365


def test_too_few_are_said_with_the_asset_that_has_the_fewest():
    found = returns_of({"BTC": closes("1", "2", "3"), "NEW": closes(None, "1", "2")}, DAY)
    assert not found.are_enough
    assert found.why_too_few() == (
        "1 returns are known of all assets together, and 60 are needed for 2 assets. NEW has the fewest: 1. "
        "Ask for a longer past, or leave it out."
    )


def test_no_asset_at_all_has_no_past():
    assert returns_of({}, DAY).rows == ()
