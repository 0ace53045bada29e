import pytest

from apps.ledger.models import HistoryCursor
from apps.sync.models import SyncState
from apps.sync.services.places import PLACES, PLACES_READING_ON
from apps.sync.services.resync import NothingToSync, batches_wanted, request_resync
from tests.apps.builders import NOON, account, later, state

pytestmark = [pytest.mark.django_db]


def ask(account_id=None, exchange_id=None, kind=None):
    return request_resync(account_id=account_id, exchange_id=exchange_id, kind=kind, now=NOON)


def test_an_account_or_one_kind_of_it_is_asked_for():
    mine, other = account("mine"), account("other")
    for each in (mine, other):
        for kind in ("balances", "orders"):
            state(each, kind, due_at=later(600))
    assert {each.kind for each in ask(account_id=mine.pk)} == {"balances", "orders"}
    assert [each.kind for each in ask(account_id=other.pk, kind="orders")] == ["orders"]
    assert SyncState.objects.filter(requested_at=NOON).count() == 3


def test_a_whole_exchange_is_asked_for():
    for label in ("one", "two"):
        state(account(label))
    state(account("elsewhere", exchange_id="bybit"))
    assert len(ask(exchange_id="binance")) == 2


def test_each_kind_is_done_beside_the_others_as_far_as_there_are_places():
    mine = account("mine")
    for kind in ("balances", "orders"):
        state(mine, kind)
    state(account("other"), "balances")
    assert batches_wanted(ask(exchange_id="binance")) == {("binance", False): 2}
    state(mine, "positions")
    SyncState.objects.create(exchange_id="binance", environment="sandbox", kind="tickers", due_at=NOON)
    assert batches_wanted(ask(exchange_id="binance")) == {("binance", False): PLACES}
    pasts = [state(mine, kind) for kind in ("trades", "transfers")]
    assert batches_wanted(pasts) == {("binance", True): PLACES_READING_ON}


def test_a_past_is_asked_for_by_its_name_alone():
    mine = account("mine")
    for kind in ("balances", "trades", "sweep"):
        state(mine, kind, due_at=later(600))
    assert {each.kind for each in ask(account_id=mine.pk)} == {"balances"}
    assert {each.kind for each in ask(account_id=mine.pk, kind="trades")} == {"trades"}


def test_who_asks_for_a_past_means_all_of_its_lists():
    mine = account("mine")
    state(mine, "trades", due_at=later(600))
    lists = {"account": mine, "source": "spot", "start_at": NOON, "reached_at": NOON, "due_at": later(86_400)}
    for kind in ("trades", "ledger"):
        HistoryCursor.objects.create(kind=kind, symbol="BTC/USDT", **lists)
    ask(account_id=mine.pk, kind="trades")
    assert [each.kind for each in HistoryCursor.objects.filter(due_at=NOON)] == ["trades"]


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"account_id": 99}, "There is no account 99"),
        ({"exchange_id": "binance", "kind": "balance"}, "choose from balances, positions"),
        ({"exchange_id": "kraken"}, "Nothing is synced for kraken"),
        ({}, "Name an account_id or an exchange_id"),
    ],
)
def test_what_cannot_be_synced_says_why(named, words):
    state(account())
    with pytest.raises(NothingToSync, match=words):
        ask(**named)


def test_a_disabled_account_says_so():
    mine = account(is_enabled=False, disabled_reason="the key was rejected")
    state(mine, due_at=None)
    with pytest.raises(NothingToSync, match="disabled: the key was rejected"):
        ask(account_id=mine.pk)
