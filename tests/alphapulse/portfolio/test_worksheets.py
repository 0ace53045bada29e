"""What is hard about books, each case calculated by hand, by each method where it matters.

`by_method` is always fifo, lifo, hifo, average.
"""

from dataclasses import replace
from decimal import Decimal
from itertools import permutations

import pytest

from alphapulse.portfolio.books import Books, Item, Missing, keep_books
from alphapulse.portfolio.happened import happened
from alphapulse.portfolio.lots import Method
from alphapulse.portfolio.past_prices import PastPrices
from alphapulse.portfolio.worths import value
from alphapulse.types import FundingPayment
from tests.alphapulse.portfolio.happenings import MAIN, OTHER, day, entry, told, trade, transfer

HASH = "a" * 64
LINEAR, INVERSE = "BTC/USDT:USDT", "BTC/USD:BTC"


def itself(account, code, at):
    return code, Decimal(1)


def renamed(account, code, at):
    """LUNA was what is LUNC now until the third day; a BTTOLD is a thousandth of a BTT."""
    if code == "LUNA" and at < day(3):
        return "LUNC", Decimal(1)
    return ("BTT", Decimal(1000)) if code == "BTTOLD" else (code, Decimal(1))


def kept(method, *events, prices=(), currency="USDT", pegs=None, meaning=itself) -> Books:
    """Of events, or of (account, event)s."""
    rows = [each if isinstance(each, tuple) else (MAIN, each) for each in events]
    valued, _ = value(happened(rows, meaning).bookings, PastPrices(prices, pegs or {}).into(currency))
    return keep_books(valued, method=method, currency=currency)


def funding(words, on):
    amount, currency = words.split()
    return FundingPayment(
        payment_id=f"{words} on {on}", symbol=INVERSE, currency=currency, amount=Decimal(amount), exchange_at=day(on)
    )


def by_method(*numbers):
    return pytest.mark.parametrize(("method", "expected"), list(zip(Method, numbers, strict=True)))


# --- Fees -------------------------------------------------------------------------------------------------------------

FEES = (
    trade("buy 2 at 100", 1, symbol="BNB/USDT"),
    trade("buy 2 at 300", 2, symbol="BNB/USDT"),
    trade("buy 1 at 1000", 3, fee="1 BNB"),
)


@by_method((300, 700), (100, 500), (100, 500), (200, 600))
def test_a_fee_in_a_third_coin_takes_its_lots(method, expected):
    """A BNB stands at 400 when it is paid: 400 of fees, and what that coin had gained by its own lot."""
    books = kept(method, *FEES, prices=[told("BNB", "USDT", "400", 3)])
    assert (books.total(Item.REALISED), books.held["BNB"].cost) == expected
    assert (books.total(Item.FEES), books.held["BTC"].cost) == (-400, 1000)


@pytest.mark.parametrize("method", Method)
def test_a_fee_in_the_sold_coin_is_sold_at_the_fills_own_price(method):
    """Half a coin that cost 500 brings 1000; a tenth that cost 100 pays a fee of 200."""
    books = kept(method, trade("buy 1 at 1000", 1), trade("sell 0.5 at 2000", 2, fee="0.1 BTC"))
    assert (books.total(Item.REALISED), books.total(Item.FEES), books.total()) == (500 + 100, -200, 400)
    assert (books.held["BTC"].amount, books.held["BTC"].cost) == (Decimal("0.4"), 400)


@by_method((10, 290), (0, 280), (0, 280), (5, 285))
def test_a_fee_in_the_bought_coin_comes_out_of_the_pool_like_any_other(method, expected):
    """A tenth of a coin of 100, of 200 (just bought, and the dearest) or of 150; worth 20 each time."""
    books = kept(method, trade("buy 1 at 100", 1), trade("buy 1 at 200", 2, fee="0.1 BTC"))
    assert (books.total(Item.REALISED), books.held["BTC"].cost) == expected
    assert books.total(Item.FEES) == -20


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize(
    ("fee", "came", "held"),
    [("-0.5 USDT", "0.5", "-99.5"), ("-0.01 BTC", "1", "-100"), ("-0.02 BNB", "10", "-100")],
    ids=["in the quote", "in the bought coin", "in a third coin"],
)
def test_a_rebate_is_a_fee_that_came_and_costs_what_it_was_worth(method, fee, came, held):
    books = kept(method, trade("buy 1 at 100", 1, fee=fee), prices=[told("BNB", "USDT", "500", 1)])
    assert (books.total(Item.FEES), books.total()) == (Decimal(came), Decimal(came))
    assert books.held["USDT"].amount == Decimal(held)
    assert books.cost == Decimal(came)


# --- More than is known -----------------------------------------------------------------------------------------------


@by_method((350, 50), (250, 150), (250, 150), (300, 100))
def test_what_is_sold_beyond_what_is_known_gains_nothing_and_is_named(method, expected):
    """Coins of 100 and of 300. One and a half are sold at 400, then one, of which half is not known."""
    begin = (trade("buy 1 at 100", 1), trade("buy 1 at 300", 2), trade("sell 1.5 at 400", 3))
    assert kept(method, *begin).total(Item.REALISED) == expected[0]
    books = kept(method, *begin, trade("sell 1 at 400", 4))
    assert books.total(Item.REALISED) == sum(expected) == 400
    assert [(gap.amount, gap.missing) for gap in books.gaps] == [(Decimal("0.5"), Missing.NOT_ACQUIRED)]
    assert books.moved[MAIN, "BTC"] == Decimal("-0.5")


@pytest.mark.parametrize("method", Method)
def test_what_is_bought_after_that_is_no_cover_for_it(method):
    """Nothing tells that the coin that was sold too many is the one that was bought later."""
    books = kept(method, trade("sell 1 at 400", 1), trade("buy 1 at 500", 2), trade("sell 1 at 600", 3))
    assert (books.total(Item.REALISED), len(books.gaps)) == (100, 1)


# --- Income -----------------------------------------------------------------------------------------------------------


@by_method((150, 350), (50, 250), (50, 250), (100, 300))
def test_funding_in_a_coin_gives_the_coin_away(method, expected):
    """Half a coin at 400: 200 paid, and what that half had gained; left is one and a half."""
    books = kept(
        method,
        trade("buy 1 at 100", 1),
        trade("buy 1 at 300", 2),
        funding("-0.5 BTC", 3),
        prices=[told("BTC", "USDT", "400", 3)],
    )
    assert (books.total(Item.FUNDING), books.total(Item.REALISED), books.held["BTC"].cost) == (-200, *expected)


@pytest.mark.parametrize("method", Method)
def test_funding_that_is_got_costs_what_it_was_worth(method):
    books = kept(method, funding("0.5 BTC", 1), trade("sell 0.5 at 500", 2), prices=[told("BTC", "USDT", "400", 1)])
    assert (books.total(Item.FUNDING), books.total(Item.REALISED)) == (200, 50)


@pytest.mark.parametrize("method", Method)
def test_an_airdrop_without_a_price_is_no_gain_when_it_comes_nor_when_it_is_sold(method):
    books = kept(method, entry("airdrop", "5 XYZ", 1), trade("sell 2 at 3", 2, symbol="XYZ/USDT"))
    assert (books.total(), books.held["XYZ"].without_cost, books.held["USDT"].amount) == (0, 3, 6)
    assert [(gap.amount, gap.missing) for gap in books.gaps] == [(5, Missing.NO_PRICE), (2, Missing.NO_COST)]


# --- One thing for another --------------------------------------------------------------------------------------------


@by_method(150 + 50, 50 + 50, 50 + 50, 100 + 50)
def test_a_convert_between_coins_realises_what_the_first_had_gained(method, expected):
    """Half of coins of 100 and 300 for 4 ETH when a BTC stood at 400; these are sold for 250."""
    books = kept(
        method,
        trade("buy 1 at 100", 1),
        trade("buy 1 at 300", 2),
        entry("convert", "-0.5 BTC", 3, reference="7"),
        entry("convert", "4 ETH", 3, reference="7"),
        trade("sell 4 at 62.5", 4, symbol="ETH/USDT"),
        prices=[told("BTC", "USDT", "400", 3)],
    )
    assert books.total(Item.REALISED) == expected


@by_method(3 + 5, 1 + 5, 1 + 5, 2 + 5)
def test_dust_is_sold_lot_by_lot_and_what_it_became_costs_what_that_was_worth(method, expected):
    """An ADA, of 1 or of 3, at 4, and 5 DOGE of 1 at 2, for 0.01 BNB of which nothing tells a price."""
    books = kept(
        method,
        trade("buy 2 at 1", 1, symbol="ADA/USDT"),
        trade("buy 2 at 3", 2, symbol="ADA/USDT"),
        trade("buy 5 at 1", 2, symbol="DOGE/USDT"),
        entry("dust", "-1 ADA", 3, reference="9"),
        entry("dust", "-5 DOGE", 3, reference="9"),
        entry("dust", "0.01 BNB", 3, reference="9"),
        prices=[told("ADA", "USDT", "4", 3), told("DOGE", "USDT", "2", 3)],
    )
    assert (books.total(Item.REALISED), books.held["BNB"].cost) == (expected, 4 + 10)
    # Nothing came from outside: what is held cost what was gained.
    assert books.cost == books.total()


# --- Contracts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", Method)
def test_an_inverse_contract_is_closed_in_part_turned_round_and_pays_coins_that_cost_their_worth(method):
    """100 contracts for 1 BTC; 40 closed for 0.2 bring 0.2; 100 sold for 0.8: 60 close for 0.48 and bring 0.12, 40 are
    short for 0.32; these, bought back for 0.4, bring 0.08. Together 0.4 BTC, at 20000, 12500 and 10000."""
    fills = [
        trade("buy 100 at 10000", 1, symbol=INVERSE, cost="1"),
        trade("sell 40 at 20000", 3, symbol=INVERSE, cost="0.2"),
        trade("sell 100 at 12500", 5, symbol=INVERSE, cost="0.8"),
        trade("buy 40 at 10000", 7, symbol=INVERSE, cost="0.4"),
    ]
    prices = [told("BTC", "USDT", price, on) for on, price in ((3, "20000"), (5, "12500"), (7, "10000"))]
    books = kept(method, *fills, prices=prices)
    assert (books.moved[MAIN, "BTC"], books.total(Item.CONTRACTS)) == (Decimal("0.4"), 4000 + 1500 + 800)
    assert (books.held["BTC"].cost, happened([(MAIN, each) for each in fills], itself).positions) == (6300, {})
    sold = kept(method, *fills, trade("sell 0.4 at 20000", 9), prices=prices)
    assert sold.total() == 8000


@pytest.mark.parametrize("method", Method)
def test_a_linear_contract_is_closed_in_part_turned_round_and_pays_its_fees(method):
    """2 at 100 and 2 at 200; one closed at 180 brings 30; 5 sold at 170: 3 bring 60, 2 are short, lose 40 at 190."""
    fills = [
        trade("buy 2 at 100", 1, symbol=LINEAR, fee="0.1 USDT"),
        trade("buy 2 at 200", 2, symbol=LINEAR),
        trade("sell 1 at 180", 3, symbol=LINEAR),
        trade("sell 5 at 170", 4, symbol=LINEAR),
        trade("buy 2 at 190", 5, symbol=LINEAR, fee="-0.3 USDT"),
    ]
    books = kept(method, *fills)
    assert (books.total(Item.CONTRACTS), books.total(Item.FEES)) == (30 + 60 - 40, Decimal("0.2"))
    assert books.moved == {(MAIN, "USDT"): Decimal("50.2")}


# --- Here and there ---------------------------------------------------------------------------------------------------


@by_method(300, 100, 100, 200)
def test_what_is_on_its_way_between_own_accounts_for_days_is_ours_meanwhile(method, expected):
    """Coins of 100 and of 300; one leaves on day 3 and arrives on day 9, the other is sold between: at 400."""
    books = kept(
        method,
        trade("buy 1 at 100", 1),
        trade("buy 1 at 300", 2),
        transfer("withdrawal 1 BTC", 3, txid=HASH),
        trade("sell 1 at 400", 5),
        (OTHER, transfer("deposit 1 BTC", 9, txid=HASH)),
        prices=[told("BTC", "USDT", "350", 3), told("BTC", "USDT", "999", 9)],
    )
    assert books.total(Item.DEPOSITED, Item.WITHDRAWN, Item.WITHDRAWN_COST) == 0
    assert (books.total(Item.REALISED), books.held["BTC"].cost) == (expected, expected)
    assert (books.moved[MAIN, "BTC"], books.moved[OTHER, "BTC"]) == (0, 1)


@by_method(100, 300, 300, 200)
def test_what_goes_to_an_address_that_nobody_knows_goes_at_its_cost_and_is_no_gain(method, expected):
    """Coins of 100 and of 300, one of them withdrawn when it stood at 350: told at that, and at what it had cost."""
    books = kept(
        method,
        trade("buy 1 at 100", 1),
        trade("buy 1 at 300", 2),
        transfer("withdrawal 1 BTC", 3, txid=HASH),
        prices=[told("BTC", "USDT", "350", 3)],
    )
    assert (books.total(Item.WITHDRAWN), books.total(Item.WITHDRAWN_COST), books.total()) == (350, expected, 0)
    assert books.held["BTC"].cost == 400 - expected


# --- What a dollar is -------------------------------------------------------------------------------------------------

DOLLARS = (transfer("deposit 100 USDT", 1), trade("buy 1 at 100", 1), trade("sell 1 at 150", 9))
# Bought when a USDT was 0.98, sold when it was 1.01.
QUOTED = [told("USDT", "USD", "0.98", 1), told("USDT", "USD", "1.01", 9)]


@pytest.mark.parametrize("method", Method)
def test_a_stablecoin_is_worth_what_it_is_traded_at(method):
    books = kept(method, *DOLLARS, prices=QUOTED, currency="USD")
    assert (books.total(Item.DEPOSITED), books.total(Item.REALISED)) == (98, Decimal("53.5"))
    assert books.held["USDT"].cost == Decimal("151.5")


@pytest.mark.parametrize("method", Method)
def test_a_stablecoin_at_par_is_worth_what_it_promises_whatever_it_is_traded_at(method):
    books = kept(method, *DOLLARS, prices=QUOTED, currency="USD", pegs={"USDT": "USD"})
    assert (books.total(Item.DEPOSITED), books.total(Item.REALISED)) == (100, 50)
    assert (books.held["USDT"].cost, books.gaps) == (150, [])


# --- Renamed ----------------------------------------------------------------------------------------------------------


@by_method(150, 50, 50, 100)
def test_a_coin_that_is_renamed_keeps_its_cost(method, expected):
    """100 of 1 and 100 of 2 each; all become LUNC, and half are sold at 2.5: nothing was sold when they did."""
    books = kept(
        method,
        trade("buy 100 at 1", 1, symbol="LUNA/USDT"),
        trade("buy 100 at 2", 1.5, symbol="LUNA/USDT"),
        entry("airdrop", "-200 LUNA", 2),
        entry("airdrop", "200 LUNC", 2.1),
        trade("sell 100 at 2.5", 4, symbol="LUNC/USDT"),
        # That of the new coin, that has the old one's name, is another.
        entry("airdrop", "7 LUNA", 5),
        prices=[told("LUNA", "USDT", "10", 5)],
        meaning=renamed,
    )
    assert (books.total(Item.REALISED), books.total(Item.AIRDROP)) == (expected, 70)
    assert (books.moved[MAIN, "LUNC"], books.held["LUNC"].cost) == (100, 300 - (250 - expected))
    assert (books.held["LUNA"].cost, books.gaps) == (70, [])


@pytest.mark.parametrize("kind", ["airdrop", "convert", "other"])
def test_a_coin_that_becomes_a_thousand_of_another_name_keeps_its_cost(kind):
    books = kept(
        Method.FIFO,
        trade("buy 2 at 5", 1, symbol="BTTOLD/USDT"),
        entry(kind, "-2 BTTOLD", 2, reference="7"),
        entry(kind, "2000 BTT", 2, reference="7"),
        meaning=renamed,
    )
    assert (books.held["BTT"].amount, books.held["BTT"].cost, books.total(), books.gaps) == (2000, 10, 0, [])


def test_another_amount_or_the_same_name_is_no_renaming():
    prices = [told("LUNC", "USDT", "1", 2)]
    rows = (entry("airdrop", "-200 LUNA", 2), entry("airdrop", "150 LUNC", 2.1))
    assert kept(Method.FIFO, *rows, prices=prices, meaning=renamed).total(Item.AIRDROP) == -50
    rows = (entry("airdrop", "-200 LUNC", 2), entry("airdrop", "200 LUNC", 2.1))
    assert len(kept(Method.FIFO, *rows, meaning=renamed).gaps) > 0


# --- At one moment ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", Method)
def test_fills_of_one_moment_are_the_same_in_any_order(method):
    fills = [
        trade("buy 1 at 100", 1, number="9"),
        trade("buy 1 at 300", 1, number="10"),
        trade("sell 1 at 200", 1, number="11"),
        trade("sell 0.5 at 250", 1, number="100", fee="0.1 BNB"),
        replace(trade("buy 1 at 500", 1, number="9"), symbol="BNB/USDT"),
    ]
    prices = [told("BNB", "USDT", "600", 1)]
    every = [kept(method, *order, prices=prices) for order in permutations(fills)]
    assert all(books == every[0] for books in every)
    # The eleventh fill sells what the ninth and the tenth bought.
    assert [gap for gap in every[0].gaps if gap.asset == "BTC"] == []
