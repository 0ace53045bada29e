from datetime import timedelta

import ccxt.async_support
import pytest

from alphapulse.exchanges.catalogue import EXCHANGES, exchange
from alphapulse.exchanges.ccxt.histories import METHODS
from alphapulse.exchanges.ccxt.known import known_exchange_ids, required_credentials
from alphapulse.exchanges.own_rows import READERS
from alphapulse.exchanges.parse_history import OF_METHODS
from alphapulse.resilience.budget import Share
from alphapulse.types import HISTORY_KINDS, SyncKind

DESCRIBED = ("binance", "bybit", "coinbase", "gate", "kraken", "kucoin", "okx")


def test_the_seven_are_described():
    assert sorted(EXCHANGES) == list(DESCRIBED)


@pytest.mark.parametrize("exchange_id", DESCRIBED)
def test_every_described_exchange_offers_every_kind_at_a_known_cost_or_says_why_not(exchange_id):
    facts = exchange(exchange_id)
    quotas = {quota.name for quota in facts.quotas}
    # Where trades are told for all markets at once, there is nothing to sweep.
    for kind in set(SyncKind) - (set() if facts.swept else {SyncKind.SWEEP}):
        assert facts.supports(kind) is (kind not in facts.untold), kind
        assert kind in facts.intervals
        if facts.supports(kind):
            assert facts.costs(kind), kind
            assert set(facts.costs(kind)) <= quotas, kind


@pytest.mark.parametrize("exchange_id", [*DESCRIBED, "bitvavo"])
def test_only_histories_and_funding_rates_are_untold_and_trades_never(exchange_id):
    facts = exchange(exchange_id)
    assert set(facts.untold) <= {*HISTORY_KINDS, SyncKind.FUNDING_RATES} - {SyncKind.TRADES}
    assert all(facts.untold.values())


HISTORIES = [
    pytest.param(exchange_id, kind, history, id=f"{exchange_id}-{kind}-{history.source}")
    for exchange_id in (*DESCRIBED, "bitvavo")
    for kind, histories in exchange(exchange_id).histories.items()
    for history in histories
]


@pytest.mark.parametrize(("exchange_id", "kind", "history"), HISTORIES)
def test_a_history_can_be_read_to_its_end(exchange_id, kind, history):
    assert history.costs
    assert history.rows or exchange_id == "bitvavo"
    # What is read again must leave room for something new.
    assert history.window is None or history.window > 2 * history.late + history.changes_for
    # A window that shrinks because it was full would read its beginning again for ever.
    assert history.pages is not None or not history.changes_for
    assert history.reader in READERS or (history.method or METHODS[kind]) in OF_METHODS
    assert len(history.source) <= 40


@pytest.mark.parametrize(("exchange_id", "kind", "history"), HISTORIES)
def test_a_history_is_asked_for_by_a_method_that_ccxt_has(exchange_id, kind, history):
    client = getattr(ccxt.async_support, exchange_id)()
    assert callable(getattr(client, history.method or METHODS[kind], None))
    client.close = None  # ccxt warns of clients that nobody closed


@pytest.mark.parametrize("exchange_id", [*DESCRIBED, "bitvavo"])
def test_no_two_lists_of_a_kind_have_one_name(exchange_id):
    for histories in exchange(exchange_id).histories.values():
        names = [history.source for history in histories]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("exchange_id", DESCRIBED)
def test_a_step_never_spends_all_that_a_key_has(exchange_id):
    facts = exchange(exchange_id)
    per_key = {quota.name: quota.limit for quota in facts.quotas if quota.is_per_key}
    for kind, histories in facts.histories.items():
        for name, limit in per_key.items():
            dearest = max((history.costs.get(name, 0) for history in histories), default=0)
            assert facts.costs(kind).get(name, 0) <= max(dearest, limit / 3)
            assert dearest <= limit / 2


def test_a_step_of_a_dear_history_is_one_request():
    facts = exchange("binance")
    fiat, withdrawals, deposits = (
        next(each for each in facts.histories[SyncKind.TRANSFERS] if each.source == source)
        for source in ("fiat_deposits", "withdrawals", "deposits")
    )
    assert facts.fits_a_step({}, fiat)
    assert not facts.fits_a_step({"sapi_uid": 90000}, withdrawals)
    assert facts.fits_a_step({"sapi_uid": 90000}, deposits)
    assert facts.fits_a_step({"sapi_uid": 36000}, withdrawals)


def test_kraken_never_counts_more_of_a_key_than_it_may_have():
    """15 at a time, 20 a minute: histories, and one of each read, which cost one each."""
    facts = exchange("kraken")
    (counter,) = (quota for quota in facts.quotas if quota.is_per_key)
    a_window = Share().of(counter.limit)
    reads = [facts.intervals[kind] for kind in (SyncKind.BALANCES, SyncKind.POSITIONS, SyncKind.ORDERS)]
    minute = timedelta(minutes=1)
    assert 2 * a_window + len(reads) <= 15
    assert a_window * (minute / counter.window) + sum(minute / interval for interval in reads) <= 20
    assert all(a_window >= facts.costs(kind)["counter"] for kind in facts.histories)


def test_binances_histories_cost_what_is_published():
    facts = exchange("binance")
    assert facts.costs(SyncKind.TRADES) == {"spot": 100, "sapi": 50, "usdm": 100}
    assert facts.costs(SyncKind.FUNDING_PAYMENTS) == {"usdm": 150}
    assert facts.costs(SyncKind.LEDGER)["sapi"] == 750


@pytest.mark.parametrize("exchange_id", DESCRIBED)
def test_every_answer_says_where_its_rows_lie(exchange_id):
    # Gate's spot balances come in two shapes; its answer is checked for being one at all.
    for kind, reads in exchange(exchange_id).reads.items():
        for call in (call for read in reads for call in read.calls if kind is not SyncKind.MARKETS):
            assert call.rows or (exchange_id, kind) == ("gate", SyncKind.BALANCES)


@pytest.mark.parametrize("exchange_id", DESCRIBED)
def test_no_wallet_is_read_twice(exchange_id):
    for reads in exchange(exchange_id).reads.values():
        wallets = [read.wallet for read in reads]
        assert len(wallets) == len(set(wallets))


@pytest.mark.parametrize("exchange_id", DESCRIBED)
def test_the_password_is_asked_for_exactly_where_ccxt_needs_one(exchange_id):
    assert exchange(exchange_id).needs_password is ("password" in required_credentials(exchange_id))


def test_binance_costs_what_is_published():
    facts = exchange("binance")
    # What is asked for at times of its own is not part of every sync.
    assert facts.costs(SyncKind.BALANCES) == {"spot": 20, "sapi": 1, "usdm": 5}
    assert facts.costs(SyncKind.POSITIONS) == {"usdm": 5}
    assert facts.costs(SyncKind.ORDERS) == {"spot": 80, "usdm": 40}
    assert facts.costs(SyncKind.ORDERS, ["spot", "coinm", "usdm-trigger"]) == {"spot": 80, "usdm": 80}
    assert facts.costs(SyncKind.BALANCES, ["earn-locked", "margin"]) == {"sapi": 160}
    assert facts.costs(SyncKind.BALANCES, []) == {}
    # A call that two wallets are read from.
    assert facts.costs(SyncKind.BALANCES, ["spot", "earn"]) == {"spot": 20}


def test_what_is_part_of_a_wallet_is_chosen_with_it():
    facts = exchange("binance")
    chosen = facts.chosen(SyncKind.ORDERS, ["usdm", "spot"])
    assert [read.wallet for read in chosen] == ["spot", "usdm", "usdm-trigger"]
    assert len(facts.chosen(SyncKind.ORDERS, [])) == len(facts.reads[SyncKind.ORDERS])


@pytest.mark.parametrize("exchange_id", DESCRIBED)
def test_what_is_named_is_there(exchange_id):
    facts = exchange(exchange_id)
    for reads in facts.reads.values():
        wallets = {read.wallet for read in reads}
        assert {read.part_of for read in reads if read.part_of} <= wallets
    orders = {read.wallet for read in facts.reads[SyncKind.ORDERS]}
    assert {wallet for lookup in facts.order_lookups for wallet in lookup.wallets} <= orders
    assert any(not lookup.wallets for lookup in facts.order_lookups)


def test_what_is_asked_for_seldom_while_empty_is_asked_for_at_each_sync_when_not():
    reads = {read.wallet: read for read in exchange("binance").reads[SyncKind.BALANCES]}
    assert reads["spot"].pause(is_empty=True) is None
    assert reads["coinm"].pause(is_empty=True) == timedelta(minutes=5)
    assert reads["coinm"].pause(is_empty=False) is None
    assert reads["earn-locked"].pause(is_empty=False) == timedelta(minutes=5)


def test_an_undescribed_exchange_is_asked_with_caution():
    facts = exchange("bitvavo")
    assert facts.exchange_id == "bitvavo"
    assert facts.intervals[SyncKind.BALANCES] > exchange("binance").intervals[SyncKind.BALANCES]
    assert facts.quotas[0].limit <= 60
    assert facts.has_serial_keys
    assert facts.unread


def test_every_exchange_of_ccxt_is_known_by_its_id():
    known = known_exchange_ids()
    assert set(DESCRIBED) <= set(known)
    assert len(known) > 90
    assert list(known) == sorted(known)


def test_credentials_are_named_as_we_name_them():
    assert required_credentials("binance") == ("api_key", "secret")
    assert "privateKey" in required_credentials("hyperliquid")
