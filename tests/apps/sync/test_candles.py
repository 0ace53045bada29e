"""Candles of what is watched, from the exchange to the rows: paged, resumed, with the holes that there are."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from alphapulse.exchanges.ccxt import loop
from alphapulse.exchanges.ccxt.markets import reopen_all
from alphapulse.market import timeframes
from alphapulse.sandbox.testing import SandboxServer
from alphapulse.types import Credentials, SyncKind
from apps.core.clock import now
from apps.exchanges.models import Environment, ExchangeAccount
from apps.market.services import candles_of, series, watch
from apps.sync.models import SyncState
from apps.sync.services import states
from apps.sync.services.batch import sync_batch
from tests.apps.builders import workspace

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.usefixtures("shared_redis")]


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


@pytest.fixture(autouse=True)
def _short_pasts(monkeypatch):
    """Two days and a half of hours: three pages, where a page has 24."""
    monkeypatch.setitem(series.KEPT, "1h", timedelta(hours=60))
    monkeypatch.setitem(series.KEPT, "5m", timedelta(hours=2))


@pytest.fixture
def add(sandbox):
    def add(exchange_id: str = "binance") -> ExchangeAccount:
        keys = sandbox.create_account(exchange_id, holdings={"BTC": "1.5", "USDT": "1000"})
        account = ExchangeAccount(
            workspace=workspace(), label=exchange_id, exchange_id=exchange_id, environment=Environment.SANDBOX
        )
        account.set_credentials(Credentials(api_key=keys.api_key, secret=keys.secret))
        account.save()
        states.make_states(account.pk)
        sync(exchange_id, SyncKind.MARKETS)
        return account

    return add


def sync(exchange_id: str = "binance", kind: SyncKind = SyncKind.CANDLES) -> int:
    SyncState.objects.filter(exchange_id=exchange_id, kind=kind).update(due_at=now(), claimed_until=None)
    return sync_batch(exchange_id, kind)


def state(exchange_id: str = "binance") -> SyncState:
    return SyncState.objects.get(account=None, kind="candles", exchange_id=exchange_id)


def pin(*symbols: tuple[str, str], exchange_id: str = "binance") -> None:
    watch("pinned", exchange_id=exchange_id, environment="sandbox", symbols=symbols, now=now())


def found(symbol: str = "BTC/USDT", timeframe: str = "1h", exchange_id: str = "binance") -> list:
    return candles_of(exchange_id, "sandbox", symbol, timeframe, now() - timedelta(days=9), now())


@pytest.mark.parametrize(
    ("exchange_id", "symbol"),
    [("binance", "BTC/USDT"), ("binance", "BTC/USDT:USDT"), ("bybit", "ETH/USDT:USDT"), ("bybit", "ETH/USDT")],
)
def test_what_is_watched_is_read_back_to_its_start(add, sandbox, exchange_id, symbol):
    add(exchange_id)
    pin((symbol, "1h"), exchange_id=exchange_id)
    sync(exchange_id)
    assert state(exchange_id).error == ""
    bars = found(symbol, exchange_id=exchange_id)
    begin = timeframes.ceiling(now() - timedelta(hours=60), "1h")
    assert [bar.opened_at for bar in bars] == [begin + timedelta(hours=hour) for hour in range(len(bars))]
    assert [bar.is_closed for bar in bars] == [True] * (len(bars) - 1) + [False]
    assert not state(exchange_id).is_behind
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)
