"""Which lists of an account are read on next, and where each stands after a step."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from alphapulse.exchanges.errors import BadResponse, NotSupported, PermissionMissing, Transient
from alphapulse.exchanges.facts import History
from alphapulse.exchanges.history import Step, Wanted
from alphapulse.types import SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import HistoryCursor, HistoryStatus, Trade
from apps.ledger.services import AccountReading, cursors, readings
from apps.ledger.services.histories import AccountSteps, store_steps
from apps.ledger.services.sightings import follow_changes, note
from tests.apps.builders import NOON, account, balance, later, reading
from tests.apps.pasts import LISTS, Past, list_markets, tell_at_binance
from tests.events import trade, transfer

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

TRADES, TRANSFERS = SyncKind.TRADES, SyncKind.TRANSFERS
SPOT = ("BTC/USDT", "ETH/USDT", "ETH/BTC", "SOL/USDT")


@pytest.fixture(autouse=True)
def _lists(monkeypatch):
    tell_at_binance(monkeypatch)


def wanted(of: ExchangeAccount, kind: SyncKind = TRADES, at=NOON) -> list[Wanted]:
    return cursors.wanted(kind, [of], at)[of.pk]


def symbols(of: ExchangeAccount, at=NOON) -> set[str]:
    return {each.symbol for each in wanted(of, at=at)}


def take_step(of: ExchangeAccount, past: Past, kind: SyncKind = TRADES, at=NOON, **of_step) -> None:
    asked = wanted(of, kind, at)
    store(kind, of, asked, past.steps(asked, **of_step), at=at)


def store(kind: SyncKind, of: ExchangeAccount, asked: list[Wanted], steps, *, asked_at=None, at=NOON) -> None:
    told = AccountSteps(account=of, wanted=asked, steps=steps, rest=timedelta(minutes=5))
    store_steps(kind, [told], asked_at=asked_at or at, now=at)


def is_going_on(of: ExchangeAccount, kind: SyncKind = TRADES, at=NOON) -> bool:
    return cursors.next_due(kind, of) <= at


def cursor(of: ExchangeAccount, symbol: str = "BTC/USDT", kind: SyncKind = TRADES) -> HistoryCursor:
    return HistoryCursor.objects.get(account=of, kind=kind, symbol=symbol)


def hold(of: ExchangeAccount, *currencies: str, at=NOON, total: str = "1") -> None:
    rows = reading(*(balance(currency, total) for currency in currencies), as_of=at)
    item = AccountReading(account_id=of.pk, reading=rows, fresh_until=later(90))
    follow_changes(readings.store(SyncKind.BALANCES, [item]), at)


def test_a_market_is_asked_for_as_soon_as_its_currency_is_seen_and_stays_when_it_is_gone():
    list_markets(*SPOT)
    mine = account()
    assert symbols(mine) == set()
    hold(mine, "ETH", "BTC")
    hold(mine, "BTC", at=later(30))
    hold(mine, "BTC", at=later(60))
    assert symbols(mine) == {"BTC/USDT", "ETH/USDT", "ETH/BTC"}


def test_a_list_of_all_markets_is_read_from_the_start_that_its_owner_wants():
    mine = account(history_from=date(2021, 5, 1))
    (deposits,) = wanted(mine, TRANSFERS)
    assert (deposits.symbol, deposits.cursor.reached_at.date()) == ("", date(2021, 5, 1))


def test_without_a_wish_two_years_are_read():
    mine = account()
    (deposits,) = wanted(mine, TRANSFERS)
    assert deposits.cursor.reached_at == mine.created_at - timedelta(days=730)


def test_what_the_exchange_no_longer_tells_is_not_promised(monkeypatch):
    (deposits,) = LISTS[TRANSFERS]
    tell_at_binance(monkeypatch, transfers=(replace(deposits, keeps=timedelta(days=30)),))
    mine = account()
    wanted(mine, TRANSFERS)
    month_ago = NOON - timedelta(days=30)
    first = HistoryCursor.objects.get()
    assert month_ago < first.start_at == first.reached_at < month_ago + timedelta(hours=2)
    # Nobody asked for half a year: what happened in between is gone, and complete is what comes after it.
    much_later = NOON + timedelta(days=182)
    (asked,) = wanted(mine, TRANSFERS, much_later)
    assert asked.cursor.reached_at > much_later - timedelta(days=30)
    assert HistoryCursor.objects.get().start_at == asked.cursor.reached_at


def test_step_after_step_the_past_becomes_rows_until_its_end():
    list_markets("BTC/USDT")
    mine = account()
    note({(mine.pk, "spot"): {"BTC", "USDT"}})
    past = Past(events={("spot", "BTC/USDT"): [trade(str(number), at=later(number)) for number in range(9)]})
    for expected in (2, 4, 6, 8, 9):
        take_step(mine, past, requests=1)
        assert Trade.objects.count() == expected
        assert is_going_on(mine) is cursors.is_behind(TRADES, mine) is (expected < 9)
    assert cursor(mine).caught_up_at == NOON
    assert symbols(mine) == set()


def test_of_many_markets_each_has_its_turn():
    list_markets(*SPOT)
    mine = account()
    note({(mine.pk, "spot"): {"BTC", "ETH", "USDT"}})
    long = {("spot", symbol): [trade(str(number), symbol, at=later(number)) for number in range(9)] for symbol in SPOT}
    assert len(wanted(mine)) == 3
    for number in range(1, 4):
        take_step(mine, Past(events=long), at=later(number), requests=1)
    assert set(Trade.objects.values_list("symbol", flat=True)) == {"BTC/USDT", "ETH/USDT", "ETH/BTC"}


def test_a_market_that_has_caught_up_is_left_alone_until_the_account_moves_there():
    list_markets(*SPOT)
    mine = account()
    hold(mine, "BTC", "USDT")
    take_step(mine, Past(events={}))
    assert symbols(mine, later(300)) == set()
    hold(mine, "BTC", "USDT", at=later(310), total="2")
    assert symbols(mine, later(310)) == {"BTC/USDT"}
    # And once a day, whatever is seen.
    take_step(mine, Past(events={}), at=later(320))
    assert symbols(mine, later(320 + 86_300)) == set()
    assert symbols(mine, later(320 + 86_401)) == {"BTC/USDT"}


def test_what_moves_while_a_market_is_being_read_is_read_again():
    list_markets(*SPOT)
    mine = account()
    hold(mine, "BTC", "USDT")
    asked = wanted(mine)
    hold(mine, "BTC", "USDT", at=later(5), total="2")
    store(TRADES, mine, asked, Past(events={}).steps(asked), asked_at=NOON, at=later(9))
    assert symbols(mine, later(9)) == {"BTC/USDT"}


def test_a_list_of_all_markets_is_read_at_every_sync_of_its_kind():
    mine = account()
    past = Past(events={("deposits", ""): [transfer("deposit:1")]})
    take_step(mine, past, TRANSFERS)
    assert cursors.next_due(TRANSFERS, mine) == later(300)
    assert wanted(mine, TRANSFERS, later(299)) == []
    assert len(wanted(mine, TRANSFERS, later(300))) == 1


def test_of_many_lists_all_are_read_in_a_row(monkeypatch):
    many = tuple(History(source=f"from {number}", costs={"sapi": 1}) for number in range(12))
    tell_at_binance(monkeypatch, transfers=many)
    mine = account()
    for left in (7, 2, 0):
        take_step(mine, Past(events={}), TRANSFERS)
        assert HistoryCursor.objects.filter(caught_up_at=None).count() == left
        assert is_going_on(mine, TRANSFERS) is (left > 0)


def test_lists_of_wallets_that_the_owner_left_out_are_not_read(monkeypatch):
    both = tuple(History(source=wallet, wallet=wallet, costs={"usdm": 1}) for wallet in ("usdm", "coinm"))
    tell_at_binance(monkeypatch, funding_payments=both)
    mine = account(wallets=["spot", "coinm"])
    assert [each.source for each in wanted(mine, SyncKind.FUNDING_PAYMENTS)] == ["coinm"]


def test_a_wallet_with_money_of_its_own_is_asked_for_what_was_seen_in_it(monkeypatch):
    spot, *_ = LISTS[TRADES]
    margin = replace(spot, source="margin", wallet="margin", is_apart=True)
    tell_at_binance(monkeypatch, trades=(spot, margin))
    list_markets(*SPOT)
    mine = account()
    note({(mine.pk, "spot"): {"BTC", "USDT"}, (mine.pk, "margin"): {"SOL"}})
    asked = {(each.source, each.symbol) for each in wanted(mine)}
    assert asked == {("spot", "BTC/USDT"), ("spot", "SOL/USDT"), ("margin", "SOL/USDT")}


def test_an_answer_that_brings_nothing_and_no_end_is_not_asked_for_again_at_once():
    list_markets("BTC/USDT")
    mine = account()
    note({(mine.pk, "spot"): {"BTC", "USDT"}})
    asked = wanted(mine)
    standing = [Step(source=each.source, symbol=each.symbol, cursor=each.cursor) for each in asked]
    store(TRADES, mine, asked, standing)
    assert not is_going_on(mine)
    assert symbols(mine, later(301)) == {"BTC/USDT"}


def test_a_source_that_the_key_may_not_read_is_marked_and_left_alone_with_all_its_markets():
    list_markets(*SPOT)
    mine = account()
    note({(mine.pk, "spot"): {"BTC", "ETH", "USDT"}})
    refused = PermissionMissing("not with this key", code="-2015")
    take_step(mine, Past(events={}, errors={("spot", symbol): refused for symbol in SPOT}), requests=1)
    fills = HistoryCursor.objects.filter(kind=TRADES)
    assert set(fills.values_list("status", flat=True)) == {HistoryStatus.NOT_PERMITTED}
    assert symbols(mine, later(3600)) == set()
    assert symbols(mine, later(86_401)) != set()


def test_a_market_that_is_no_longer_listed_does_not_stop_the_others():
    list_markets(*SPOT)
    mine = account()
    note({(mine.pk, "spot"): {"BTC", "ETH", "USDT"}})
    gone = NotSupported("Binance no longer lists ETH/BTC")
    take_step(mine, Past(events={}, errors={("spot", "ETH/BTC"): gone}))
    assert cursor(mine, "ETH/BTC").status == HistoryStatus.NOT_OFFERED
    assert cursor(mine, "ETH/USDT").status == HistoryStatus.OK
    assert cursor(mine, "ETH/USDT").caught_up_at == NOON


@pytest.mark.parametrize("error", [Transient("no answer"), BadResponse("no list")])
def test_a_list_that_fails_is_tried_again_later_and_later_and_the_others_go_on(error):
    list_markets(*SPOT)
    mine = account()
    note({(mine.pk, "spot"): {"BTC", "ETH", "USDT"}})
    failing = Past(events={}, errors={("spot", "ETH/BTC"): error})
    for number in range(3):
        HistoryCursor.objects.update(due_at=NOON)
        take_step(mine, failing, at=later(number))
    bad = cursor(mine, "ETH/BTC")
    assert (bad.status, bad.failures, bad.error) == (HistoryStatus.FAILED, 3, str(error))
    assert bad.due_at > later(2)
    assert cursor(mine, "BTC/USDT").caught_up_at == later(2)


def test_what_came_before_a_failure_is_kept_with_its_cursor():
    list_markets("BTC/USDT")
    mine = account()
    note({(mine.pk, "spot"): {"BTC", "USDT"}})
    asked = wanted(mine)
    past = Past(events={("spot", "BTC/USDT"): [trade(str(number), at=later(number)) for number in range(9)]})
    (step,) = past.steps(asked, requests=2)
    failed = replace(step, error=Transient("no answer"))
    store(TRADES, mine, asked, [failed])
    assert Trade.objects.count() == 4
    assert cursor(mine).page == "4"


def test_a_cursor_that_was_set_anew_meanwhile_stays_where_it_was_set():
    list_markets("BTC/USDT")
    mine = account()
    note({(mine.pk, "spot"): {"BTC", "USDT"}})
    past = Past(events={("spot", "BTC/USDT"): [trade(str(number), at=later(number)) for number in range(9)]})
    take_step(mine, past, requests=1)
    asked = wanted(mine)
    HistoryCursor.objects.update(page="", reached_at=later(-999))
    store(TRADES, mine, asked, past.steps(asked, requests=1))
    assert (cursor(mine).page, cursor(mine).reached_at) == ("", later(-999))
