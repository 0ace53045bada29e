from decimal import Decimal

from alphapulse.sandbox.book import OrderBook
from alphapulse.sandbox.markets import spot_markets
from tests.alphapulse.sandbox.conftest import NOON_MS

[BTC] = spot_markets(1)
LAST = Decimal("50000.00")


def test_the_same_second_shows_the_same_book_and_the_next_another():
    first, again, later = (OrderBook(BTC, LAST, NOON_MS + at) for at in (0, 999, 1000))

    assert first.asks(20) == again.asks(20)
    assert first.asks(20) != later.asks(20)


def test_bids_fall_asks_rise_and_the_last_price_is_one_of_the_two_best():
    for second in range(20):
        book = OrderBook(BTC, LAST, NOON_MS + second * 1000)
        bids, asks = ([level.price for level in side] for side in (book.bids(100), book.asks(100)))

        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert bids[0] < asks[0]
        assert LAST in (bids[0], asks[0])
        assert all(price % BTC.tick == 0 for price in (*bids, *asks))


def test_amounts_are_whole_steps_and_never_zero():
    levels = OrderBook(BTC, LAST, NOON_MS).asks(200)

    assert all(level.amount > 0 and level.amount % BTC.step == 0 for level in levels)


def test_bids_end_at_zero():
    book = OrderBook(BTC, BTC.tick * 5, NOON_MS)

    assert all(level.price > 0 for level in book.bids(5000))


def test_further_beyond_a_price_more_trades_there():
    book = OrderBook(BTC, LAST, NOON_MS)

    assert book.amount_through(Decimal(500)) > book.amount_through(Decimal(0)) > 0
