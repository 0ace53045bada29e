"""A live and a sandbox account of the same exchange, side by side: two sandboxes stand for the two worlds."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from alphapulse.exchanges.ccxt import loop
from alphapulse.exchanges.ccxt.markets import reopen_all
from alphapulse.sandbox.testing import SandboxServer
from alphapulse.types import Credentials, SyncKind
from apps.core.clock import now
from apps.exchanges import budgets, connections
from apps.exchanges.models import Environment, ExchangeAccount, ExchangeHealth
from apps.ledger.models import Balance
from apps.market.models import Ticker
from apps.sync.models import SyncState
from apps.sync.services import states
from apps.sync.services.batch import sync_batch
from tests.apps.builders import workspace

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shared_redis")]

LIVE, SANDBOX = Environment.LIVE, Environment.SANDBOX


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, SandboxServer]]:
    with SandboxServer(seed=1) as live, SandboxServer(seed=2) as sandbox:
        yield {LIVE: live, SANDBOX: sandbox}


@pytest.fixture
def worlds(servers, settings) -> Iterator[dict[str, SandboxServer]]:
    settings.EXCHANGE_GATEWAYS = {"binance": servers[LIVE].url}
    settings.SANDBOX_URL = servers[SANDBOX].url
    for server in servers.values():
        server.forget_requests()
    yield servers
    for server in servers.values():
        server.clear_faults()
        server.forgive()
    loop.run(reopen_all(), deadline=timedelta(seconds=5))


def add(worlds, environment: str, holdings: str) -> ExchangeAccount:
    keys = worlds[environment].create_account("binance", holdings={"BTC": holdings})
    account = ExchangeAccount(
        workspace=workspace(), label=f"{environment} one", exchange_id="binance", environment=environment
    )
    account.set_credentials(Credentials(api_key=keys.api_key, secret=keys.secret))
    account.save()
    states.make_states(account.pk)
    return account


def sync_all(kind: SyncKind = SyncKind.BALANCES) -> None:
    """A batch never mixes environments, so two are needed."""
    SyncState.objects.filter(kind=kind).update(due_at=now(), claimed_until=None)
    sync_batch("binance", kind)
    sync_batch("binance", kind)


def test_each_accounts_requests_and_rows_stay_in_its_own_world(worlds):
    live, sandbox = add(worlds, LIVE, "1"), add(worlds, SANDBOX, "2")
    sync_all()
    totals = dict(Balance.objects.values_list("reading__account", "total"))
    assert totals == {live.pk: Decimal(1), sandbox.pk: Decimal(2)}
    for account, server in ((live, worlds[LIVE]), (sandbox, worlds[SANDBOX])):
        keys = {request["key"] for request in server.requests() if request["key"]}
        assert keys == {account.open_credentials().api_key}


def test_prices_of_the_two_worlds_are_two_rows(worlds):
    add(worlds, LIVE, "1"), add(worlds, SANDBOX, "1")
    worlds[LIVE].set_price("BTC/USDT", "11111")
    worlds[SANDBOX].set_price("BTC/USDT", "22222")
    sync_all(SyncKind.TICKERS)
    prices = dict(Ticker.objects.filter(symbol="BTC/USDT").values_list("environment", "last"))
    assert Decimal(11000) < prices["live"] < Decimal(12000)
    assert Decimal(22000) < prices["sandbox"] < Decimal(23000)


def test_a_ban_and_a_spent_budget_in_one_world_are_not_the_others(worlds):
    live, sandbox = add(worlds, LIVE, "1"), add(worlds, SANDBOX, "1")
    worlds[LIVE].fault("ban", host="api.binance.com", for_s=300)
    sync_all()
    assert [health.environment for health in ExchangeHealth.objects.exclude(banned_until=None)] == ["live"]
    succeeded = dict(SyncState.objects.filter(kind="balances").values_list("account", "succeeded_at"))
    assert succeeded[live.pk] is None
    assert succeeded[sandbox.pk] is not None
    way = {
        environment: connections.route(exchange_id="binance", environment=environment, egress="default")
        for environment in (LIVE, SANDBOX)
    }
    before = budgets.spent(way[SANDBOX], now=now())
    budgets.take(way[LIVE], {"spot": 1}, wanted=100, now=now())
    assert budgets.spent(way[SANDBOX], now=now()) == before


def test_a_sandbox_account_without_a_sandbox_asks_nobody(worlds, settings):
    account = add(worlds, SANDBOX, "1")
    settings.SANDBOX_URL = ""
    sync_all()
    state = SyncState.objects.get(account=account, kind="balances")
    assert "SANDBOX_URL is not set" in state.error
    assert worlds[LIVE].requests() == worlds[SANDBOX].requests() == []
