"""A worksheet, calculated by hand:

day 1   deposit 1000 USDT
day 2   buy 1 BTC at 100
day 3   buy 1 BTC at 200
day 4   buy 1 BTC at 150
day 5   sell 1.5 BTC at 300        450 USDT

fifo     1 at 100, half of the 200 one         cost 200       gain 250       left: 100 + 150 = 250
lifo     1 at 150, half of the 200 one         cost 250       gain 200       left: 100 + 100 = 200
hifo     1 at 200, half of the 150 one         cost 275       gain 175       left:  75 + 100 = 175
average  1.5 of 3 at 150                       cost 225       gain 225       left: 225
"""

from decimal import Decimal

import pytest

from alphapulse.portfolio.bookings import Booking, Why, of_entries, of_funding, of_transfer
from alphapulse.portfolio.books import Item, Missing, Sum, residual
from alphapulse.portfolio.lots import Method
from alphapulse.types import FundingPayment, TransferStatus
from tests.alphapulse.portfolio.happenings import (
    MAIN,
    books,
    day,
    entry,
    sources,
    told,
    trade,
    trades,
    transfer,
)


def worksheet() -> list[Booking]:
    return [
        *of_transfer(MAIN, transfer("deposit 1000 USDT", 1)),
        *trades(
            trade("buy 1 at 100", 2),
            trade("buy 1 at 200", 3),
            trade("buy 1 at 150", 4),
            trade("sell 1.5 at 300", 5),
        ),
    ]


@pytest.mark.parametrize(
    ("method", "gain", "left"),
    [
        (Method.FIFO, 250, 250),
        (Method.LIFO, 200, 200),
        (Method.HIFO, 175, 175),
        (Method.AVERAGE, 225, 225),
    ],
)
def test_each_method_gives_what_the_worksheet_says(method, gain, left):
    kept = books(worksheet(), method)
    assert kept.total(Item.REALISED) == gain
    assert (kept.held["BTC"].amount, kept.held["BTC"].cost) == (Decimal("1.5"), left)
    assert kept.held["USDT"].amount == 1000 - 450 + 450
    assert kept.gaps == []


def test_a_gain_is_told_for_its_day_account_and_asset():
    kept = books(worksheet())
    gains = {key: line for key, line in kept.lines.items() if key.item is Item.REALISED}
    assert gains == {(day(5).date(), MAIN, "BTC", Item.REALISED): Sum(Decimal("-1.5"), Decimal(250))}


def test_a_fee_in_a_third_coin_is_worth_what_the_coin_was_then_and_gives_the_coin_away():
    """Bought 1 BNB at 500; a fee of 0.01 BNB when it stood at 600: 6 paid, and 1 of it was the coin's own gain."""
    rows = trades(
        trade("buy 1 at 500", 1, symbol="BNB/USDT"),
        trade("buy 1 at 100", 2, fee="0.01 BNB"),
    )
    kept = books(rows, prices=[told("BNB", "USDT", "600", 2)])
    assert kept.total(Item.FEES) == -6
    assert kept.total(Item.REALISED) == 1
    assert kept.total() == -5
    assert (kept.held["BNB"].amount, kept.held["BNB"].cost) == (Decimal("0.99"), 495)


def test_a_fee_in_what_was_bought_is_valued_by_its_own_fill():
    kept = books(trades(trade("buy 1 at 100", 1, fee="0.001 BTC")))
    assert (kept.total(Item.FEES), kept.total(Item.REALISED)) == (Decimal("-0.1"), 0)
    assert kept.held["BTC"].amount == Decimal("0.999")


def test_a_rebate_is_a_fee_that_came_back():
    kept = books(trades(trade("buy 1 at 100", 1, fee="-0.5 USDT")))
    assert kept.total(Item.FEES) == Decimal("0.5")


def test_income_is_worth_what_it_was_when_it_came_and_costs_that_when_it_is_sold():
    """A reward of 2 BTC at 100 is 200 of income; sold at 150 it brought 100 more."""
    rows = [*of_entries(MAIN, [entry("reward", "2 BTC", 1)]), *trades(trade("sell 2 at 150", 5))]
    kept = books(rows, prices=[told("BTC", "USDT", "100", 1)])
    assert (kept.total(Item.REWARD), kept.total(Item.REALISED)) == (200, 100)


def test_each_kind_of_income_has_a_line_of_its_own():
    rows = of_entries(
        MAIN,
        [
            entry("airdrop", "3 USDT", 1),
            entry("interest", "-4 USDT", 1),
            entry("rebate", "5 USDT", 1),
            entry("fee", "-6 USDT", 1),
            entry("other", "7 USDT", 1),
        ],
    )
    kept = books(rows)
    items = (Item.AIRDROP, Item.INTEREST, Item.REBATE, Item.FEES, Item.OTHER)
    assert [kept.total(item) for item in items] == [3, -4, 5, -6, 7]
    assert kept.total() == 5


def test_funding_is_paid_and_got():
    payments = [
        FundingPayment(
            payment_id=amount, symbol="BTC/USDT:USDT", currency="USDT", amount=Decimal(amount), exchange_at=day(1)
        )
        for amount in ("5", "-7.5")
    ]
    kept = books(booking for payment in payments for booking in of_funding(MAIN, payment))
    assert kept.total(Item.FUNDING) == Decimal("-2.5")


def test_a_deposit_is_no_gain_and_costs_what_it_was_worth():
    rows = [*of_transfer(MAIN, transfer("deposit 1 BTC", 1)), *trades(trade("sell 1 at 130", 2))]
    kept = books(rows, prices=[told("BTC", "USDT", "100", 1)])
    assert (kept.total(Item.DEPOSITED), kept.total()) == (100, 30)


def test_the_fee_of_a_deposit_was_paid_before_it_arrived():
    kept = books(of_transfer(MAIN, transfer("deposit 250 USDT", 1, fee="1")))
    assert (kept.moved[MAIN, "USDT"], kept.total(Item.FEES)) == (250, 0)


def test_a_withdrawal_is_no_gain_and_takes_its_cost_along():
    rows = [*trades(trade("buy 2 at 100", 1)), *of_transfer(MAIN, transfer("withdrawal 1 BTC", 2, fee="0.5"))]
    kept = books(rows, prices=[told("BTC", "USDT", "300", 2)])
    assert (kept.total(Item.WITHDRAWN), kept.total(Item.WITHDRAWN_COST)) == (300, 100)
    # The fee of half a coin was worth 150, and had cost 50.
    assert (kept.total(Item.FEES), kept.total(Item.REALISED)) == (-150, 100)
    assert kept.held["BTC"].cost == 50


def test_a_withdrawal_counts_once_asked_for_and_a_deposit_once_arrived():
    on_their_way = [
        transfer("withdrawal 1 USDT", 1, status=TransferStatus.PENDING),
        transfer("deposit 2 USDT", 1, status=TransferStatus.PENDING),
        transfer("withdrawal 4 USDT", 1, status=TransferStatus.FAILED),
    ]
    kept = books(booking for each in on_their_way for booking in of_transfer(MAIN, each))
    assert kept.moved == {(MAIN, "USDT"): -1}


def test_a_convert_is_one_thing_for_another():
    """10 USDT of a known price for 2 ADA of none: ADA costs 5 each."""
    rows = of_entries(
        MAIN, [entry("convert", "-10 USDT", 1, reference="7"), entry("convert", "2 ADA", 1, reference="7")]
    )
    kept = books(rows)
    assert (kept.held["ADA"].amount, kept.held["ADA"].cost) == (2, 10)
    assert kept.gaps == []


def test_a_convert_into_the_currency_is_worth_what_was_got_whatever_the_market_said():
    rows = [entry("convert", "-1 BTC", 3, reference="7"), entry("convert", "290 USDT", 3, reference="7")]
    converted = of_entries(MAIN, rows)
    kept = books([*trades(trade("buy 1 at 100", 2)), *converted], prices=[told("BTC", "USDT", "300", 3)])
    assert kept.total(Item.REALISED) == 190


def test_dust_is_paired_by_the_names_of_its_entries():
    pairs = [
        entry("dust", "-3 ADA", 1, reference="9", entry_id="dust:9:ADA:from"),
        entry("dust", "0.01 BNB", 1, reference="9", entry_id="dust:9:ADA:to"),
        entry("dust", "-8 DOGE", 1, reference="9", entry_id="dust:9:DOGE:from"),
        entry("dust", "0.02 BNB", 1, reference="9", entry_id="dust:9:DOGE:to"),
    ]
    bookings = list(of_entries(MAIN, pairs))
    assert [len(booking.moves) for booking in bookings] == [2, 2]
    kept = books(bookings, prices=[told("BNB", "USDT", "500", 1)])
    assert kept.held["BNB"].cost == 15


def test_several_for_one_share_its_worth_by_their_own():
    """ADA worth 2 and DOGE worth 6 for 0.01 BNB: what was given tells the worth, and BNB costs 8."""
    rows = [
        entry("dust", "-2 ADA", 1, reference="9"),
        entry("dust", "-6 DOGE", 1, reference="9"),
        entry("dust", "0.01 BNB", 1, reference="9"),
    ]
    [booking] = of_entries(MAIN, rows)
    prices = [told("ADA", "USDT", "1", 1), told("DOGE", "USDT", "1", 1)]
    assert books([booking], prices=prices).held["BNB"].cost == 8


def test_a_coin_bought_with_a_card_came_from_outside():
    [bought] = of_entries(MAIN, [entry("fiat", "105.5 USDT", 1)])
    [sold] = of_entries(MAIN, [entry("fiat", "-50 USDT", 1)])
    assert (bought.why, sold.why) == (Why.DEPOSIT, Why.WITHDRAWAL)


def test_what_was_bought_for_coins_that_are_not_the_currency_is_valued_by_a_price_of_its_time():
    """ETH for 0.1 BTC when BTC stood at 100 USDT: it cost 10, and the BTC that were given had cost 5."""
    rows = trades(trade("buy 0.1 at 50", 1), trade("buy 2 at 0.05", 9, symbol="ETH/BTC"))
    kept = books(rows, prices=[told("BTC", "USDT", "100", 9)])
    assert (kept.held["ETH"].cost, kept.total(Item.REALISED)) == (10, 5)


def test_each_source_of_prices_is_counted():
    rows = trades(trade("buy 2 at 0.05", 9, symbol="ETH/BTC"))
    assert sources(rows, [told("BTC", "USDT", "100", 9, "binance 1d")]) == {"binance 1d": 1}


def test_what_has_no_price_is_named_and_no_gain_is_made_of_it():
    rows = [*of_entries(MAIN, [entry("airdrop", "5 XYZ", 1)]), *trades(trade("sell 5 at 2", 2, symbol="XYZ/USDT"))]
    kept = books(rows)
    assert [(gap.asset, gap.amount, gap.missing) for gap in kept.gaps] == [
        ("XYZ", 5, Missing.NO_PRICE),
        ("XYZ", 5, Missing.NO_COST),
    ]
    assert kept.total() == 0
    assert kept.held["USDT"].amount == 10


def test_what_was_sold_without_having_been_acquired_is_named_and_no_gain_is_made_of_it():
    kept = books(trades(trade("buy 1 at 100", 1), trade("sell 3 at 150", 2)))
    assert [(gap.amount, gap.missing) for gap in kept.gaps] == [(2, Missing.NOT_ACQUIRED)]
    # A third of 450, less 100.
    assert kept.total(Item.REALISED) == 50
    assert kept.moved[MAIN, "BTC"] == -2


def test_dearest_first_leaves_what_has_no_cost_to_the_end():
    rows = [
        *of_entries(MAIN, [entry("airdrop", "1 BTC", 1)]),
        *trades(trade("buy 1 at 100", 9), trade("sell 1 at 150", 10)),
    ]
    assert books(rows, Method.HIFO).total(Item.REALISED) == 50
    assert books(rows, Method.AVERAGE).total(Item.REALISED) == 50
    assert books(rows, Method.FIFO).total(Item.REALISED) == 0


def test_the_residual_is_what_the_history_does_not_explain():
    kept = books(worksheet())
    assert residual(Decimal("1.5"), kept.moved[MAIN, "BTC"]) == 0
    assert residual(Decimal("2"), kept.moved[MAIN, "BTC"]) == Decimal("0.5")
