"""Where connections really go, seen at the socket."""

import asyncio
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from ccxt.base.types import Entry

from alphapulse.exchanges.catalogue import EXCHANGES
from alphapulse.exchanges.ccxt.answer import Request
from alphapulse.exchanges.ccxt.batch import Job
from alphapulse.exchanges.ccxt.client import open_client
from alphapulse.exchanges.ccxt.line import Line
from alphapulse.exchanges.ccxt.markets import template
from alphapulse.exchanges.errors import BadResponse
from alphapulse.exchanges.route import NoGateway, Route, rewritten
from alphapulse.types import Environment, SyncKind
from tests.alphapulse.exchanges import written
from tests.alphapulse.exchanges.asking import DEADLINE, batch, credentials_for, fetch, route_to, run
from tests.alphapulse.exchanges.scripted import Said, scripted_exchange

_connects: list[tuple] | None = None


def _audit(event: str, args: tuple) -> None:
    if _connects is not None and event in ("socket.connect", "socket.getaddrinfo"):
        _connects.append((event, args[1] if event == "socket.connect" else args[0]))


# An audit hook cannot be taken away again; it listens only while a test does.
sys.addaudithook(_audit)


@pytest.fixture
def connects() -> Iterator[list[tuple]]:
    global _connects
    _connects = []
    yield _connects
    _connects = None


def address(base: str) -> tuple:
    parts = urlsplit(base)
    return "socket.connect", (parts.hostname, parts.port)


def entries(client) -> list[str]:
    """The name of every endpoint that ccxt knows of the exchange."""
    found = {
        id(entry): name
        for kind in type(client).__mro__
        for name, entry in vars(kind).items()
        if isinstance(entry, Entry)
    }
    return sorted(set(found.values()))


UNIFIED = {
    "fetch_balance": (),
    "fetch_positions": (),
    "fetch_open_orders": ("{symbol}",),
    "fetch_closed_orders": ("{symbol}",),
    "fetch_order": ("1", "{symbol}"),
    "fetch_my_trades": ("{symbol}",),
    "fetch_ledger": (),
    "fetch_deposits": (),
    "fetch_withdrawals": (),
    "fetch_deposit_address": ("BTC",),
    "create_order": ("{symbol}", "limit", "buy", 1, 20000),
    "edit_order": ("1", "{symbol}", "limit", "buy", 1, 20000),
    "cancel_order": ("1", "{symbol}"),
    "cancel_all_orders": ("{symbol}",),
    "transfer": ("BTC", 1, "spot", "swap"),
    "withdraw": ("BTC", 1, "an-address"),
    "set_leverage": (5, "{symbol}"),
    "fetch_accounts": (),
}


async def call_everything(client) -> int:
    """Calls every endpoint and every private unified method; how many. What comes back is not the question."""
    symbol = next(iter(client.markets))
    calls = [(getattr(client, name), ({},)) for name in entries(client)]
    for name, arguments in UNIFIED.items():
        calls.append((getattr(client, name), tuple(symbol if a == "{symbol}" else a for a in arguments)))
    places = asyncio.Semaphore(50)

    async def one(method, arguments):
        async with places:
            await method(*arguments)

    await asyncio.gather(*(one(method, arguments) for method, arguments in calls), return_exceptions=True)
    return len(calls)


@pytest.mark.parametrize("environment", Environment)
@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_every_method_of_an_account_connects_to_its_gateway_only(exchange, connects, exchange_id, environment):
    exchange.answers = written.answers(exchange_id)
    route = route_to(exchange_id, exchange.base, environment=environment)

    async def used() -> int:
        await open_client(route)
        exchange.answers = {"*": Said(json={"nothing": 1})}
        return await call_everything(template(route).copy(credentials_for(exchange_id)))

    called = run(used())
    assert called > 50
    assert len(exchange.asked) > called / 2
    assert set(connects) == {address(exchange.base)}


def test_the_guard_sees_a_connection_that_goes_elsewhere(exchange, connects):
    """A live account without a gateway goes straight to the exchange: here, to one whose address is this machine's."""
    exchange.answers = {"*": Said(json={"serverTime": 1700000000000})}
    route = route_to("binance", "", environment=Environment.LIVE)

    async def asked():
        line = Line(route)
        request = Request(method="GET", url=f"{exchange.base}/x/y", headers={}, body=None)
        await line.send(request, address=rewritten(request.url, route), timeout=DEADLINE)
        await line.close()

    run(asked())
    assert connects == [address(exchange.base)]


@pytest.mark.parametrize("kind", SyncKind)
@pytest.mark.parametrize("exchange_id", [*EXCHANGES, "bitvavo"])
def test_a_sandbox_account_without_a_sandbox_opens_no_socket(connects, exchange_id, kind):
    route = Route(exchange_id=exchange_id, environment=Environment.SANDBOX)
    (outcome,) = batch(route, kind, [Job(credentials=credentials_for(exchange_id))])
    assert isinstance(outcome.error, NoGateway)
    assert "SANDBOX_URL" in outcome.error.message
    assert connects == []


def test_a_redirect_is_not_followed_to_another_host(exchange, connects):
    with scripted_exchange() as elsewhere:
        exchange.answers = written.answers("binance")
        exchange.answers["api.binance.com/api/v3/account"] = Said(
            status=307, json={}, headers={"Location": f"{elsewhere.base}/api.binance.com/api/v3/account"}
        )
        found = fetch(route_to("binance", exchange.base), SyncKind.BALANCES)
        spot = next(reading for reading in found if reading.wallet == "spot")
        assert isinstance(spot.error, BadResponse)
        assert elsewhere.asked == []
        assert address(elsewhere.base) not in connects


def test_a_proxy_of_the_environment_is_ignored(exchange, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    exchange.answers = written.answers("binance")
    assert all(reading.error is None for reading in fetch(route_to("binance", exchange.base), SyncKind.BALANCES))


def test_an_egress_leaves_by_its_own_address(exchange):
    exchange.answers = written.answers("binance")
    fetch(route_to("binance", exchange.base, egress="second", local_address="127.0.0.2"), SyncKind.BALANCES)
    assert {asked.remote for asked in exchange.asked} == {"127.0.0.2"}


def test_an_egress_leaves_by_its_proxy(exchange, connects):
    with scripted_exchange() as proxy:
        proxy.base, where = exchange.base, proxy.base
        proxy.answers = written.answers("binance")
        found = fetch(route_to("binance", exchange.base, egress="third", proxy=where), SyncKind.BALANCES)
        assert all(reading.error is None for reading in found)
        assert exchange.asked == []
        assert set(connects) == {address(where)}
        assert "api.binance.com/api/v3/account" in proxy.paths()


def test_no_cookie_of_one_account_goes_out_with_another(exchange):
    exchange.answers = written.answers("binance")
    told = written.answers("binance")["api.binance.com/api/v3/account"]
    exchange.answers["api.binance.com/api/v3/account"] = lambda asked: Said(
        json=told(asked).json, headers={"Set-Cookie": "session=of-the-first"}
    )
    route = route_to("binance", exchange.base)
    fetch(route, SyncKind.BALANCES)
    fetch(route, SyncKind.BALANCES)
    assert not any("Cookie" in asked.headers for asked in exchange.asked)
