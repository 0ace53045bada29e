"""What batches do to the budget, and what they do without one."""

from collections.abc import Iterator

import pytest

from alphapulse.exchanges.route import Route
from alphapulse.sandbox.testing import SandboxServer
from alphapulse.types import Credentials, SyncKind
from alphapulse.types import Environment as CoreEnvironment
from apps.core.clock import now
from apps.exchanges import budgets
from apps.exchanges.budgets import alone
from apps.exchanges.models import Environment, ExchangeAccount, ExchangeHealth
from apps.ledger.models import Order, WalletReading
from apps.sync.models import SyncState
from apps.sync.services import batch, states
from apps.sync.services.batch import sync_batch
from apps.sync.services.claim import claim_batch
from tests.apps.builders import workspace

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shared_redis")]

LATER = [batch.BATCH_DEADLINE * part / 4 for part in (2, 3, 4)]
BYBIT = Route(exchange_id="bybit", environment=CoreEnvironment.SANDBOX)


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(markets=60, seed=5) as running:
        yield running


@pytest.fixture
def account(server, settings) -> ExchangeAccount:
    settings.SANDBOX_URL = server.url
    keys = server.create_account("bybit", holdings={"BTC": "1", "USDT": "100000"})
    mine = ExchangeAccount(
        workspace=workspace(), label=keys.account, exchange_id="bybit", environment=Environment.SANDBOX
    )
    mine.set_credentials(Credentials(api_key=keys.api_key, secret=keys.secret))
    mine.save()
    states.make_states(mine.pk)
    return mine


@pytest.fixture
def charged(monkeypatch) -> list[dict[str, int]]:
    """What was charged without a grant."""
    seen: list[dict[str, int]] = []
    charge = budgets.charge

    def watched(route, costs, *, now):
        seen.append(dict(costs))
        charge(route, costs, now=now)

    monkeypatch.setattr(batch.budgets, "charge", watched)
    return seen


def sync(kind: SyncKind) -> None:
    SyncState.objects.update(due_at=now())
    assert sync_batch("bybit", kind) == 1


def test_orders_that_are_looked_up_are_charged_too(account, server, charged):
    orders = [server.place_order("bybit", account.label, "BTCUSDT", "buy", "0.01", away=0.9) for _ in range(3)]
    sync(SyncKind.ORDERS)
    assert (Order.objects.filter(status="open").count(), charged) == (3, [])
    for order in orders[:2]:
        server.cancel_order("bybit", account.label, order_id=order["order_id"])
    sync(SyncKind.ORDERS)
    # Two orders, each looked for in two places at most.
    assert charged == [{"requests": 4}]
    assert Order.objects.filter(status="open").count() == 1


def test_what_was_fetched_is_kept_when_redis_goes_away(account, settings, monkeypatch):
    fetch = batch.fetch_batch

    def fetch_and_lose_redis(*args, **named):
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        return fetch(*args, **named)

    monkeypatch.setattr(batch, "fetch_batch", fetch_and_lose_redis)
    sync(SyncKind.BALANCES)
    assert set(WalletReading.objects.values_list("wallet", "status")) == {("unified", "ok"), ("funding", "ok")}


def test_with_redis_away_what_comes_due_is_still_synced(account, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    sync(SyncKind.BALANCES)
    assert SyncState.objects.get(account=account, kind="balances").failures == 0


@pytest.mark.parametrize("is_told", [True, False])
def test_what_was_spent_with_redis_away_is_told_by_a_row_to_who_did_not_notice(account, settings, is_told):
    sync(SyncKind.BALANCES)
    there, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"
    sync(SyncKind.BALANCES)
    settings.REDIS_URL = there
    # As in a process that has spent nothing meanwhile.
    alone.settled(list(alone._until))
    if not is_told:
        ExchangeHealth.objects.all().delete()
    claim = claim_batch("bybit", SyncKind.POSITIONS, now())
    assert claim.grant.is_unsure is is_told


def test_a_batch_takes_out_of_later_windows_what_it_has_sent(account):
    sync(SyncKind.BALANCES)
    later = [budgets.spent(BYBIT, now=now() + seconds)["requests"][0] for seconds in LATER]
    assert later == [0, 0, 0]
