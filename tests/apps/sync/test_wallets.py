"""Which wallets a sync asks for: what costs much or is empty seldom, what a key may not read more seldom still."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import ccxt
import pytest

from alphapulse.exchanges.described.binance import BINANCE
from alphapulse.exchanges.route import Route
from alphapulse.sandbox.testing import SandboxServer
from alphapulse.types import Credentials, SyncKind
from alphapulse.types import Environment as CoreEnvironment
from apps.core import clock
from apps.exchanges import budgets
from apps.exchanges.budgets import counters
from apps.exchanges.models import Environment, ExchangeAccount
from apps.exchanges.services import change_account
from apps.ledger.models import Balance, Order, WalletReading, WalletStatus
from apps.ledger.services.wallets import counted
from apps.sync.models import SyncRun, SyncState
from apps.sync.services import batch, states
from apps.sync.services.batch import sync_batch
from apps.sync.services.shares import BY_HAND, kept
from tests.apps.builders import workspace
from tests.apps.lanes import know_all_lanes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.usefixtures("shared_redis")]

DEFAULT = Route(exchange_id="binance", environment=CoreEnvironment.SANDBOX)
PATHS = {
    "earn-locked": "/sapi/v1/simple-earn/locked/position",
    "margin": "/sapi/v1/margin/account",
    "usdm": "/fapi/v3/account",
    "coinm": "/dapi/v1/account",
    "spot": "/api/v3/account",
}


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(markets=20, seed=3) as running:
        yield running


@pytest.fixture
def sandbox(server, settings) -> Iterator[SandboxServer]:
    settings.SANDBOX_URL = server.url
    yield server
    server.clear_faults()
    server.forgive()


class Clock:
    """The apps' clock, which the test turns."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return real_now() + self.ahead


real_now = clock.now


@pytest.fixture
def passing(monkeypatch) -> Clock:
    turned = Clock()
    for module in (batch, states):
        monkeypatch.setattr(module, "clock_now", turned)
    return turned


@pytest.fixture
def add(sandbox):
    def add(chosen: tuple[str, ...] = (), **wishes) -> ExchangeAccount:
        keys = sandbox.create_account("binance", **({"holdings": {"USDT": "1000"}} | wishes))
        account = ExchangeAccount(
            workspace=workspace(),
            label=keys.account,
            exchange_id="binance",
            environment=Environment.SANDBOX,
            wallets=list(chosen),
        )
        account.set_credentials(Credentials(api_key=keys.api_key, secret=keys.secret))
        account.save()
        states.make_states(account.pk)
        SyncState.objects.update(requested_at=None)
        return account

    return add


@pytest.fixture
def asked(sandbox, passing):
    """A function: syncs once at that time, and tells which wallets the exchange was asked for."""

    def asked(after: timedelta = timedelta(0), kind: SyncKind = SyncKind.BALANCES, *, by_hand: bool = False) -> set:
        passing.ahead += after
        requested_at = passing() if by_hand else None
        SyncState.objects.filter(kind=kind).update(due_at=passing(), claimed_until=None, requested_at=requested_at)
        sandbox.forget_requests()
        assert sync_batch("binance", kind)
        seen = {record["path"] for record in sandbox.requests()}
        return {wallet for wallet, path in PATHS.items() if path in seen}

    return asked


def reading(wallet: str, kind: SyncKind = SyncKind.BALANCES) -> WalletReading:
    return WalletReading.objects.get(wallet=wallet, kind=kind)


MINUTE = timedelta(minutes=1)


def test_what_is_empty_is_asked_for_seldom_and_stays_fresh_meanwhile(add, asked, passing):
    add()
    assert asked() == set(PATHS)
    assert asked(MINUTE) == {"spot", "usdm"}
    assert asked(3 * MINUTE) == {"spot", "usdm"}
    assert not reading("coinm").is_stale(passing())
    assert asked(MINUTE + MINUTE / 10) == {"spot", "usdm", "margin", "coinm"}
    assert asked(5 * MINUTE) >= {"earn-locked"}


def test_what_holds_something_is_asked_for_at_each_sync_but_for_what_costs_too_much(add, asked, passing):
    add(holdings={"delivery": {"BTC": "1"}, "margin": {"USDT": "5"}, "earn-locked": {"ADA": "7"}})
    assert asked() == set(PATHS)
    assert asked(MINUTE) == {"spot", "usdm", "margin", "coinm"}
    assert asked(4 * MINUTE + MINUTE / 10) >= {"earn-locked"}
    assert not reading("earn-locked").is_stale(passing() + 14 * MINUTE)
    assert reading("earn-locked").is_stale(passing() + 16 * MINUTE)
    held = Balance.objects.exclude(reading__wallet__in=["spot", "usdm"])
    assert {(row.reading.wallet, row.currency, row.total) for row in held} == {
        ("coinm", "BTC", 1),
        ("margin", "USDT", 5),
        ("earn-locked", "ADA", 7),
    }


def test_what_people_ask_for_is_asked_of_all_wallets(add, asked):
    add()
    asked()
    assert asked(MINUTE, by_hand=True) == set(PATHS)


def test_a_wallet_that_is_suddenly_empty_is_looked_at_again_at_the_next_sync(add, asked, sandbox):
    account = add(holdings={"delivery": {"BTC": "1"}})
    asked()
    sandbox.set_balance("binance", account.label, "BTC", 0, wallet="delivery")
    asked(MINUTE)
    assert reading("coinm").status == WalletStatus.UNCONFIRMED
    assert "coinm" in asked(MINUTE)
    assert (reading("coinm").status, Balance.objects.filter(reading__wallet="coinm").count()) == (WalletStatus.OK, 0)
    assert "coinm" not in asked(MINUTE)


def test_a_wallet_that_could_not_be_read_is_asked_for_again_at_the_next_sync(add, asked, sandbox):
    add()
    sandbox.fault("html", path="/dapi/v1/account", count=1)
    asked()
    assert reading("coinm").status == WalletStatus.FAILED
    assert "coinm" in asked(MINUTE)
    assert reading("coinm").status == WalletStatus.OK


def test_a_wallet_that_the_key_may_not_read_says_so_and_is_asked_for_once_an_hour(add, asked, sandbox):
    account = add(wallets=["spot", "funding"])
    assert asked() == set(PATHS)
    coinm = reading("coinm")
    assert coinm.status == WalletStatus.NOT_PERMITTED
    assert coinm.error == (
        "Binance: this key may not read the coinm wallet (code -2015). "
        "Give the key the right to read this wallet at the exchange, or leave the wallet out. "
        "It is tried again once an hour, and by a resync."
    )
    assert asked(MINUTE) == {"spot"}
    sandbox.put_key("binance", account.label, api_key=account.open_credentials().api_key)
    assert asked(30 * MINUTE) == {"spot"}
    assert asked(30 * MINUTE) == set(PATHS)
    assert reading("coinm").status == WalletStatus.OK


def test_after_a_change_of_the_account_all_its_wallets_are_asked_for(add, asked):
    account = add(wallets=["spot", "funding"])
    asked()
    states.follow_account(account.pk)
    assert asked(MINUTE) == set(PATHS)


def test_accounts_whose_keys_may_not_read_a_kind_have_not_failed(add, asked):
    add(wallets=["spot", "funding"])
    asked(kind=SyncKind.POSITIONS)
    run = SyncRun.objects.latest("pk")
    assert (run.succeeded, run.failed, run.error) == (1, 0, "")
    statuses = WalletReading.objects.filter(kind=SyncKind.POSITIONS).values_list("status", flat=True)
    assert list(statuses) == [WalletStatus.NOT_PERMITTED] * 2


def test_a_kind_that_a_key_may_not_read_is_asked_for_whole_an_hour_later(add, asked, sandbox):
    add(wallets=["spot", "funding"])
    asked(kind=SyncKind.POSITIONS)
    due_at = SyncState.objects.get(kind="positions").due_at
    asked(due_at - real_now(), kind=SyncKind.POSITIONS)
    assert {record["path"] for record in sandbox.requests()} >= {"/fapi/v3/positionRisk", "/dapi/v1/positionRisk"}


def test_nor_for_an_hour_what_was_not_asked_for_yet(add, asked, sandbox, shared_redis):
    """Of a count that is lost little may be spent: at first the usual wallets alone are asked for."""
    account = add(wallets=["spot"])
    counters.server(shared_redis).flushall()
    asked(kind=SyncKind.POSITIONS)
    assert set(WalletReading.objects.values_list("wallet", flat=True)) == {"usdm"}
    state = SyncState.objects.get(kind="positions")
    assert state.failures == 0
    assert state.due_at - state.attempted_at < 2 * state.interval
    know_all_lanes(shared_redis)
    asked(state.due_at - real_now(), kind=SyncKind.POSITIONS)
    assert {each.status for each in WalletReading.objects.all()} == {WalletStatus.NOT_PERMITTED}
    state.refresh_from_db()
    assert state.due_at - state.attempted_at > timedelta(minutes=50)
    assert not wallets_missing(account)


def wallets_missing(account: ExchangeAccount) -> list[WalletReading]:
    return list(counted([account], [SyncKind.POSITIONS], real_now()).missing)


def test_trigger_orders_are_chosen_with_the_wallet_that_they_are_part_of(add, asked, sandbox):
    account = add(("usdm",), holdings={"futures": {"USDT": "5000"}})
    asked(kind=SyncKind.ORDERS)
    paths = {record["path"] for record in sandbox.requests()}
    assert {"/fapi/v1/openOrders", "/fapi/v1/openAlgoOrders"} <= paths
    assert not [path for path in paths if path.startswith(("/api/v3/openOrders", "/dapi", "/sapi"))]
    assert set(WalletReading.objects.values_list("wallet", flat=True)) == {"usdm", "usdm-trigger"}
    change_account(account, label="x", egress="default", wallets=["usdm", "spot"], history_from=None, at=real_now())
    assert set(WalletReading.objects.values_list("wallet", flat=True)) == {"usdm", "usdm-trigger"}
    change_account(account, label="x", egress="default", wallets=["spot"], history_from=None, at=real_now())
    assert not WalletReading.objects.exists()


def test_an_account_of_seldom_wallets_alone_asks_for_one_of_them(add, asked):
    add(("coinm", "margin"))
    assert asked() == {"coinm", "margin"}
    assert len(asked(MINUTE)) == 1


# --- The budget


def spent(quota: str, at: datetime) -> int:
    return budgets.spent(DEFAULT, now=at)[quota][0] or 0


def test_no_account_waits_for_what_is_asked_for_seldom(add, asked, shared_redis):
    for _ in range(3):
        add()
    # Of the minute's sapi calls so much is left: for the usual ones, and for two locked wallets.
    left = 400 + int(12000 * BY_HAND)
    assert budgets.take(DEFAULT, {"sapi": 1}, wanted=10800 - left, now=real_now()).units == 10800 - left
    asked()
    ok = WalletReading.objects.filter(status=WalletStatus.OK)
    assert ok.filter(wallet="spot").count() == 3
    assert 1 <= ok.filter(wallet="earn-locked").count() <= 2
    assert WalletReading.objects.filter(wallet="earn-locked").count() == ok.filter(wallet="earn-locked").count()


def test_what_is_asked_for_seldom_has_its_part_while_candles_are_read_back(add, asked):
    add()
    keep = kept(DEFAULT, SyncKind.CANDLES, BY_HAND, real_now())
    assert budgets.take(DEFAULT, {"usdm": 2, "spot": 2, "sapi": 2}, wanted=100_000, now=real_now(), keep=keep).units
    assert asked() == set(PATHS)


def test_what_an_account_of_seldom_wallets_alone_asks_for_is_counted(add, asked, passing):
    for _ in range(3):
        add(("coinm",))
    costs = BINANCE.costs(SyncKind.BALANCES, ["coinm"])
    assert asked() == asked(MINUTE) == {"coinm"}
    assert {name: spent(name, passing()) for name in costs} == {name: 3 * weight for name, weight in costs.items()}


def test_what_is_asked_for_seldom_waits_while_a_count_is_lost(add, asked, shared_redis):
    add()
    assert asked() == set(PATHS)
    counters.server(shared_redis).flushall()
    # A probe, then what may trickle until all from before the loss was sent.
    assert [asked(by_hand=True), asked(by_hand=True)] == [{"spot", "usdm"}, {"spot", "usdm"}]
    counters.server(shared_redis).flushall()
    know_all_lanes(shared_redis)
    assert asked(by_hand=True) == set(PATHS)


def test_what_is_granted_and_not_asked_is_given_back(add, asked, passing):
    for _ in range(5):
        add(wallets=["spot", "funding"])
    asked(kind=SyncKind.ORDERS)
    assert spent("usdm", passing()) >= 200
    asked(5 * MINUTE, kind=SyncKind.ORDERS)
    assert spent("usdm", passing()) == 0
    assert spent("spot", passing()) >= 400


def test_trigger_prices_are_kept_with_their_orders(add, asked, sandbox):
    account = add(holdings={"spot": {"BTC": "1"}})
    sandbox.set_price("BTC/USDT", "80000")
    keys = account.open_credentials()
    trader = sandbox.point(ccxt.binance({"apiKey": keys.api_key, "secret": keys.secret}))
    trader.create_order("BTC/USDT", "limit", "sell", 0.01, 69000, {"stopPrice": 70000})
    asked(kind=SyncKind.ORDERS)
    row = Order.objects.get()
    assert (row.price, row.trigger_price, row.status) == (69000, 70000, "open")


def test_the_pause_is_no_longer_than_the_owner_wants_to_wait(add, asked):
    add()
    SyncState.objects.update(interval_override=timedelta(minutes=30))
    asked()
    assert reading("coinm").due_at is None
    assert reading("earn-locked").due_at is None
