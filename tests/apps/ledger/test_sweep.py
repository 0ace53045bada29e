"""One look into each market where nothing is expected."""

from datetime import timedelta

import pytest

from alphapulse.exchanges.errors import BadResponse, NotSupported, PermissionMissing, Transient
from alphapulse.types import SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import HistoryCursor, HistoryStatus, HistorySweep, Trade
from apps.ledger.services import cursors, sweep
from apps.ledger.services.sightings import note
from tests.apps.builders import NOON, account, later
from tests.apps.pasts import Past, list_markets, tell_at_binance
from tests.events import trade

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

MARKETS = sorted(f"{base}/USDT" for base in ("ADA", "BTC", "DOGE", "ETH", "LTC", "SOL", "XRP", "ZEC"))


@pytest.fixture(autouse=True)
def _lists(monkeypatch):
    tell_at_binance(monkeypatch)


@pytest.fixture
def mine() -> ExchangeAccount:
    list_markets(*MARKETS)
    return account()


def look(of: ExchangeAccount, past: Past, at=NOON, **of_step) -> list[str]:
    """One step of the sweep; the markets that were looked at."""
    looks = sweep.looks([of], at).get(of.pk)
    if looks is None:
        return []
    steps = past.steps(looks.wanted, **of_step)
    sweep.store(of, looks, steps, at)
    return [step.symbol for step in steps]


NOTHING = Past(events={})


def test_each_market_is_looked_at_once_and_that_is_remembered(mine):
    assert look(mine, NOTHING) == MARKETS[:5]
    row = HistorySweep.objects.get()
    assert (row.looked, row.listed, row.through_at) == (5, 8, None)
    assert sweep.is_behind(mine)
    assert look(mine, NOTHING, later(60)) == MARKETS[5:]
    assert look(mine, NOTHING, later(120)) == []
    assert HistorySweep.objects.get().through_at == later(120)
    assert not HistoryCursor.objects.exists()
    assert not sweep.is_behind(mine)
    assert sweep.next_due(mine) > later(86_400)


def test_where_something_is_expected_nobody_looks_twice(mine):
    note({(mine.pk, "spot"): {"BTC", "USDT"}})
    cursors.wanted(SyncKind.TRADES, [mine], NOON)
    assert look(mine, NOTHING) == [symbol for symbol in MARKETS if symbol != "BTC/USDT"][:5]


def test_what_a_look_finds_is_stored_and_read_on_from_there(mine):
    sold_out = [trade(str(number), "DOGE/USDT", at=later(number)) for number in range(30)]
    past = Past(events={("spot", "DOGE/USDT"): sold_out})
    # A step has five requests, and DOGE takes what is left of them.
    assert look(mine, past) == ["ADA/USDT", "BTC/USDT", "DOGE/USDT"]
    assert Trade.objects.count() == 6
    found = HistoryCursor.objects.get()
    assert (found.symbol, found.why, found.page, found.is_behind) == ("DOGE/USDT", "swept", "6", True)
    asked = cursors.wanted(SyncKind.TRADES, [mine], NOON)[mine.pk]
    assert ("DOGE/USDT", "6") in {(each.symbol, each.cursor.page) for each in asked}
    # What was traded there was had: its orders are asked for, too.
    orders = cursors.wanted(SyncKind.CLOSED_ORDERS, [mine], NOON)[mine.pk]
    assert "DOGE/USDT" in {each.symbol for each in orders}
    # And the sweep goes on behind it.
    assert look(mine, past, later(60))[0] == "ETH/USDT"


def test_an_exchange_that_does_not_answer_stops_the_sweep_where_it_was(mine):
    away = Past(events={}, errors={("spot", "DOGE/USDT"): Transient("no answer")})
    look(mine, away)
    row = HistorySweep.objects.get()
    assert (row.symbol, row.looked, row.status, row.failures) == ("BTC/USDT", 2, HistoryStatus.FAILED, 1)
    assert row.due_at > NOON
    assert look(mine, NOTHING, later(3600))[0] == "DOGE/USDT"
    assert HistorySweep.objects.get().status == HistoryStatus.OK


def test_a_key_that_may_not_read_it_is_left_alone_for_a_day(mine):
    refused = Past(events={}, errors={("spot", symbol): PermissionMissing("no") for symbol in MARKETS})
    look(mine, refused)
    row = HistorySweep.objects.get()
    assert (row.looked, row.status, row.due_at) == (0, HistoryStatus.NOT_PERMITTED, NOON + timedelta(days=1))


def test_a_market_that_cannot_be_read_is_kept_in_mind_and_stops_nobody(mine):
    troubles = {("spot", "BTC/USDT"): NotSupported("gone"), ("spot", "ETH/USDT"): BadResponse("no list")}
    assert look(mine, Past(events={}, errors=troubles)) == MARKETS[:5]
    bad = HistoryCursor.objects.get()
    assert (bad.symbol, bad.status, bad.error) == ("ETH/USDT", HistoryStatus.FAILED, "no list")


def test_a_month_later_it_looks_again(mine):
    for number in range(3):
        look(mine, NOTHING, later(number))
    assert look(mine, NOTHING, later(2) + timedelta(days=29)) == []
    again = later(3) + timedelta(days=30)
    assert look(mine, NOTHING, again) == MARKETS[:5]
    row = HistorySweep.objects.get()
    assert (row.looked, row.began_at, row.through_at) == (5, again, later(2))


def test_as_long_as_no_markets_are_known_nothing_is_proven():
    mine = account()
    assert look(mine, NOTHING) == []
    assert HistorySweep.objects.get().through_at is None
    list_markets(*MARKETS)
    assert look(mine, NOTHING, later(301)) == MARKETS[:5]


def test_a_sweep_that_was_set_anew_meanwhile_stays_so(mine):
    look(mine, NOTHING)
    looks = sweep.looks([mine], later(60))[mine.pk]
    HistorySweep.objects.update(symbol="", looked=0)
    sweep.store(mine, looks, NOTHING.steps(looks.wanted), later(61))
    assert HistorySweep.objects.get().looked == 0


def test_where_trades_are_told_for_all_markets_at_once_nothing_is_swept():
    list_markets(*MARKETS, exchange_id="kraken")
    assert sweep.looks([account(exchange_id="kraken")], NOON) == {}
