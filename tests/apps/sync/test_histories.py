"""Histories from claim to commit: a chain of short steps that ends with all that happened, whatever came between."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TransactionTestCase

from alphapulse.exchanges.errors import CredentialsRejected, NotSupported, PermissionMissing, Transient
from alphapulse.exchanges.facts import History
from alphapulse.exchanges.history import Event
from alphapulse.types import SyncKind
from apps.core.clock import now
from apps.exchanges.models import ExchangeAccount, ExchangeHealth
from apps.ledger.models import HistoryCursor, HistorySweep, Trade, Transfer
from apps.ledger.services.cursors import read_again
from apps.ledger.services.sightings import note
from apps.sync.models import SyncChange, SyncRun, SyncState
from apps.sync.services import batch, histories, states
from apps.sync.services.claim import Claim, claim_batch
from apps.sync.signals import accounts_synced
from tests.apps.builders import account, later
from tests.apps.pasts import LISTS, Past, answer_with, list_markets, tell_at_binance
from tests.events import trade, transfer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

TRADES, TRANSFERS, SWEEP = SyncKind.TRADES, SyncKind.TRANSFERS, SyncKind.SWEEP
PLENTY = 10**9
MARKETS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")


@pytest.fixture(autouse=True)
def _lists(monkeypatch, shared_redis):
    tell_at_binance(monkeypatch, limit=PLENTY)


def trader(label: str = "main", *seen: str) -> ExchangeAccount:
    """An account that has had to do with these currencies, with its states due."""
    mine = account(label)
    note({(mine.pk, "spot"): set(seen or ("BTC", "ETH", "USDT"))})
    states.make_states(mine.pk)
    return mine


def fills(symbol: str, number: int) -> list[Event]:
    return [trade(str(each), symbol, at=later(each)) for each in range(number)]


PAST = Past(events={("spot", "BTC/USDT"): fills("BTC/USDT", 23), ("spot", "ETH/USDT"): fills("ETH/USDT", 7)})


def step(kind: SyncKind = TRADES) -> int:
    return batch.sync_batch("binance", kind)


def steps_until_the_end(kind: SyncKind = TRADES) -> int:
    number = 0
    while step(kind):
        number += 1
        assert number < 100, "it does not end"
    return number


def state_of(mine: ExchangeAccount, kind: SyncKind = TRADES) -> SyncState:
    return SyncState.objects.get(account=mine, kind=kind)


def told() -> list[tuple[str, str]]:
    return sorted(Trade.objects.values_list("symbol", "trade_id"))


ALL = sorted((symbol, row.trade_id) for (_, symbol), rows in PAST.events.items() for row in rows)


def test_a_past_is_read_in_a_chain_of_steps_and_then_at_its_interval(monkeypatch):
    list_markets(*MARKETS)
    mine = trader()
    answer_with(monkeypatch, {"main": PAST}, requests=(2,))
    assert state_of(mine).is_behind
    assert steps_until_the_end() > 5
    assert told() == ALL
    state = state_of(mine)
    assert (state.is_behind, state.failures, state.error) == (False, 0, "")
    assert timedelta(minutes=4) < state.due_at - now() < timedelta(minutes=6)


def test_a_run_says_how_many_rows_were_new_and_nothing_is_told_twice(monkeypatch):
    list_markets(*MARKETS)
    trader()
    answer_with(monkeypatch, {"main": PAST})
    steps_until_the_end()
    assert sum(SyncRun.objects.values_list("changed", flat=True)) == len(ALL)
    # A trade is a row that never changes: it tells itself.
    assert not SyncChange.objects.exists()


def test_it_is_announced_once_all_is_there_and_not_for_every_step(monkeypatch):
    list_markets(*MARKETS)
    mine = trader()
    answer_with(monkeypatch, {"main": PAST}, requests=(2,))
    heard: list[list[int]] = []

    def hear(account_ids: list[int], **_: object) -> None:
        heard.append(account_ids)

    accounts_synced.connect(hear)
    try:
        steps_until_the_end()
    finally:
        accounts_synced.disconnect(hear)
    assert heard == [[mine.pk]]


ORDERS = SyncKind.CLOSED_ORDERS


def test_what_trades_are_the_first_to_see_makes_the_orders_of_its_markets_due_at_once(monkeypatch):
    list_markets(*MARKETS)
    mine = trader("main", "BTC", "USDT")
    sold = Past(events={("spot", "BTC/USDT"): [*fills("BTC/USDT", 1), trade("1", "SOL/USDT", at=later(1))]})
    answer_with(monkeypatch, {"main": Past(events={})})
    steps_until_the_end(ORDERS)
    assert not step(ORDERS)
    answer_with(monkeypatch, {"main": sold})
    assert step() == 1
    assert (state_of(mine, ORDERS).due_at <= now(), state_of(mine, ORDERS).is_behind) == (True, True)
    steps_until_the_end(ORDERS)
    rows = HistoryCursor.objects.filter(kind=ORDERS)
    assert sorted(rows.values_list("symbol", "is_behind")) == [("BTC/USDT", False), ("SOL/USDT", False)]
    assert not state_of(mine, ORDERS).is_behind


def test_what_fails_keeps_its_wait_whatever_is_seen(monkeypatch):
    list_markets(*MARKETS)
    mine = trader("main", "BTC", "USDT")
    answer_with(monkeypatch, {"main": Past(events={}, error=Transient("no answer"))})
    step(ORDERS)
    waits_until = state_of(mine, ORDERS).due_at
    note({(mine.pk, "spot"): {"SOL"}})
    answer_with(monkeypatch, {"main": PAST})
    step()
    assert state_of(mine, ORDERS).due_at == waits_until


def test_where_nothing_is_to_be_asked_nobody_is_asked_and_nothing_fails(monkeypatch):
    mine = trader()
    answer_with(monkeypatch, {})
    assert step() == 1
    assert state_of(mine).error == ""
    assert SyncRun.objects.get().succeeded == 1


def test_what_nobody_asked_proves_nothing_of_an_exchange(monkeypatch):
    trader()
    ExchangeHealth.objects.create(
        exchange_id="binance", environment="sandbox", failures=3, error="no answer", changed_at=now()
    )
    answer_with(monkeypatch, {})
    step()
    assert ExchangeHealth.objects.get().failures == 3


def test_accounts_are_read_beside_each_other_and_one_that_fails_costs_itself(monkeypatch):
    list_markets(*MARKETS)
    one, other = trader("one"), trader("other")
    answer_with(monkeypatch, {"one": PAST, "other": Past(events={}, error=Transient("no answer"))})
    assert step() == 2
    assert Trade.objects.filter(account=one).exists()
    assert (state_of(one).failures, state_of(other).failures) == (0, 1)
    assert state_of(other).due_at > now()


def test_a_list_that_fails_is_told_and_the_others_are_read_on(monkeypatch):
    list_markets(*MARKETS)
    mine = trader()
    failing = Past(events=PAST.events, errors={("spot", "ETH/USDT"): Transient("no answer from Binance")})
    answer_with(monkeypatch, {"main": failing}, requests=(3,))
    for _ in range(20):
        HistoryCursor.objects.filter(symbol="BTC/USDT", caught_up_at=None).update(due_at=now())
        SyncState.objects.filter(kind="trades").update(due_at=now())
        step()
    assert {symbol for symbol, _ in told()} == {"BTC/USDT"}
    assert len(told()) == 23
    bad = HistoryCursor.objects.get(kind=TRADES, symbol="ETH/USDT")
    assert (bad.status, bad.error) == ("failed", "no answer from Binance")
    assert state_of(mine).is_behind


def test_a_list_that_the_key_may_not_read_fails_nobody(monkeypatch):
    refused = History(source="refused", costs={"sapi": 1})
    tell_at_binance(monkeypatch, limit=PLENTY, transfers=(refused, *LISTS[TRANSFERS]))
    mine = trader()
    deposits = [transfer("deposit:1")]
    forbidden = Past(events={("deposits", ""): deposits}, errors={("refused", ""): PermissionMissing("no")})
    answer_with(monkeypatch, {"main": forbidden})
    steps_until_the_end(TRANSFERS)
    assert Transfer.objects.count() == 1
    state = state_of(mine, TRANSFERS)
    assert (state.failures, state.error, state.is_behind) == (0, "", False)


def test_a_kind_of_which_the_key_may_read_nothing_says_so_and_is_left_alone(monkeypatch):
    mine = trader()
    answer_with(
        monkeypatch, {"main": Past(events={}, errors={("deposits", ""): PermissionMissing("no", code="-2015")})}
    )
    step(TRANSFERS)
    state = state_of(mine, TRANSFERS)
    assert (state.failures, state.error_kind) == (0, "PermissionMissing")
    assert state.due_at > now() + timedelta(minutes=50)


def test_a_kind_that_the_exchange_does_not_offer_is_never_asked_again(monkeypatch):
    mine = trader()
    answer_with(monkeypatch, {"main": Past(events={}, errors={("deposits", ""): NotSupported("no transfers there")})})
    step(TRANSFERS)
    state = state_of(mine, TRANSFERS)
    assert (state.due_at, state.failures, state.error) == (None, 0, "no transfers there")


def test_a_market_that_is_gone_does_not_end_the_history(monkeypatch):
    list_markets("BTC/USDT")
    mine = trader()
    gone = Past(events={}, errors={("spot", "BTC/USDT"): NotSupported("Binance no longer lists BTC/USDT")})
    answer_with(monkeypatch, {"main": gone})
    steps_until_the_end()
    assert state_of(mine).due_at is not None


def test_a_key_that_is_rejected_twice_disables_its_account(monkeypatch):
    list_markets(*MARKETS)
    trader()
    answer_with(monkeypatch, {"main": Past(events={}, error=CredentialsRejected("-2015"))})
    for _ in range(2):
        SyncState.objects.update(due_at=now())
        step()
    assert not ExchangeAccount.objects.get().is_enabled


def test_a_value_that_no_row_can_hold_costs_its_own_account(monkeypatch):
    list_markets(*MARKETS)
    one, other = trader("one"), trader("other")
    poison = Past(events={("spot", "BTC/USDT"): [replace(trade("1"), price=None)]})
    answer_with(monkeypatch, {"one": PAST, "other": poison})
    step()
    assert Trade.objects.filter(account=one).exists()
    assert not Trade.objects.filter(account=other).exists()
    assert (state_of(other).error_kind, state_of(one).error_kind) == ("BadResponse", "")
    # It is read again from where it was: nothing is skipped.
    assert set(HistoryCursor.objects.filter(account=other).values_list("page", flat=True)) == {""}


# --- Kills, doubles and latecomers --------------------------------------------------------------------------------


def fetched() -> tuple[Claim, batch.Results] | None:
    claim = claim_batch("binance", TRADES, now())
    if claim is None:
        return None
    claim = histories.planned(claim, now())
    return claim, batch._fetch(claim)


def give_up_leases() -> None:
    """As if forty seconds had passed since a worker was killed."""
    SyncState.objects.update(claimed_until=None)


def cursors() -> list[tuple[object, ...]]:
    return list(HistoryCursor.objects.order_by("pk").values_list("symbol", "page", "reached_at", "caught_up_at"))


def test_a_worker_that_is_killed_before_it_stores_leaves_nothing(monkeypatch):
    list_markets(*MARKETS)
    trader()
    answer_with(monkeypatch, {"main": PAST}, requests=(2,))
    step()
    before, rows = cursors(), told()
    fetched()
    assert (cursors(), told()) == (before, rows)
    give_up_leases()
    steps_until_the_end()
    assert told() == ALL


def test_what_is_stored_twice_changes_nothing(monkeypatch):
    list_markets(*MARKETS)
    trader()
    answer_with(monkeypatch, {"main": PAST}, requests=(2,))
    claim, results = fetched()
    batch._store(claim, results)
    after, rows, changed = cursors(), told(), SyncRun.objects.get().changed
    batch._store(claim, results)
    assert (cursors(), told(), SyncRun.objects.get().changed) == (after, rows, changed)


def test_an_older_claim_that_comes_late_stores_nothing(monkeypatch):
    list_markets(*MARKETS)
    trader()
    answer_with(monkeypatch, {"main": PAST}, requests=(2,))
    late = fetched()
    give_up_leases()
    steps_until_the_end()
    after = cursors()
    Trade.objects.all().delete()
    batch._store(*late)
    assert (cursors(), told()) == (after, [])


class AnySplit(TransactionTestCase):
    """However the steps are cut, killed, doubled and outrun: all that happened is there, once."""

    @pytest.fixture(autouse=True)
    def _patched(self, monkeypatch, shared_redis):
        tell_at_binance(monkeypatch, limit=PLENTY)
        self.monkeypatch = monkeypatch

    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(st.sampled_from(["step", "killed", "doubled", "outrun", "reset"]), max_size=8),
        st.lists(st.integers(1, 5), min_size=1, max_size=4),
        st.integers(1, 6),
    )
    def test_ends_with_the_same_rows(self, troubles: Sequence[str], requests: Sequence[int], per_request: int):
        list_markets(*MARKETS)
        trader()
        past = Past(events=PAST.events, per_request=per_request)
        answer_with(self.monkeypatch, {"main": past}, requests)
        for trouble in troubles:
            self.suffer(trouble)
        give_up_leases()
        steps_until_the_end()
        assert told() == ALL
        assert not HistoryCursor.objects.filter(kind=TRADES, caught_up_at=None).exists()

    def suffer(self, trouble: str) -> None:
        found = fetched()
        if found is None:
            return
        if trouble == "reset":
            read_again(HistoryCursor.objects.all(), since=later(-9), now=now())
        if trouble == "outrun":
            give_up_leases()
            step()
        if trouble != "killed":
            batch._store(*found)
        if trouble == "doubled":
            batch._store(*found)
        give_up_leases()
        SyncState.objects.update(due_at=now())


# --- The sweep ----------------------------------------------------------------------------------------------------


def test_a_sweep_finds_what_nobody_expects_and_the_history_reads_it_on(monkeypatch):
    list_markets("ADA/USDT", *MARKETS, "XRP/USDT")
    mine = trader("main", "BTC", "USDT")
    surprise = {("spot", "XRP/USDT"): fills("XRP/USDT", 30), ("spot", "BTC/USDT"): fills("BTC/USDT", 2)}
    answer_with(monkeypatch, {"main": Past(events=surprise)})
    steps_until_the_end()
    assert {symbol for symbol, _ in told()} == {"BTC/USDT"}
    steps_until_the_end(SWEEP)
    assert HistorySweep.objects.get().through_at is not None
    assert (state_of(mine, SWEEP).is_behind, state_of(mine, SWEEP).due_at > now()) == (False, True)
    SyncState.objects.filter(kind="trades").update(due_at=now())
    steps_until_the_end()
    assert len([symbol for symbol, _ in told() if symbol == "XRP/USDT"]) == 30


def test_a_sweep_takes_a_tenth_of_the_budget_and_no_more(monkeypatch):
    tell_at_binance(monkeypatch, limit=6000)
    list_markets(*(f"C{number:04}/USDT" for number in range(400)))
    for label in ("one", "other"):
        trader(label, "USDT")
    answer_with(monkeypatch, {label: Past(events={}) for label in ("one", "other")})
    for _ in range(30):
        HistorySweep.objects.update(due_at=now())
        SyncState.objects.filter(kind="sweep").update(due_at=now())
        step(SWEEP)
    looks = sum(HistorySweep.objects.values_list("looked", flat=True))
    # 20 a look out of a tenth of what syncs may use; a minute may have passed meanwhile.
    a_minute = int(6000 * 0.1 * 0.9) // 20
    assert 0 < looks <= 3 * a_minute
    assert {state_of(mine, SWEEP).error for mine in ExchangeAccount.objects.all()} == {""}


# --- Quotas of a key ----------------------------------------------------------------------------------------------


def test_lists_that_a_keys_own_quota_has_no_room_for_wait_and_the_others_go_on(monkeypatch):
    tell_at_binance(
        monkeypatch,
        limit=100,
        transfers=(
            History(source="dear", costs={"sapi_uid": 60}),
            History(source="dearer", costs={"sapi_uid": 80}),
            *LISTS[TRANSFERS],
        ),
    )
    mine = trader()
    answer_with(monkeypatch, {"main": Past(events={("dear", ""): [transfer("withdrawal:1")]})})
    steps_until_the_end(TRANSFERS)
    lists = {row.source: row for row in HistoryCursor.objects.filter(kind="transfers")}
    assert lists["deposits"].caught_up_at is not None
    waiting = [row for row in lists.values() if row.caught_up_at is None]
    assert waiting
    assert all(now() < row.due_at < now() + timedelta(minutes=2) for row in waiting)
    assert (state_of(mine, TRANSFERS).failures, state_of(mine, TRANSFERS).is_behind) == (0, True)
