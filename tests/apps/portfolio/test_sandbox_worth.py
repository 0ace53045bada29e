"""An account of known content at the sandbox, read by the syncs themselves, is worth what the worksheet says."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from alphapulse.exchanges.ccxt import loop
from alphapulse.exchanges.ccxt.markets import reopen_all
from alphapulse.sandbox.testing import SandboxServer
from alphapulse.types import Credentials, SyncKind
from apps.core.clock import now
from apps.exchanges.models import Environment, ExchangeAccount
from apps.ledger.models import Position
from apps.market.models import Ticker
from apps.portfolio.services.valuation import value_accounts
from apps.sync.models import SyncState
from apps.sync.services import states
from apps.sync.services.batch import sync_batch
from tests.apps.builders import workspace

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.usefixtures("shared_redis")]

# The catalogue's wallets, in the sandbox's words. `earn` is shown by spot as receipts, too, and counts once.
HOLDINGS = {
    "spot": {"USDT": "1000", "BTC": "0.5"},
    "funding": {"USDT": "200"},
    "earn": {"BTC": "0.25"},
    "futures": {"USDT": "5000"},
    "margin": {"USDT": "300"},
}


@pytest.fixture
def sandbox(settings) -> Iterator[SandboxServer]:
    with SandboxServer(markets=20, seed=3) as running:
        settings.SANDBOX_URL = running.url
        yield running
        loop.run(reopen_all(), deadline=timedelta(seconds=5))


def sync(kind: SyncKind) -> None:
    SyncState.objects.filter(kind=kind).update(due_at=now(), claimed_until=None)
    assert sync_batch("binance", kind) == 1


def test_every_wallet_counts_once_with_what_positions_have_earned(sandbox):
    debts = {"USDT": {"borrowed": "100", "interest": "0"}}
    keys = sandbox.create_account("binance", holdings=HOLDINGS, debts=debts)
    sandbox.set_position("binance", keys.api_key, "BTCUSDT", "0.1", leverage=5)
    mine = ExchangeAccount(workspace=workspace(), label="main", exchange_id="binance", environment=Environment.SANDBOX)
    mine.set_credentials(Credentials(api_key=keys.api_key, secret=keys.secret))
    mine.save()
    states.make_states(mine.pk)
    for kind in (SyncKind.TICKERS, SyncKind.BALANCES, SyncKind.POSITIONS):
        sync(kind)

    market = Ticker.objects.get(exchange_id="binance", symbol="BTC/USDT")
    price = (market.bid + market.ask) / 2
    earned = Position.objects.get(reading__account=mine).unrealized_pnl
    worth = value_accounts([mine], "USDT", now=now()).worth
    # USDT: 1,000 + 200 + 5,000 + 300 - 100 owed = 6,400; BTC: 0.5 + 0.25 at the middle of its book.
    assert worth.total == 6400 + Decimal("0.75") * price + earned
    assert worth.is_complete, (worth.unpriced, worth.failed, worth.stale)
    assert value_accounts([mine], "BTC", now=now()).worth.total == pytest.approx(worth.total / price)
