"""One market table per exchange and process, however many accounts ask."""

import asyncio
from datetime import timedelta

import pytest

from alphapulse.exchanges.ccxt import markets
from alphapulse.exchanges.ccxt.batch import Job
from alphapulse.exchanges.ccxt.client import open_client
from alphapulse.exchanges.ccxt.markets import template
from alphapulse.exchanges.errors import Transient
from alphapulse.types import Credentials, Environment, SyncKind
from tests.alphapulse.exchanges import written
from tests.alphapulse.exchanges.asking import CREDENTIALS, batch, fetch, route_to, run
from tests.alphapulse.exchanges.scripted import Said

EXCHANGE_INFO = "api.binance.com/api/v3/exchangeInfo"


def test_fifty_accounts_at_once_load_the_markets_once(exchange):
    exchange.answers = written.answers("binance")
    info = exchange.answers[EXCHANGE_INFO]
    exchange.answers[EXCHANGE_INFO] = lambda asked: Said(json=info(asked).json, wait=0.2)
    jobs = [Job(credentials=Credentials(api_key=f"key-number-{n}", secret="secret")) for n in range(50)]
    outcomes = batch(route_to("binance", exchange.base), SyncKind.BALANCES, jobs)
    assert all(outcome.error is None for outcome in outcomes)
    assert exchange.paths().count(EXCHANGE_INFO) == 1
    assert exchange.paths().count("api.binance.com/api/v3/time") == markets.CLOCK_SAMPLES


def test_later_accounts_load_nothing(exchange):
    exchange.answers = written.answers("binance")
    route = route_to("binance", exchange.base)
    fetch(route, SyncKind.TICKERS)
    exchange.asked.clear()
    fetch(route, SyncKind.POSITIONS)
    assert exchange.paths() == ["fapi.binance.com/fapi/v3/positionRisk", "dapi.binance.com/dapi/v1/positionRisk"]


def test_another_egress_shares_the_table_and_another_environment_does_not(exchange):
    exchange.answers = written.answers("binance")
    fetch(route_to("binance", exchange.base), SyncKind.TICKERS)
    fetch(route_to("binance", exchange.base, egress="second"), SyncKind.TICKERS)
    assert exchange.paths().count(EXCHANGE_INFO) == 1
    fetch(route_to("binance", exchange.base, environment=Environment.LIVE), SyncKind.TICKERS)
    assert exchange.paths().count(EXCHANGE_INFO) == 2


def test_accounts_share_the_table_and_nothing_else(exchange):
    exchange.answers = written.answers("binance")

    async def opened():
        route = route_to("binance", exchange.base)
        await open_client(route)
        return [template(route).copy(Credentials(api_key=key, secret=key)) for key in ("one", "two")]

    one, two = run(opened())
    assert one.markets is two.markets
    assert one.line is two.line
    one.options["onlyMine"] = True
    one.headers["X-Only-Mine"] = "1"
    assert "onlyMine" not in two.options
    assert "X-Only-Mine" not in two.headers
    assert (one.apiKey, two.apiKey) == ("one", "two")


def test_connections_are_kept_and_shared(exchange):
    exchange.answers = written.answers("binance")
    route = route_to("binance", exchange.base)
    for _ in range(5):
        fetch(route, SyncKind.BALANCES)
    # The three tables are loaded at the same time.
    assert len({asked.port for asked in exchange.asked}) <= 3


def test_a_failed_first_load_is_tried_again_by_the_next(exchange):
    exchange.answers = {"*": Said(raw="<html>", status=502)}
    route = route_to("binance", exchange.base)
    (outcome,) = batch(route, SyncKind.BALANCES, [Job(credentials=CREDENTIALS)])
    assert type(outcome.error) is Transient
    exchange.answers = written.answers("binance")
    assert fetch(route, SyncKind.BALANCES)[0].error is None


def test_an_impatient_account_does_not_end_the_load_for_the_others(exchange):
    exchange.answers = written.answers("binance")
    info = exchange.answers[EXCHANGE_INFO]
    exchange.answers[EXCHANGE_INFO] = lambda asked: Said(json=info(asked).json, wait=0.6)
    route = route_to("binance", exchange.base)

    async def both():
        async def impatient():
            async with asyncio.timeout(0.1):
                await open_client(route, CREDENTIALS)

        return await asyncio.gather(impatient(), open_client(route, CREDENTIALS), return_exceptions=True)

    failed, opened = run(both())
    assert isinstance(failed, TimeoutError)
    assert not isinstance(opened, BaseException)
    assert exchange.paths().count(EXCHANGE_INFO) == 1


@pytest.fixture
def short_lived(monkeypatch):
    monkeypatch.setattr(markets, "MARKETS_LIVE", timedelta(0))


def wait_until_loaded(exchange, times: int) -> None:
    async def waited():
        for _ in range(100):
            if exchange.paths().count(EXCHANGE_INFO) >= times:
                break
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)

    run(waited())


def test_an_old_table_is_renewed_on_the_side_while_it_serves(exchange, short_lived):
    exchange.answers = written.answers("binance")
    route = route_to("binance", exchange.base)
    fetch(route, SyncKind.TICKERS)
    info = exchange.answers[EXCHANGE_INFO]
    more = info(None).json
    more["symbols"].append(more["symbols"][0] | {"symbol": "NEWUSDT", "baseAsset": "NEW"})
    exchange.answers[EXCHANGE_INFO] = Said(json=more, wait=0.2)
    assert fetch(route, SyncKind.POSITIONS)[0].error is None
    wait_until_loaded(exchange, 2)

    async def symbols():
        return set(template(route).ccxt.markets)

    wait_until_loaded(exchange, 3)
    assert "NEW/USDT" in run(symbols())


def test_an_old_table_stays_when_its_renewal_fails(exchange, short_lived):
    exchange.answers = written.answers("binance")
    route = route_to("binance", exchange.base)
    fetch(route, SyncKind.TICKERS)
    exchange.answers[EXCHANGE_INFO] = Said(raw="<html>", status=502)
    for _ in range(3):
        assert fetch(route, SyncKind.POSITIONS)[0].error is None


def test_a_table_that_is_refused_is_not_asked_for_with_every_job(exchange, short_lived):
    exchange.answers = written.answers("binance")
    route = route_to("binance", exchange.base)
    fetch(route, SyncKind.TICKERS)
    exchange.answers[EXCHANGE_INFO] = Said(raw="<html>", status=502)
    for _ in range(3):
        fetch(route, SyncKind.POSITIONS)
        wait_until_loaded(exchange, 2)
    assert exchange.paths().count(EXCHANGE_INFO) == 2


def test_a_table_that_lost_most_of_its_markets_is_not_believed(exchange):
    exchange.answers = written.answers("binance")
    route = route_to("binance", exchange.base)
    (before,) = fetch(route, SyncKind.MARKETS)
    for path in (EXCHANGE_INFO, "fapi.binance.com/fapi/v1/exchangeInfo"):
        exchange.answers[path] = Said(json=exchange.answers[path](None).json | {"symbols": []})
    (outcome,) = batch(route, SyncKind.MARKETS, [Job()])
    assert len(before.rows) == 5
    assert outcome.error is not None
    assert "market table" in outcome.error.message
