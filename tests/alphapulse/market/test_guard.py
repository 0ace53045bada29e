from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.market.guard import JUMP, Doubt, apart, cleaned, doubt, price
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


@pytest.mark.parametrize("last", ["150.01", "49.99", "0.01", "1000000"])
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


WIDE = replace(TICKER, bid=Decimal(1), ask=Decimal(1000))


@pytest.mark.parametrize("side", [{"bid": Decimal(1)}, {"ask": Decimal(1000)}])
def test_one_side_of_a_narrow_book_that_jumps_needs_a_second_too(side):
    jumped = replace(TICKER, **side)
    assert doubt(jumped, known=TICKER, doubted=None, as_of=NOON) is Doubt.JUMP
    assert doubt(jumped, known=TICKER, doubted=jumped, as_of=NOON) is None


def test_the_sides_of_a_wide_book_say_nothing_that_could_jump():
    assert doubt(replace(WIDE, bid=Decimal(90)), known=WIDE, doubted=None, as_of=NOON) is None


@pytest.mark.parametrize("known", [WIDE, replace(TICKER, bid=None, ask=None), replace(TICKER, last=None)])
def test_a_book_where_there_was_none_is_compared_with_the_price_there_was(known):
    wild = replace(TICKER, bid=Decimal("0.0100"), ask=Decimal("0.0101"))
    assert doubt(wild, known=known, doubted=None, as_of=NOON) is Doubt.JUMP
    assert doubt(TICKER, known=known, doubted=None, as_of=NOON) is None


def test_a_trade_where_none_was_told_is_compared_with_the_book_there_was():
    known = replace(TICKER, last=None)
    assert doubt(replace(TICKER, last=Decimal(500)), known=known, doubted=None, as_of=NOON) is Doubt.JUMP
    assert doubt(TICKER, known=known, doubted=None, as_of=NOON) is None


def test_a_price_that_falls_back_to_an_old_trade_needs_a_second():
    known = replace(TICKER, last=Decimal(40))
    nothing_offered = replace(known, bid=None, ask=None)
    assert doubt(nothing_offered, known=known, doubted=None, as_of=NOON) is Doubt.JUMP
    assert doubt(nothing_offered, known=known, doubted=nothing_offered, as_of=NOON) is None


@pytest.mark.parametrize("strange", ["0", "-5", "NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("name", ["last", "bid", "ask"])
def test_a_price_of_nothing_below_it_or_of_no_number_is_none(name, strange):
    assert getattr(cleaned(replace(TICKER, **{name: Decimal(strange)})), name) is None
    assert cleaned(TICKER) is TICKER


def test_who_is_far_from_all_others_is_named_with_the_distance():
    prices = {"binance": Decimal(100), "bybit": Decimal(101), "okx": Decimal(150), "gate": Decimal(99)}
    (found,) = apart(prices).items()
    assert found[0] == "okx"
    assert Decimal("0.48") < found[1] < Decimal("0.50")


def apart_of(*prices: int) -> list[int]:
    told = {f"exchange {place}": Decimal(price) for place, price in enumerate(prices)}
    return [int(told[exchange_id]) for exchange_id in apart(told)]


@pytest.mark.parametrize(
    "prices", [(100,), (100, 300), (100, 115, 130), (100, 100, 200, 200), (100, 100, 200, 200, 400)]
)
def test_where_no_more_than_half_agree_nobody_knows_who_is_wrong(prices):
    assert apart_of(*prices) == []


@pytest.mark.parametrize(
    ("prices", "doubted"),
    [
        ((100, 101, 150), [150]),
        ((100, 101, 50), [50]),
        ((100, 109, 111), []),
        ((100, 100, 100, 300), [300]),
        ((100, 100, 100, 300, 301), [300, 301]),
    ],
)
def test_one_against_two_that_agree_is_doubted_and_so_are_fewer_than_half(prices, doubted):
    assert apart_of(*prices) == doubted


PRICES = st.decimals("0.01", "1000000", places=2)
SANE = st.decimals("95", "105", places=2)


@st.composite
def sane(draw: st.DrawFn) -> Ticker:
    """Around a hundred; what an exchange does not tell is none, but something it tells."""
    middle, trade, told = draw(SANE), draw(SANE), draw(st.sampled_from(["both", "book", "trade"]))
    book = {"bid": middle - 1, "ask": middle + 1} if told != "trade" else {"bid": None, "ask": None}
    return replace(TICKER, last=trade if told != "book" else None, **book)


@st.composite
def wild(draw: st.DrawFn) -> Ticker:
    """Anything in any place, and the rest sane."""
    told = draw(sane())
    places = draw(st.sets(st.sampled_from(["last", "bid", "ask"]), min_size=1))
    return cleaned(replace(told, **{place: draw(st.one_of(PRICES, st.just(Decimal(-1)))) for place in places}))


def believed(samples: list[Ticker]) -> list[Ticker]:
    """One after the other, as they are stored: which is the price after each."""
    known = doubted = None
    found = []
    for sample in samples:
        reason = doubt(sample, known=known, doubted=doubted, as_of=NOON)
        if reason is None:
            known, doubted = sample, None
        elif reason is Doubt.JUMP:
            doubted = sample
        found.append(known)
    return found


@given(before=st.lists(sane(), min_size=1, max_size=5), glitch=wild(), after=st.lists(sane(), max_size=5))
def test_no_single_wild_sample_among_sane_ones_is_ever_a_price(before, glitch, after):
    for told in believed([*before, glitch, *after]):
        assert price(told) is None or is_near(price(told))
        assert told.last is None or is_near(told.last)


def is_near(told: Decimal) -> bool:
    """Not farther than what is no jump from any sane price."""
    return Decimal(95) * (1 - JUMP) <= told <= Decimal(105) * (1 + JUMP)


@given(before=st.lists(sane(), max_size=5), factor=st.decimals("0.001", "1000", places=3), second=sane())
def test_two_samples_that_agree_are_always_believed(before, factor, second):
    moved = [
        replace(TICKER, **{name: value and value * factor for name, value in fields(each).items()})
        for each in (second, second)
    ]
    assert believed([*before, *moved])[-1] == moved[1]


def fields(ticker: Ticker) -> dict[str, Decimal | None]:
    return {"last": ticker.last, "bid": ticker.bid, "ask": ticker.ask}
