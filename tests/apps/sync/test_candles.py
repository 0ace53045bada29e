"""Candles of what is watched, from the exchange to the rows: paged, resumed, with the holes that there are."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DataError

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.ccxt import loop
from alphapulse.exchanges.ccxt.markets import reopen_all
from alphapulse.exchanges.described.binance import BINANCE
from alphapulse.exchanges.route import Route
from alphapulse.market import timeframes
from alphapulse.sandbox.testing import SandboxServer
from alphapulse.types import Credentials, SyncKind
from alphapulse.types import Environment as CoreEnvironment
from apps.core.clock import now
from apps.exchanges import budgets
from apps.exchanges.models import Environment, ExchangeAccount, ExchangeHealth
from apps.market.models import CandleSeries, SeriesStatus, WatchedSymbol
from apps.market.services import answers, candles_of, series, watch
from apps.sync.models import SyncRun, SyncState
from apps.sync.services import states
from apps.sync.services.batch import sync_batch, sync_due
from apps.sync.services.status import Standing, state_lines
from tests.apps.builders import workspace

BINANCE_SANDBOX = Route(exchange_id="binance", environment=CoreEnvironment.SANDBOX)
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
    """Two days and a half of hours: three short pages."""
    monkeypatch.setitem(series.KEPT, "1h", timedelta(hours=60))


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
    [
        ("binance", "BTC/USDT"),
        ("binance", "BTC/USDT:USDT"),
        ("binance", "BTC/USD:BTC"),
        ("bybit", "ETH/USDT:USDT"),
        ("bybit", "ETH/USDT"),
    ],
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


def test_spot_is_read_on_while_the_limit_of_futures_is_spent(add):
    add()
    pin(("BTC/USDT", "1h"), ("BTC/USDT:USDT", "1h"))
    # The next minute's, too: it may begin meanwhile.
    for at in (now(), now() + timedelta(minutes=1)):
        assert budgets.take(BINANCE_SANDBOX, {"usdm": 1}, wanted=2160, now=at).units
    sync()
    read = {row.symbol: row.covered_to is not None for row in CandleSeries.objects.all()}
    assert read == {"BTC/USDT": True, "BTC/USDT:USDT": False}


def test_nothing_is_claimed_again_and_again_while_the_only_limit_that_is_needed_is_spent(add):
    add()
    pin(("BTC/USDT:USDT", "1h"))
    for at in (now(), now() + timedelta(minutes=1)):
        assert budgets.take(BINANCE_SANDBOX, {"usdm": 1}, wanted=2160, now=at).units
    SyncState.objects.filter(exchange_id="binance", kind="candles").update(due_at=now(), claimed_until=None)
    before = SyncRun.objects.count()
    sync_due("binance", SyncKind.CANDLES)
    assert SyncRun.objects.count() - before <= 1
    assert state().due_at > now()


@pytest.fixture
def _short_pages(monkeypatch):
    lists = tuple(replace(each, per_page=24) for each in BINANCE.candles)
    monkeypatch.setitem(catalogue.EXCHANGES, "binance", replace(BINANCE, candles=lists))


@pytest.mark.usefixtures("_short_pages")
def test_pages_are_read_from_the_newest_back_and_go_on_where_an_error_stopped_them(add, sandbox):
    add()
    pin(("BTC/USDT", "1h"))
    sandbox.forget_requests()
    sandbox.fault("status", path="/api/v3/klines", status=500, body="{}", skip=1)
    sync()
    assert 0 < len(found()) <= 24
    assert CandleSeries.objects.get().status == SeriesStatus.FAILED
    sandbox.clear_faults()
    CandleSeries.objects.update(due_at=now())
    sync()
    begin = timeframes.ceiling(now() - timedelta(hours=60), "1h")
    bars = found()
    assert [bar.opened_at for bar in bars] == [begin + timedelta(hours=hour) for hour in range(len(bars))]
    assert CandleSeries.objects.get().holes.count() == 0
    assert (state().is_behind, state().failures) == (False, 0)


@pytest.mark.parametrize("fault", [{"kind": "html"}, {"kind": "status", "status": 200, "body": "{}"}])
def test_an_answer_that_is_none_proves_nothing(add, sandbox, fault):
    add()
    pin(("BTC/USDT", "1h"))
    sandbox.fault(**fault, path="/api/v3/klines")
    sync()
    row = CandleSeries.objects.get()
    assert (row.covered_to, row.status, bool(row.error), found()) == (None, SeriesStatus.FAILED, True, [])
    assert state().failures == 1


def test_while_nothing_is_watched_nothing_is_asked_for(add, sandbox):
    add()
    sandbox.forget_requests()
    sync()
    assert sandbox.requests(path="/api/v3/klines") == []
    assert (state().failures, state().is_behind) == (0, False)
    assert state().due_at > now() + timedelta(seconds=30)


def test_what_is_held_is_watched_and_asked_for_at_once(add):
    account = add()
    sync()
    SyncState.objects.filter(account=account, kind="balances").update(due_at=now())
    sync_batch("binance", SyncKind.BALANCES)
    watched = WatchedSymbol.objects.filter(source="held")
    assert set(watched.values_list("symbol", "timeframe")) == {("BTC/USDT", "1h"), ("BTC/USDT", "1d")}
    assert state().due_at <= now()
    assert state().is_behind
    (line,) = state_lines(SyncState.objects.filter(kind="candles"), now())
    assert (line.standing, line.progress) == (Standing.READING_BACK, "2 of 2 series to be read back")


def test_a_step_asks_for_each_series_and_tells_how_many_candles_are_new(add, sandbox):
    add()
    pin(("BTC/USDT", "1h"), ("BTC/USDT:USDT", "1h"))
    sandbox.forget_requests()
    sync()
    assert [len(sandbox.requests(path=path)) for path in ("/api/v3/klines", "/fapi/v1/klines")] == [1, 1]
    assert SyncRun.objects.latest("pk").changed == len(found()) + len(found("BTC/USDT:USDT"))


def due_again() -> None:
    CandleSeries.objects.filter(due_at__isnull=False).update(due_at=now())


def status_of(symbol: str) -> tuple[str, int]:
    row = CandleSeries.objects.get(symbol=symbol)
    return row.status, row.failures


def test_a_symbol_that_fails_costs_its_own_series_alone(add, sandbox):
    add()
    pin(("BTC/USDT", "1h"), ("ETH/USDT", "1h"))
    sandbox.fault("status", path="/api/v3/klines", query="*symbol=ETHUSDT*", status=500, body="{}")
    sync()
    assert (status_of("BTC/USDT"), status_of("ETH/USDT")) == ((SeriesStatus.OK, 0), (SeriesStatus.FAILED, 1))
    assert (state().failures, state().error) == (0, "")
    assert state().is_behind
    assert state().due_at <= CandleSeries.objects.get(symbol="ETH/USDT").due_at
    (line,) = state_lines(SyncState.objects.filter(kind="candles"), now())
    assert line.progress == "1 of 2 series to be read back, 1 failing"


def test_also_where_it_is_asked_for_alone(add, sandbox):
    add()
    pin(("BTC/USDT", "1h"), ("ETH/USDT", "1h"))
    sync()
    sandbox.fault("status", path="/api/v3/klines", query="*symbol=ETHUSDT*", status=500, body="{}")
    for failures in range(1, 8):
        CandleSeries.objects.filter(symbol="ETH/USDT").update(due_at=now())
        sync()
        assert status_of("ETH/USDT") == (SeriesStatus.FAILED, failures)
        assert state().failures == 0
    assert not ExchangeHealth.objects.exists()
    assert SyncRun.objects.latest("pk").failed == 0
    sandbox.clear_faults()
    due_again()
    sync()
    assert status_of("ETH/USDT") == (SeriesStatus.OK, 0)


def test_an_exchange_that_is_down_backs_off_as_a_whole(add, sandbox):
    add()
    pin(("BTC/USDT", "1h"), ("ETH/USDT", "1h"), ("BTC/USDT:USDT", "1h"))
    sync()
    due_again()
    sandbox.fault("status", status=503, body="{}")
    before = now()
    sync()
    assert (state().failures, bool(state().error)) == (1, True)
    assert state().due_at > before + timedelta(seconds=1)
    assert ExchangeHealth.objects.get().failures == 1


@pytest.mark.parametrize("first", ["*symbol=BTCUSDT*", "*symbol=ETHUSDT*"])
def test_who_is_told_to_wait_waits_with_all_series_and_blames_none(add, sandbox, first):
    add()
    pin(("BTC/USDT", "1h"), ("ETH/USDT", "1h"))
    sync()
    due_again()
    sandbox.fault("status", query=first, status=429, body="{}", headers={"Retry-After": "40"})
    before = now()
    sync()
    assert state().error_kind == "RateLimited"
    assert state().due_at > before + timedelta(seconds=30)
    assert set(CandleSeries.objects.values_list("status", "failures")) == {(SeriesStatus.OK, 0)}


def test_what_the_database_refuses_of_a_series_costs_that_series(add, sandbox, monkeypatch):
    add()
    pin(("BTC/USDT", "1h"), ("ETH/USDT", "1h"))
    stored = answers.store_candles

    def refuse(row, candles):
        if row.symbol == "ETH/USDT":
            raise DataError("numeric field overflow")
        return stored(row, candles)

    monkeypatch.setattr(answers, "store_candles", refuse)
    sync()
    assert (status_of("BTC/USDT"), status_of("ETH/USDT")) == ((SeriesStatus.OK, 0), (SeriesStatus.FAILED, 1))
    assert "numeric field overflow" in CandleSeries.objects.get(symbol="ETH/USDT").error
    assert (len(found()) > 0, state().failures) == (True, 0)


def page(hours: int) -> str:
    """As Binance tells candles: the newest so many."""
    newest = timeframes.floor(now(), "1h")
    opened = [int((newest - timedelta(hours=ago)).timestamp() * 1000) for ago in reversed(range(hours))]
    return json.dumps([[at, "1", "2", "1", "2", "5", at + 3_599_999, "7", 3, "2", "4", "0"] for at in opened])


@pytest.mark.usefixtures("_short_pages")
def test_who_tells_the_newest_page_whatever_is_asked_is_not_asked_without_end(add, sandbox):
    add()
    pin(("BTC/USDT", "1h"))
    sandbox.fault("status", path="/api/v3/klines", status=200, body=page(10))
    sandbox.forget_requests()
    for _ in range(4):
        due_again()
        sync()
    row = CandleSeries.objects.get()
    assert (row.status, row.is_behind, row.told_from) == (SeriesStatus.OK, False, row.covered_from)
    assert len(found()) == 10
    assert row.covered_from == found()[0].opened_at
    assert state().failures == 0
    # Once more each time, and twice for what is before.
    assert len(sandbox.requests(path="/api/v3/klines")) <= 10


@pytest.mark.usefixtures("_short_pages")
def test_empty_pages_before_a_market_was_listed_are_read_and_its_hours_begin_with_its_days(add, sandbox):
    add()
    pin(("BTC/USDT", "1d"), ("BTC/USDT", "1h"))
    sandbox.fault("status", path="/api/v3/klines", query="*interval=1d*", skip=1, status=200, body="[]")
    sandbox.fault("status", path="/api/v3/klines", query="*interval=1h*", status=500, body="{}")
    for _ in range(60):
        due_again()
        sync()
        if not CandleSeries.objects.get(timeframe="1d").is_behind:
            break
    days = CandleSeries.objects.get(timeframe="1d")
    assert (days.covered_from, days.first_at > days.covered_from) == (series.BEGINNING, True)
    # As if it were listed since yesterday.
    CandleSeries.objects.filter(pk=days.pk).update(first_at=timeframes.floor(now(), "1d") - timedelta(days=1))
    sandbox.clear_faults()
    sandbox.forget_requests()
    due_again()
    sync()
    hours = CandleSeries.objects.get(timeframe="1h")
    assert (hours.is_behind, hours.status) == (False, SeriesStatus.OK)
    assert timedelta(days=1) <= now() - hours.covered_from < timedelta(days=2)
    assert len(sandbox.requests(path="/api/v3/klines")) <= 4
