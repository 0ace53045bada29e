"""Whole batches, from claim to commit, against a sandbox exchange that misbehaves."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import OperationalError

from alphapulse.exchanges.ccxt import loop
from alphapulse.exchanges.ccxt.markets import reopen_all
from alphapulse.sandbox.testing import SandboxServer
from alphapulse.types import Credentials, SyncKind
from apps.core.clock import now
from apps.exchanges.models import Environment, ExchangeAccount, ExchangeHealth
from apps.ledger.models import Balance, Order, Position, WalletReading, WalletStatus
from apps.market.models import Market, Ticker
from apps.sync.models import KeptPayload, SyncChange, SyncRun, SyncState
from apps.sync.services import batch, claim, states
from apps.sync.services.batch import sync_batch
from tests.apps.builders import workspace

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.usefixtures("shared_redis")]

HOLDINGS = {"BTC": "1.5", "ETH": "20", "USDT": "100000"}


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(markets=60, seed=3) as running:
        yield running


@pytest.fixture
def sandbox(server, settings) -> Iterator[SandboxServer]:
    settings.SANDBOX_URL = server.url
    yield server
    server.clear_faults()
    server.forgive()
    loop.run(reopen_all(), deadline=timedelta(seconds=5))


@pytest.fixture
def add(sandbox):
    """A function: one more account at the sandbox and in our rows, with its states due."""
    numbers = iter(range(1000))

    def add(exchange_id: str = "binance", *, label: str = "", **wishes) -> ExchangeAccount:
        keys = sandbox.create_account(exchange_id, **({"holdings": HOLDINGS} | wishes))
        account = ExchangeAccount(
            workspace=workspace(),
            label=label or f"account {next(numbers)}",
            exchange_id=exchange_id,
            environment=Environment.SANDBOX,
        )
        account.set_credentials(Credentials(api_key=keys.api_key, secret=keys.secret))
        account.save()
        states.make_states(account.pk)
        return account

    return add


def sync(exchange_id: str = "binance", kind: SyncKind = SyncKind.BALANCES) -> int:
    """Syncs what there is of the kind, due or not."""
    SyncState.objects.filter(exchange_id=exchange_id, kind=kind).update(due_at=now(), claimed_until=None)
    return sync_batch(exchange_id, kind)


def key(account: ExchangeAccount) -> str:
    return account.open_credentials().api_key


def held(account: ExchangeAccount, wallet: str = "spot") -> dict[str, Decimal]:
    rows = Balance.objects.filter(reading__account=account, reading__wallet=wallet)
    return {row.currency: row.total for row in rows}


def state_of(account: ExchangeAccount, kind: str = "balances") -> SyncState:
    return SyncState.objects.get(account=account, kind=kind)


@pytest.mark.parametrize(("exchange_id", "wallet"), [("binance", "spot"), ("bybit", "unified")])
def test_what_the_exchange_has_is_what_we_show(add, sandbox, exchange_id, wallet):
    account = add(exchange_id)
    assert sync(exchange_id) == 1
    assert held(account, wallet) == {"BTC": Decimal("1.5"), "ETH": Decimal(20), "USDT": Decimal(100000)}
    assert state_of(account).error == ""
    sandbox.set_balance(exchange_id, key(account), "BTC", "1.75")
    sync(exchange_id)
    assert held(account, wallet)["BTC"] == Decimal("1.75")
    change = SyncChange.objects.filter(account=account, key="BTC").latest("pk")
    assert (change.before["total"], change.after["total"]) == ("1.5", "1.75")


def test_as_of_is_when_we_asked_and_never_later(add):
    account = add()
    before = now()
    sync()
    # The sandbox's clock is ours, so its offset is a few milliseconds at most.
    for reading in WalletReading.objects.filter(account=account):
        assert before - timedelta(seconds=1) <= reading.as_of <= now() + timedelta(seconds=1)


def test_fifty_accounts_are_one_run_and_one_market_table(add, sandbox):
    accounts = [add() for _ in range(50)]
    sandbox.forget_requests()
    assert sync() == 50
    assert all(held(account) for account in accounts)
    run = SyncRun.objects.latest("pk")
    assert (run.succeeded, run.failed, run.finished_at is not None) == (50, 0, True)
    assert len(sandbox.requests(path="/api/v3/exchangeInfo")) <= 1


def test_positions_of_both_exchanges_are_stored(add, sandbox):
    for exchange_id in ("binance", "bybit"):
        account = add(exchange_id, holdings={"usdm": {"USDT": "50000"}} if exchange_id == "binance" else HOLDINGS)
        sandbox.set_position(exchange_id, key(account), "BTCUSDT", "-0.25", leverage=5)
        sync(exchange_id, SyncKind.POSITIONS)
        assert state_of(account, "positions").error == ""
        row = Position.objects.get(reading__account=account)
        assert (row.symbol, row.side, row.contracts) == ("BTC/USDT:USDT", "short", Decimal("0.25"))


def test_prices_and_markets_belong_to_the_exchange_and_are_fetched_once(add):
    for _ in range(3):
        add()
    assert sync("binance", SyncKind.TICKERS) == 1
    assert sync("binance", SyncKind.MARKETS) == 1
    assert Ticker.objects.get(exchange_id="binance", symbol="BTC/USDT").last > 0
    assert Market.objects.get(exchange_id="binance", symbol="BTC/USDT").min_cost > 0


BODIES = [
    {"kind": "html"},
    {"kind": "status", "status": 200, "body": ""},
    {"kind": "status", "status": 200, "body": "{}"},
    {"kind": "truncate"},
    {"kind": "status", "status": 502, "body": "Bad Gateway"},
    {"kind": "reset"},
]


@pytest.mark.parametrize("fault", BODIES, ids=lambda fault: f"{fault['kind']} {fault.get('status', '')}")
@pytest.mark.parametrize("exchange_id", ["binance", "bybit"])
def test_an_answer_that_is_not_what_was_asked_is_a_failure_and_changes_no_row(add, sandbox, exchange_id, fault):
    account = add(exchange_id)
    sync(exchange_id)
    before = list(Balance.objects.order_by("pk").values())
    sandbox.fault(**fault, account=sandbox.requests(key=key(account))[-1]["account"])
    sync(exchange_id)
    assert list(Balance.objects.order_by("pk").values()) == before
    state = state_of(account)
    assert (state.failures, bool(state.error), bool(state.advice)) == (1, True, True)
    asked = WalletReading.objects.filter(due_at=None)
    assert set(asked.values_list("status", flat=True)) == {WalletStatus.FAILED}
    sandbox.clear_faults()
    sync(exchange_id)
    assert state_of(account).failures == 0


def test_one_accounts_trouble_leaves_the_others_fresh(add, sandbox):
    good, bad = add(), add()
    sandbox.fault("html", account=sandbox_name(sandbox, bad))
    sync()
    assert (state_of(good).failures, state_of(bad).failures) == (0, 1)
    assert held(good)
    assert not ExchangeHealth.objects.filter(failures__gt=0).exists()


def sandbox_name(sandbox: SandboxServer, account: ExchangeAccount) -> str:
    keys = {found["account"] for found in sandbox.requests(key=key(account))}
    if keys:
        return keys.pop()
    return next(each["account"] for each in sandbox.accounts(account.exchange_id) if key(account) in str(each))


def test_a_spot_only_key_is_normal_and_its_other_wallets_are_marked(add):
    account = add(wallets=["spot"])
    sync()
    statuses = dict(WalletReading.objects.filter(account=account).values_list("wallet", "status"))
    assert statuses["spot"] == WalletStatus.OK
    assert statuses["usdm"] == WalletStatus.NOT_PERMITTED
    assert state_of(account).failures == 0


def test_a_rejected_key_is_confirmed_once_then_its_account_is_disabled_and_not_retried(add, sandbox):
    account = add()
    sync()
    sandbox.remove_key("binance", key(account))
    sync()
    account.refresh_from_db()
    assert account.is_enabled
    sync()
    account.refresh_from_db()
    assert not account.is_enabled
    assert "Check the key" in account.disabled_reason
    assert state_of(account).due_at is None
    assert held(account)


def test_a_ban_stops_everything_until_its_end_and_is_no_reason_to_ask(add, sandbox):
    account = add()
    sync()
    sandbox.fault("ban", host="api.binance.com", for_s=300)
    sync()
    health = ExchangeHealth.objects.get()
    assert health.state(now()) == "banned"
    assert timedelta(seconds=250) < health.banned_until - now() < timedelta(seconds=310)
    sandbox.forget_requests()
    assert sync() == 0
    assert sandbox.requests() == []
    assert "banned" in state_of(account).error.lower()


def test_five_failed_batches_open_the_breaker_and_an_answer_closes_it(add, sandbox):
    add()
    sandbox.fault("status", status=500, body="oops")
    for _ in range(5):
        assert sync() == 1
    health = ExchangeHealth.objects.get()
    assert health.state(now()) == "open"
    assert sync() == 0
    ExchangeHealth.objects.update(opened_at=now() - timedelta(minutes=10))
    sandbox.clear_faults()
    assert sync() == 1
    assert ExchangeHealth.objects.get().state(now()) == "closed"


def test_a_clock_ten_seconds_off_is_measured_and_corrected(add, sandbox):
    account = add()
    sandbox.fault("clock", offset_ms=-10_000)
    sync()
    sync()
    assert state_of(account).failures == 0
    assert held(account)
    sandbox.clear_faults()
    sync()
    sync()
    assert state_of(account).failures == 0


def test_an_open_order_that_is_gone_is_looked_up(add, sandbox):
    import ccxt

    account = add()
    credentials = account.open_credentials()
    client = sandbox.point(ccxt.binance({"apiKey": credentials.api_key, "secret": credentials.secret}))
    kept = client.create_order("BTC/USDT", "limit", "buy", 0.01, 1000 * round(sandbox.price("BTC/USDT") / 2000))
    gone = client.create_order("BTC/USDT", "limit", "buy", 0.01, 1000 * round(sandbox.price("BTC/USDT") / 2000))
    sync(kind=SyncKind.ORDERS)
    assert state_of(account, "orders").error == ""
    assert Order.objects.filter(status="open").count() == 2
    client.cancel_order(gone["id"], "BTC/USDT")
    sync(kind=SyncKind.ORDERS)
    assert dict(Order.objects.values_list("order_id", "status")) == {kept["id"]: "open", gone["id"]: "canceled"}


def test_a_claim_that_was_lost_writes_nothing(add, monkeypatch):
    account = add()
    fetch = batch._fetch

    def slow(claim):
        results = fetch(claim)
        SyncState.objects.filter(account=account).update(claim=claim.run.pk + 1)
        return results

    monkeypatch.setattr(batch, "_fetch", slow)
    sync()
    assert held(account) == {}
    assert state_of(account).succeeded_at is None


def test_a_value_that_the_database_refuses_costs_its_own_account_only(add, monkeypatch):
    accounts = [add() for _ in range(5)]
    poisoned = accounts[2]
    store = batch.ledger.store

    def refusing(kind, readings):
        changes = store(kind, readings)
        if any(reading.account_id == poisoned.pk for reading in readings if not reading.reading.error):
            Balance.objects.filter(reading__account=poisoned).update(currency=None)
        return changes

    monkeypatch.setattr(batch.ledger, "store", refusing)
    sync()
    assert [bool(held(account)) for account in accounts] == [True, True, False, True, True]
    assert state_of(poisoned).error_kind == "BadResponse"
    assert KeptPayload.objects.get().account == poisoned
    assert SyncRun.objects.latest("pk").succeeded == 4


@pytest.fixture
def troubled(monkeypatch):
    """A function: the database cannot store balances so many times."""

    def trouble(times: int) -> None:
        left, store = iter(range(times)), batch.ledger.store

        def deadlocked(kind, readings):
            changes = store(kind, readings)
            if next(left, None) is not None:
                raise OperationalError("deadlock detected")
            return changes

        monkeypatch.setattr(batch.ledger, "store", deadlocked)

    return trouble


def test_a_deadlock_is_nobodys_fault_and_is_stored_at_the_second_try(add, troubled):
    accounts = [add() for _ in range(3)]
    troubled(1)
    sync()
    assert all(held(account) for account in accounts)
    run = SyncRun.objects.latest("pk")
    assert (run.succeeded, run.failed, run.error) == (3, 0, "")


def test_what_the_database_cannot_store_now_stays_due_and_is_read_anew(add, troubled):
    accounts = [add() for _ in range(3)]
    troubled(2)
    assert sync() == 3
    rows = SyncState.objects.filter(account__in=accounts, kind="balances")
    assert not rows.exclude(claimed_until=None, failures=0, losses=0, due_at__lte=now()).exists()
    run = SyncRun.objects.latest("pk")
    assert (run.succeeded, run.failed, run.finished_at is None) == (0, 0, False)
    assert run.error == "Nothing was stored, the database had trouble: deadlock detected"
    assert (KeptPayload.objects.count(), ExchangeHealth.objects.count()) == (0, 0)
    assert sync_batch("binance", SyncKind.BALANCES) == 3
    assert all(held(account) for account in accounts)


def test_a_poison_value_beside_a_deadlock_still_costs_its_own_account_only(add, monkeypatch):
    accounts = [add() for _ in range(3)]
    poisoned, store, left = accounts[1], batch.ledger.store, iter(range(1))

    def refusing(kind, readings):
        changes = store(kind, readings)
        if any(reading.account_id == poisoned.pk for reading in readings if not reading.reading.error):
            Balance.objects.filter(reading__account=poisoned).update(currency=None)
        if {reading.account_id for reading in readings} == {accounts[0].pk} and next(left, None) is not None:
            raise OperationalError("deadlock detected")
        return changes

    monkeypatch.setattr(batch.ledger, "store", refusing)
    sync()
    assert [bool(held(account)) for account in accounts] == [True, False, True]
    assert state_of(poisoned).error_kind == "BadResponse"


def test_only_the_wallets_that_the_owner_chose_are_asked_for(add, sandbox):
    account = add()
    ExchangeAccount.objects.update(wallets=["spot"])
    sandbox.forget_requests()
    sync()
    assert set(WalletReading.objects.values_list("wallet", flat=True)) == {"spot"}
    assert {request["path"] for request in sandbox.requests(key=key(account))} == {"/api/v3/account"}


def test_a_broken_host_costs_its_own_wallet_and_not_the_breaker(add, sandbox):
    account = add()
    sync()  # so that the markets are there
    sandbox.fault("status", host="fapi.binance.com", status=503, body="down")
    for _ in range(6):
        assert sync() == 1
    statuses = dict(WalletReading.objects.filter(account=account).values_list("wallet", "status"))
    assert (statuses["spot"], statuses["usdm"]) == (WalletStatus.OK, WalletStatus.FAILED)
    assert held(account)
    assert not ExchangeHealth.objects.exclude(failures=0).exists()
    state = state_of(account)
    assert (state.failures, state.due_at - state.attempted_at < timedelta(seconds=40)) == (6, True)


@pytest.mark.parametrize("asset", ["\\u0000COIN", "\\ud800"])
def test_a_text_that_no_database_keeps_costs_its_own_account_only(add, sandbox, asset):
    good, bad = add(), add()
    body = f'{{"balances": [{{"asset": "{asset}", "free": "1", "locked": "0"}}]}}'
    name = sandbox_name(sandbox, bad)
    sandbox.fault("status", path="/api/v3/account", account=name, status=200, body=body)
    sync()
    assert held(good)
    assert (state_of(good).failures, state_of(bad).error_kind) == (0, "BadResponse")


def test_an_order_whose_end_cannot_be_learnt_yet_is_not_shown_as_open(add, sandbox):
    account = add()
    placed = sandbox.place_order("binance", key(account), "BTCUSDT", "buy", "0.01", away=0.8)
    sync(kind=SyncKind.ORDERS)
    sandbox.cancel_order("binance", key(account), order_id=placed["order_id"])
    sandbox.fault("status", path="/api/v3/order", status=502, body="down")
    sync(kind=SyncKind.ORDERS)
    assert Order.objects.get().status == "gone"
    sandbox.clear_faults()
    sync(kind=SyncKind.ORDERS)
    assert Order.objects.get().status == "canceled"


def test_wallets_that_the_owner_gave_up_meanwhile_do_not_come_back(add, monkeypatch):
    account = add()
    fetch = batch._fetch

    def slow(claim):
        results = fetch(claim)
        ExchangeAccount.objects.filter(pk=account.pk).update(wallets=["spot"])
        return results

    monkeypatch.setattr(batch, "_fetch", slow)
    sync()
    assert set(WalletReading.objects.values_list("wallet", flat=True)) == {"spot"}


def test_one_bad_account_asked_for_again_and_again_does_not_shut_out_the_others(add, sandbox):
    add()
    bad = add()
    sync()
    sandbox.fault("truncate", account=sandbox_name(sandbox, bad))
    for _ in range(6):
        SyncState.objects.filter(account=bad, kind="balances").update(due_at=now(), claimed_until=None)
        assert sync_batch("binance", SyncKind.BALANCES) == 1
    assert state_of(bad).failures == 6
    assert not ExchangeHealth.objects.exclude(failures=0).exists()


def test_one_message_syncs_batch_after_batch_while_it_goes_fast(add, monkeypatch):
    monkeypatch.setattr(claim, "BATCH", 1)
    add()
    add()
    assert batch.sync_due("binance", SyncKind.BALANCES) == 2
    assert SyncRun.objects.filter(kind="balances").count() == 2


def test_a_slow_batch_is_its_messages_last(add, monkeypatch):
    monkeypatch.setattr(claim, "BATCH", 1)
    monkeypatch.setattr(batch, "BATCHES_FOR", timedelta(0))
    add()
    add()
    assert batch.sync_due("binance", SyncKind.BALANCES) == 1


def test_a_run_that_comes_back_forgets_the_losses_before_it(add):
    account = add()
    SyncState.objects.filter(account=account).update(losses=2)
    sync()
    assert state_of(account).losses == 0
