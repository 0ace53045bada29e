from datetime import timedelta

import pytest

from alphapulse.exchanges.catalogue import EXCHANGES, exchange
from alphapulse.exchanges.ccxt.known import known_exchange_ids, required_credentials
from alphapulse.types import SyncKind

DESCRIBED = ("binance", "bybit", "coinbase", "gate", "kraken", "kucoin", "okx")


def test_the_seven_are_described():
    assert sorted(EXCHANGES) == list(DESCRIBED)


@pytest.mark.parametrize("exchange_id", DESCRIBED)
def test_every_described_exchange_offers_every_kind_at_a_known_cost(exchange_id):
    facts = exchange(exchange_id)
    quotas = {quota.name for quota in facts.quotas}
    # Where trades are told for all markets at once, there is nothing to sweep.
    for kind in set(SyncKind) - (set() if facts.swept else {SyncKind.SWEEP}):
        assert facts.supports(kind), kind
        assert facts.costs(kind), kind
        assert set(facts.costs(kind)) <= quotas, kind
        assert kind in facts.intervals


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
