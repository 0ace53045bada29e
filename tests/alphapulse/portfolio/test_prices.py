"""Conversion paths, against cases calculated by hand, and what holds for all books."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alphapulse.portfolio.prices import PAR, PriceBook, Quote, guarded_mid

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def quote(symbol, price, *, source="binance", age=10, volume=1000, **more):
    base, _, money = symbol.partition("/")
    return Quote(
        base=base,
        quote=money,
        price=Decimal(price),
        source=source,
        as_of=NOW - timedelta(seconds=age),
        volume=None if volume is None else Decimal(volume),
        **more,
    )


def book(*quotes, **more):
    return PriceBook(quotes, now=NOW, **more)


def way(price):
    return [f"{step.base}/{step.quote} {step.source}" for step in price.path]


def test_a_currency_is_worth_one_of_itself_without_any_market():
    price = book().price("BTC", "BTC")
    assert (price.value, price.path, price.as_of) == (1, (), None)


def test_a_way_through_two_markets_multiplies_and_is_as_old_as_its_oldest_step():
    found = book(quote("SOL/USDT", "150", age=20), quote("USDT/USD", "0.998", source="kraken", age=70))
    price = found.price("SOL", "USD")
    assert price.value == Decimal("149.7")
    assert way(price) == ["SOL/USDT binance", "USDT/USD kraken"]
    assert (price.as_of, price.sources) == (NOW - timedelta(seconds=70), ("binance", "kraken"))


def test_a_market_is_used_the_other_way_round():
    price = book(quote("USDT/TRY", "40")).price("TRY", "USDT")
    assert price.value == Decimal("0.025")
    assert way(price) == ["TRY/USDT binance"]


def test_the_shortest_way_is_taken_before_a_more_liquid_one():
    found = book(
        quote("SOL/EUR", "139", volume=1),
        quote("SOL/USDT", "150", volume=10**6),
        quote("EUR/USDT", "1.1", volume=10**6),
    )
    assert way(found.price("SOL", "EUR")) == ["SOL/EUR binance"]


def test_of_ways_as_short_the_one_with_the_thickest_thinnest_market_is_taken():
    # By USDT a million dollars' worth is traded at the thinnest, by BTC a hundred thousand.
    found = book(
        quote("SOL/USDT", "150", volume=20_000),
        quote("USDT/EUR", "0.9", volume=1_000_000),
        quote("SOL/BTC", "0.0015", volume=1_000),
        quote("BTC/EUR", "90000", volume=100),
    )
    assert way(found.price("SOL", "EUR")) == ["SOL/USDT binance", "USDT/EUR binance"]


def test_a_holding_is_priced_where_it_lies_if_that_is_as_short():
    found = book(quote("X/USDT", "1", source="kucoin", volume=10**6), quote("X/USDT", "7", source="bybit", volume=1))
    assert found.price("X", "USDT").value == 1
    assert found.price("X", "USDT", near="bybit").value == 7


def test_no_way_leads_through_a_market_that_sleeps():
    found = book(quote("SOL/USDT", "150", age=301), quote("SOL/BTC", "0.002"), quote("BTC/USDT", "100000"))
    assert way(found.price("SOL", "USDT")) == ["SOL/BTC binance", "BTC/USDT binance"]
    assert found.price("SOL", "USDT").value == 200


def test_without_a_way_there_is_no_price_and_words_say_why():
    found = book(quote("OLD/USDT", "5", age=3600), quote("BTC/USDT", "100000"))
    assert found.price("OLD", "USDT") is None
    assert found.why_none("OLD", "USDT") == "the markets of OLD have told no price for a while"
    assert found.why_none("NEVER", "USDT") == "no market of NEVER is known"
    assert found.price("BTC", "PLN") is None
    assert found.why_none("BTC", "PLN") == "no way through markets leads from BTC to PLN"


def test_a_published_rate_is_used_only_where_markets_lead_nowhere():
    ecb = quote("EUR/USD", "1.08", source="ecb", is_reference=True, volume=None)
    by_markets = (quote("EUR/USDT", "1.1"), quote("USDT/USD", "0.99", source="kraken"))
    price = book(ecb, *by_markets).price("EUR", "USD")
    assert (price.value, price.sources) == (Decimal("1.089"), ("binance", "kraken"))
    assert book(ecb, by_markets[0]).price("EUR", "USD").sources == ("ecb",)
    assert book(ecb, by_markets[0]).price("USDT", "USD").value == Decimal("1.08") / Decimal("1.1")


def test_a_published_rate_of_last_week_is_none():
    rate = quote("EUR/USD", "1.08", age=6 * 86400, is_reference=True, fresh_for=timedelta(days=5))
    assert book(rate).price("EUR", "USD") is None


def test_a_stablecoin_has_its_price_unless_the_user_says_that_it_is_what_it_promises():
    markets = (quote("USDT/USD", "0.93", source="kraken"), quote("BTC/USDT", "100000"))
    assert book(*markets).price("BTC", "USD").value == 93000
    at_par = book(*markets, pegs={"USDT": "USD"}).price("BTC", "USD")
    assert (at_par.value, at_par.sources) == (100000, ("binance", PAR))


def test_two_that_promise_the_same_are_one_for_one_whatever_their_market_says():
    markets = (
        quote("USDC/USDT", "0.99975", volume=10**9),
        quote("X/USDC", "3"),
        quote("EURI/EUR", "1"),
        quote("EUR/USDT", "1.1"),
    )
    found = book(*markets, pegs={"USDT": "USD", "USDC": "USD", "EURI": "EUR"})
    assert [found.price(*pair).value for pair in (("USDC", "USDT"), ("USDT", "USDC"), ("X", "USDT"))] == [1, 1, 3]
    assert found.price("USDC", "USDT").sources == (PAR,)
    # What promises something else costs what it costs.
    assert found.price("EURI", "USDC").value == Decimal("1.1")


def test_what_merely_has_usd_in_its_name_is_no_dollar():
    assert book(quote("BTC/USDT", "100000")).price("BTC", "USD") is None


@pytest.mark.parametrize(
    ("bid", "ask", "last", "age", "price"),
    [
        ("99", "101", "90", 0, "100"),  # a book that is narrow enough says it
        ("99", "101", None, 0, "100"),
        ("50", "150", "120", 0, "120"),  # a wide one does not, a trade inside of it does
        ("50", "150", "120", 3601, None),  # unless it is old
        ("50", "150", "160", 0, None),  # or outside
        ("101", "99", "100", 0, None),  # a crossed book is broken
        (None, None, "100", 0, "100"),
        (None, "90", "100", 0, None),
        (None, None, None, 0, None),
    ],
)
def test_a_market_says_the_middle_of_its_book_or_its_last_trade(bid, ask, last, age, price):
    def number(text):
        return None if text is None else Decimal(text)

    traded_at = NOW - timedelta(seconds=age)
    found = guarded_mid(bid=number(bid), ask=number(ask), last=number(last), traded_at=traded_at, as_of=NOW)
    assert found == number(price)


# --- What holds for all books --------------------------------------------------------------------------------------

SPREAD = Decimal("0.01")
COINS = ("BTC", "ETH", "SOL", "USDT", "EUR")
PAIRS = [(one, other) for number, one in enumerate(COINS) for other in COINS[number + 1 :]]


@st.composite
def markets(draw):
    """Quotes of consistent worths, each off by at most half the spread."""
    worths = {coin: Decimal(draw(st.integers(1, 10**6))) / 1000 for coin in COINS}
    pairs = draw(st.lists(st.sampled_from(PAIRS), min_size=3, max_size=14))
    quotes = []
    for base, money in pairs:
        off = 1 + SPREAD * draw(st.integers(-50, 50)) / 100
        source = draw(st.sampled_from(("binance", "bybit", "kraken")))
        volume = draw(st.one_of(st.none(), st.integers(0, 10**6)))
        quotes.append(quote(f"{base}/{money}", worths[base] / worths[money] * off, source=source, volume=volume))
    return quotes


@given(markets(), st.permutations(COINS))
def test_conversion_around_a_cycle_agrees_within_the_spread(quotes, coins):
    found = book(*quotes)
    product, steps = Decimal(1), 0
    for asset, currency in zip(coins, [*coins[1:], coins[0]], strict=True):
        price = found.price(asset, currency)
        if price is None:
            return
        product, steps = product * price.value, steps + len(price.path)
    assert (1 - SPREAD) ** steps < product < (1 + SPREAD) ** steps


@given(markets(), st.randoms(use_true_random=False))
def test_the_order_of_quotes_changes_nothing(quotes, random):
    shuffled = list(quotes)
    random.shuffle(shuffled)
    one, other = book(*quotes), book(*shuffled)
    for coin in COINS:
        for near in ("", "bybit"):
            assert one.price(coin, "EUR", near=near) == other.price(coin, "EUR", near=near)


@given(markets())
def test_there_and_back_is_one(quotes):
    found = book(*quotes)
    for coin in COINS:
        there, back = found.price(coin, "EUR"), found.price("EUR", coin)
        assert (there is None) == (back is None)
        if there and len(there.path) == 1 and len(quotes) == len({(each.base, each.quote) for each in quotes}):
            assert abs(there.value * back.value - 1) < Decimal("1e-20")


# --- Against all ways there are -------------------------------------------------------------------------------------

MANY = (*COINS, "USD", "TRY", "ADA")


@st.composite
def tangles(draw):
    """Quotes of any prices, some of them published rates, some of the exchange where the asset lies."""
    quotes = []
    for _ in range(draw(st.integers(4, 12))):
        base, money = draw(st.lists(st.sampled_from(MANY), min_size=2, max_size=2, unique=True))
        is_reference = draw(st.integers(0, 3)) == 0
        source = "ecb" if is_reference else draw(st.sampled_from(("binance", "bybit")))
        volume = None if is_reference else draw(st.integers(0, 9))
        age = draw(st.sampled_from((0, 0, 0, 301)))
        price = str(draw(st.integers(1, 5)))
        quotes.append(quote(f"{base}/{money}", price, source=source, volume=volume, age=age, is_reference=is_reference))
    return quotes


def all_ways(quotes, asset, currency):
    """Lists of (base, quote, source, rate, volume in the quote, is published) without circles, four long at most."""
    edges = []
    for each in quotes:
        if NOW - each.as_of <= each.fresh_for:
            volume = each.volume or Decimal(0)
            edges.append((each.base, each.quote, each.source, each.price, volume * each.price, each.is_reference))
            edges.append((each.quote, each.base, each.source, 1 / each.price, volume, each.is_reference))

    def on(at, way):
        if at == currency:
            yield way
        elif len(way) < 4:
            been = {edge[0] for edge in way}
            for edge in edges:
                if edge[0] == at and edge[1] not in been:
                    yield from on(edge[1], [*way, edge])

    return [way for way in on(asset, []) if way]


def rank(way, near, worths):
    """As docs/portfolio.md says it: published rates, steps, markets elsewhere, the thinnest one."""
    thinnest = min(volume * worths[money] for _, money, _, _, volume, _ in way)
    return sum(edge[5] for edge in way), len(way), sum(edge[2] != near for edge in way), -round(thinnest, 12)


@given(tangles(), st.sampled_from(("", "bybit")))
@example(
    # The shortest way to BTC alone is by a published rate; the best one to ETH is too long to go on from there.
    [
        quote("ETH/SOL", "1"),
        quote("SOL/ADA", "1"),
        quote("ADA/TRY", "1"),
        quote("TRY/EUR", "1"),
        quote("ETH/EUR", "1", is_reference=True, source="ecb"),
        quote("BTC/ETH", "1"),
    ],
    "",
)
def test_the_way_taken_is_the_best_of_all(quotes, near):
    found = book(*quotes).prices_in("EUR", near=near)
    worths = {asset: price.value for asset, price in found.items()}
    for asset in MANY:
        ways = [] if asset == "EUR" else all_ways(quotes, asset, "EUR")
        assert (asset in found) == (asset == "EUR" or bool(ways))
        if not ways:
            continue
        best = min(rank(way, near, worths) for way in ways)
        taken = [(step.base, step.quote, step.source) for step in found[asset].path]
        same = [way for way in ways if [edge[:3] for edge in way] == taken]
        assert best in [rank(way, near, worths) for way in same]
