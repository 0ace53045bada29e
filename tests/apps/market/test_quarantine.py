"""A price that is doubted waits aside, is seen, and is not used."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from alphapulse.types import Ticker as Told
from apps.market.models import Asset, AssetAlias, QuarantinedValue, Ticker
from apps.market.services import quarantine, store_tickers
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


def tell(last: str = "100", *, seconds: float = 0, exchange_id: str = "binance", **others) -> None:
    told = replace(TOLD, **({"last": Decimal(last), "exchange_at": later(seconds)} | others))
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
