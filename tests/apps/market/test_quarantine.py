"""A price that is doubted waits aside, is seen, and is not used."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from alphapulse.portfolio.prices import guarded_mid
from alphapulse.types import Ticker as Told
from apps.market.models import Asset, AssetAlias, QuarantinedValue, Ticker
from apps.market.services import quarantine, store_tickers
from tests.alphapulse.market.test_guard import is_near, sane, wild
from tests.apps.api import get, logged_in
from tests.apps.builders import NOON, later, reading

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

TOLD = Told(
    symbol="BTC/USDT",
    last=Decimal(100),
    bid=Decimal(99),
    ask=Decimal(101),
    percentage=None,
    base_volume=None,
    quote_volume=None,
    exchange_at=NOON,
)


def tell(last: str | None = "100", *, seconds: float = 0, exchange_id: str = "binance", **others) -> None:
    """With a book about the last trade, where nothing else is said."""
    price = Decimal(last or 0)
    book = {"bid": price * Decimal("0.99"), "ask": price * Decimal("1.01")}
    told = replace(TOLD, **({"last": last and price, "exchange_at": later(seconds)} | book | others))
    store_tickers(exchange_id=exchange_id, environment="sandbox", readings=[reading(told, as_of=later(seconds))])


def believed(exchange_id: str = "binance") -> Decimal | None:
    return Ticker.objects.get(exchange_id=exchange_id).last


def doubts() -> list[tuple[str, bool]]:
    return [(row.reason, row.ended_at is None) for row in QuarantinedValue.objects.order_by("pk")]


def test_a_jump_waits_for_a_second_that_says_the_same():
    tell("100")
    tell("300", seconds=15)
    assert (believed(), doubts()) == (Decimal(100), [("jump", True)])
    row = QuarantinedValue.objects.get()
    assert (row.last, row.known, row.first_at) == (Decimal(300), Decimal(100), later(15))
    tell("310", seconds=30)
    assert (believed(), doubts()) == (Decimal(310), [("jump", False)])


def test_a_glitch_is_over_with_the_next_price_and_was_never_used():
    tell("100")
    tell("0.01", seconds=15)
    tell("101", seconds=30)
    assert (believed(), doubts()) == (Decimal(101), [("jump", False)])


def test_a_crossed_book_keeps_the_price_before_it():
    tell("100")
    tell("101", seconds=15, bid=Decimal(105))
    assert (believed(), doubts()) == (Decimal(100), [("crossed", True)])


def test_a_dead_market_is_shown_but_not_used():
    tell("100", seconds=15, exchange_at=NOON - timedelta(days=3))
    assert (believed(), doubts()) == (Decimal(100), [("stale", True)])
    assert not Ticker.objects.usable().exists()
    tell("100", seconds=30)
    assert Ticker.objects.usable().count() == 1


def test_who_is_far_from_all_others_is_not_used_until_it_is_back():
    for exchange_id, last in {"binance": "100", "bybit": "101", "okx": "140"}.items():
        tell(last, exchange_id=exchange_id)
    assert quarantine.compare("sandbox", later(1)) == 1
    row = QuarantinedValue.objects.get()
    assert (row.exchange_id, row.detail) == ("okx", "+38.6% from the median of 3 exchanges")
    assert set(Ticker.objects.usable().values_list("exchange_id", flat=True)) == {"binance", "bybit"}
    tell("100.5", exchange_id="okx", seconds=30)
    assert quarantine.compare("sandbox", later(31)) == 0
    assert Ticker.objects.usable().count() == 3


@pytest.mark.parametrize("told", [{"last": "300"}, {"last": "100", "bid": Decimal(105)}])
def test_a_stale_price_that_stays_in_place_of_a_doubted_one_is_still_not_used(told):
    tell("100", exchange_at=NOON - timedelta(days=3))
    tell(seconds=15, **told)
    assert believed() == Decimal(100)
    assert not Ticker.objects.usable().exists()
    tell(seconds=30, last=told["last"])
    assert Ticker.objects.usable().get().last == Decimal(told["last"])


def test_dead_markets_do_not_outvote_one_that_lives():
    for exchange_id in ("binance", "bybit"):
        tell("100", exchange_id=exchange_id, exchange_at=NOON - timedelta(days=3))
    tell("50", exchange_id="okx")
    assert quarantine.compare("sandbox", later(1)) == 0
    assert Ticker.objects.usable().get().exchange_id == "okx"


def test_the_same_code_of_another_coin_is_no_comparison():
    alias = AssetAlias.objects.create(exchange_id="okx", code="XYZ", asset=Asset.objects.create(code="OLDXYZ"))
    for exchange_id, last in {"binance": "1", "bybit": "1.01", "okx": "0.0001"}.items():
        tell(last, exchange_id=exchange_id, symbol="XYZ/USDT")
    assert quarantine.compare("sandbox", later(1)) == 0
    alias.delete()
    assert quarantine.compare("sandbox", later(1)) == 1


def test_doubts_that_are_long_over_are_forgotten():
    tell("100")
    tell("300", seconds=15)
    tell("100", seconds=30)
    assert quarantine.prune(NOON + timedelta(days=29)) == 0
    assert quarantine.prune(NOON + timedelta(days=31)) == 1


# --- Sequences that would fool it -------------------------------------------------------------------------------------

BOOKLESS = {"bid": None, "ask": None}


def tell_all(*prices: str, begin: float = 0, **others) -> list[Decimal | None]:
    """A sample every quarter of a minute, without a book. Which price was believed after each."""
    found = []
    for number, last in enumerate(prices):
        tell(last, seconds=begin + 15 * number, **(BOOKLESS | others))
        found.append(believed())
    return found


def prices(*numbers: float) -> list[Decimal]:
    return [Decimal(str(number)) for number in numbers]


@pytest.mark.parametrize(
    ("told", "was_believed"),
    [
        # A jump that is confirmed, and the jump back.
        (("100", "300", "290", "100", "101"), (100, 100, 290, 290, 101)),
        # To and fro, for ever.
        (("100", "300", "100", "300", "100"), (100, 100, 100, 100, 100)),
        # Something else each time.
        (("100", "300", "1", "9000", "40"), (100, 100, 100, 100, 100)),
        # A true move that goes on is believed as soon as two agree.
        (("100", "200", "400", "500", "510"), (100, 100, 100, 500, 510)),
        # Step by step it is no jump.
        (("100", "150", "225", "150"), (100, 150, 225, 150)),
        # The first price of all has nothing to jump from; what is said twice against it counts.
        (("300", "100", "101"), (300, 300, 101)),
    ],
)
def test_what_is_believed_of_a_sequence(told, was_believed):
    assert tell_all(*told) == prices(*was_believed)


def test_what_was_doubted_before_a_restart_is_the_first_of_two_after_it():
    tell_all("100", "300")
    assert tell_all("305", begin=3 * 3600) == prices(305)


def test_a_true_move_while_nobody_asked_is_believed_the_second_time():
    tell_all("100")
    assert tell_all("400", "402", begin=10 * 24 * 3600) == prices(100, 402)


def test_what_tells_no_price_forgets_none():
    assert tell_all("100", "0", "-7", "300", "101") == prices(100, 100, 100, 100, 101)
    assert Ticker.objects.get().as_of == later(60)
    tell(None, seconds=75, **BOOKLESS)
    assert (believed(), Ticker.objects.get().as_of) == (Decimal(101), later(60))


def test_a_book_that_makes_no_sense_confirms_no_jump_and_ends_none():
    tell("100")
    tell("300", seconds=15, bid=Decimal(299), ask=Decimal(301))
    tell("300", seconds=30, bid=Decimal(301), ask=Decimal(299))
    assert believed() == Decimal(100)
    assert sorted(doubts()) == [("crossed", True), ("jump", True)]
    tell("300", seconds=45, bid=Decimal(299), ask=Decimal(301))
    assert believed() == Decimal(300)
    assert sorted(doubts()) == [("crossed", False), ("jump", False)]


def test_an_answer_that_comes_late_judges_nothing():
    tell("100", seconds=30)
    tell("300", seconds=15)
    assert (believed(), doubts()) == (Decimal(100), [])


@pytest.mark.parametrize(
    ("last", "bid", "ask"), [("900", "99", "101"), ("100", "1", "101"), ("100", "99", "900"), ("100", "899", "901")]
)
def test_each_of_its_numbers_may_jump(last, bid, ask):
    tell("100")
    tell(last, seconds=15, bid=Decimal(bid), ask=Decimal(ask))
    assert (believed(), doubts()) == (Decimal(100), [("jump", True)])
    row = QuarantinedValue.objects.get()
    assert [row.last, row.bid, row.ask] == prices(last, bid, ask)
    assert "in one sample" in row.detail


def test_a_first_price_that_makes_no_sense_is_seen_without_a_price_and_why():
    tell("100", bid=Decimal(105))
    assert (believed(), doubts()) == (None, [("crossed", True)])
    (row,) = get(logged_in(), "/api/market/prices", environment="sandbox")["results"]
    assert (row["last"], row["bid"], row["ask"]) == (None, None, None)
    assert [(each["reason"], each["bid"]) for each in row["quarantined"]] == [("crossed", "105")]
    assert row["quarantined"][0]["detail"] == "bid 105 is above ask 101"
    tell("100", seconds=15)
    assert (believed(), doubts()) == (Decimal(100), [("crossed", False)])


def test_who_asks_for_a_price_is_told_what_is_doubted_of_it_and_what_was_believed():
    tell("100")
    tell("300", seconds=15)
    (row,) = get(logged_in(), "/api/market/prices", environment="sandbox")["results"]
    (doubted,) = row["quarantined"]
    assert (row["last"], doubted["reason"], doubted["last"], doubted["known"]) == ("100", "jump", "300", "100")
    assert doubted["detail"] == "+200.0% in one sample"
    assert row["is_used"] is True


@pytest.mark.parametrize("told", [{"exchange_at": NOON - timedelta(days=3)}])
def test_a_price_that_is_shown_and_not_used_says_so(told):
    tell("100", **told)
    (row,) = get(logged_in(), "/api/market/prices", environment="sandbox")["results"]
    assert (row["last"], row["is_used"]) == ("100", False)
    assert row["quarantined"][0]["detail"] == "last traded at 2026-11-18 12:00"


def test_what_is_compared_between_exchanges_is_the_price_that_is_used():
    for exchange_id in ("binance", "bybit"):
        tell("100", exchange_id=exchange_id)
    # Its last trade is of this morning, its book is what counts.
    tell("100", exchange_id="okx", bid=Decimal(139), ask=Decimal(141))
    assert quarantine.compare("sandbox", later(1)) == 1
    assert QuarantinedValue.objects.get().last == Decimal(140)


@pytest.mark.parametrize(
    ("told", "doubted"),
    [
        ({"binance": "100", "bybit": "300"}, []),
        ({"binance": "100", "bybit": "115", "okx": "130"}, []),
        ({"binance": "100", "bybit": "100", "okx": "200", "gate": "200"}, []),
        ({"binance": "100", "bybit": "101", "okx": "50"}, ["okx"]),
    ],
)
def test_between_exchanges_most_have_to_agree_before_one_is_doubted(told, doubted):
    for exchange_id, last in told.items():
        tell(last, exchange_id=exchange_id, **BOOKLESS)
    assert quarantine.compare("sandbox", later(1)) == len(doubted)
    assert list(QuarantinedValue.objects.values_list("exchange_id", flat=True)) == doubted


def test_doubts_of_what_is_told_no_more_are_forgotten_after_as_long():
    tell("100")
    tell("300", seconds=15)
    assert quarantine.prune(NOON + timedelta(days=30)) == 0
    assert quarantine.prune(NOON + timedelta(days=31)) == 1


EMPTY = replace(TOLD, last=None, **BOOKLESS)
CROSSED = replace(TOLD, bid=Decimal(104), ask=Decimal(96))
harmless = st.one_of(sane(), st.sampled_from([EMPTY, CROSSED]))


class NeverUsed(TestCase):
    """Stored one after the other, as answers are; some tell nothing, some make no sense, some are of a dead market."""

    @settings(max_examples=40, deadline=None)
    @given(
        first=sane(),
        before=st.lists(harmless, max_size=4),
        glitch=wild(),
        after=st.lists(harmless, max_size=3),
        is_dead=st.booleans(),
    )
    def test_no_wild_sample_among_sane_ones_is_a_price_that_valuations_take(
        self, first, before, glitch, after, is_dead
    ):
        for number, sample in enumerate([first, *before, glitch, *after]):
            at = later(15 * number)
            told = replace(sample, exchange_at=at - timedelta(days=2) if is_dead and sample is glitch else at)
            store_tickers(exchange_id="binance", environment="sandbox", readings=[reading(told, as_of=at)])
            for row in Ticker.objects.usable():
                used = guarded_mid(bid=row.bid, ask=row.ask, last=row.last, traded_at=row.exchange_at, as_of=row.as_of)
                assert used is None or is_near(used)
                assert row.last is None or is_near(row.last)
