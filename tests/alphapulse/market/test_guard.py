from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from alphapulse.market.guard import Doubt, apart, doubt
from alphapulse.types import Ticker

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
TICKER = Ticker(
    symbol="BTC/USDT",
    last=Decimal(100),
    bid=Decimal(99),
    ask=Decimal(101),
    percentage=None,
    base_volume=None,
    quote_volume=None,
    exchange_at=NOON,
)


def judged(last: str, *, known: str | None = "100", doubted: str | None = None) -> Doubt | None:
    told, before, waiting = (price and replace(TICKER, last=Decimal(price)) for price in (last, known, doubted))
    return doubt(told, known=before, doubted=waiting, as_of=NOON)


@pytest.mark.parametrize("last", ["100", "149.99", "150", "50", "50.01"])
def test_up_to_half_is_a_move(last):
    assert judged(last) is None


@pytest.mark.parametrize("last", ["150.01", "49.99", "0", "1000000"])
def test_more_than_half_in_one_sample_needs_a_second(last):
    assert judged(last) is Doubt.JUMP
    assert judged(last, doubted=last) is None


def test_a_second_that_says_something_else_again_is_no_second():
    assert judged("300", doubted="1000") is Doubt.JUMP


def test_the_first_price_of_all_is_believed():
    assert judged("300", known=None) is None


def test_a_book_that_is_crossed_and_a_market_that_is_dead_are_doubted():
    assert doubt(replace(TICKER, bid=Decimal(102)), known=None, doubted=None, as_of=NOON) is Doubt.CROSSED
    assert doubt(TICKER, known=None, doubted=None, as_of=NOON + timedelta(hours=25)) is Doubt.STALE


def test_what_was_not_told_is_not_doubted():
    nothing = replace(TICKER, last=None, bid=None, ask=None, exchange_at=None)
    assert doubt(nothing, known=TICKER, doubted=None, as_of=NOON) is None


@pytest.mark.parametrize("last", [None, Decimal(100)])
def test_a_book_that_jumps_needs_a_second_too(last):
    jumped = replace(TICKER, last=last, bid=Decimal(999), ask=Decimal(1001))
    assert doubt(jumped, known=TICKER, doubted=None, as_of=NOON) is Doubt.JUMP
    assert doubt(jumped, known=TICKER, doubted=jumped, as_of=NOON) is None


def test_the_middle_of_a_wide_book_is_nothing_that_can_jump():
    wide = replace(TICKER, bid=Decimal(1), ask=Decimal(1000))
    assert doubt(wide, known=TICKER, doubted=None, as_of=NOON) is None


def test_who_is_far_from_all_others_is_named_with_the_distance():
    prices = {"binance": Decimal(100), "bybit": Decimal(101), "okx": Decimal(150), "gate": Decimal(99)}
    (found,) = apart(prices).items()
    assert found[0] == "okx"
    assert Decimal("0.48") < found[1] < Decimal("0.50")


def test_of_two_nobody_knows_which_is_wrong():
    assert apart({"binance": Decimal(100), "bybit": Decimal(300)}) == {}
