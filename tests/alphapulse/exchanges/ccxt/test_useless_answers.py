"""A 200 that is not what was asked for is a failure, for every exchange and kind; ccxt takes it for "nothing there"."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from alphapulse.exchanges.catalogue import EXCHANGES
from alphapulse.exchanges.catalogue import exchange as facts_of
from alphapulse.exchanges.ccxt import histories, markets
from alphapulse.exchanges.ccxt.batch import Job
from alphapulse.exchanges.errors import BadResponse, NotSupported
from alphapulse.exchanges.route import Route
from alphapulse.types import ACCOUNT_KINDS, SyncKind
from tests.alphapulse.exchanges import written
from tests.alphapulse.exchanges.asking import batch, credentials_for, route_to, run
from tests.alphapulse.exchanges.histories import wanted
from tests.alphapulse.exchanges.scripted import Asked, Said, ScriptedExchange

HTML = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body>We will be back soon</body></html>"
BODIES = {
    "an HTML page": lambda whole: HTML,
    "nothing": lambda whole: "",
    "blanks": lambda whole: " \n",
    "cut JSON": lambda whole: whole[: len(whole) * 2 // 3],
    "null": lambda whole: "null",
    "a string": lambda whole: '"OK"',
    "a number": lambda whole: "0",
    "true": lambda whole: "true",
    "an empty mapping": lambda whole: "{}",
    "a mapping of something else": lambda whole: '{"status": "ok"}',
    "a list of nulls": lambda whole: "[null]",
    "NaN": lambda whole: "[NaN]",
}
MARKET = {
    "id": "BTCUSDT",
    "symbol": "BTC/USDT",
    "base": "BTC",
    "quote": "USDT",
    "baseId": "BTC",
    "quoteId": "USDT",
    "type": "spot",
    "spot": True,
    "active": True,
    "precision": {"amount": "0.1", "price": "0.1"},
    "limits": {},
}
KINDS = [*ACCOUNT_KINDS, SyncKind.TICKERS]
HISTORIES = [
    pytest.param(exchange_id, kind, history, id=f"{exchange_id}-{kind}-{history.source}")
    for exchange_id, facts in EXCHANGES.items()
    for kind, lists in facts.histories.items()
    for history in lists
]
# A symbol of the written markets, for lists that want one.
SYMBOLS = {
    ("spot", False): "BTC/USDT",
    ("swap", False): "BTC/USDT:USDT",
    ("swap", True): "BTC/USD:BTC",
    ("", False): "",
}


def spoiled(exchange: ScriptedExchange, exchange_id: str, body: str) -> None:
    """From now on every answer but the one about unified accounts has this body, with status 200."""

    def said(asked: Asked) -> Said:
        answer = whole.get(f"{asked.host}{asked.path}", Said(json={}))
        answer = answer(asked) if callable(answer) else answer
        return Said(raw=BODIES[body](json.dumps(answer.json)), headers={"Content-Type": "application/json"})

    whole = written.answers(exchange_id)
    kept = {name: answer for name, answer in whole.items() if name.endswith("/account/detail")}
    exchange.answers = {**kept, "*": said}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_a_useless_answer_is_no_reading(exchange, exchange_id, kind, body):
    exchange.answers = written.answers(exchange_id)
    route = route_to(exchange_id, exchange.base)
    job = Job(credentials=credentials_for(exchange_id))
    batch(route, SyncKind.TICKERS, [job])  # so that the markets are there
    spoiled(exchange, exchange_id, body)
    (outcome,) = batch(route, kind, [job])
    assert outcome.error is None or isinstance(outcome.error, BadResponse), outcome.error
    errors = [reading.error for reading in outcome.readings] or [outcome.error] * len(facts_of(exchange_id).reads[kind])
    assert len(errors) == len(facts_of(exchange_id).reads[kind])
    for error in errors:
        assert isinstance(error, BadResponse), error
        assert error.message.startswith(facts_of(exchange_id).name)


@pytest.mark.parametrize(("exchange_id", "kind", "history"), HISTORIES)
def test_a_useless_answer_is_no_history(exchange, monkeypatch, exchange_id, kind, history):
    # Nobody counts the requests of a second here.
    monkeypatch.setattr(histories, "PACE", 0)
    symbol = SYMBOLS.get((history.market_type, history.is_inverse))
    if symbol is None:
        # Dated contracts: none is among the written markets, and their lists differ from those of swaps by name alone.
        assert history.source.endswith("-dated")
        return
    exchange.answers = written.answers(exchange_id)
    route = route_to(exchange_id, exchange.base)
    batch(route, SyncKind.TICKERS, [Job()])  # so that the markets are there
    begun = wanted(history.source, symbol)
    for body in BODIES:
        spoiled(exchange, exchange_id, body)
        (outcome,) = batch(route, kind, [Job(credentials=credentials_for(exchange_id), wanted=[begun])])
        assert outcome.error is None, body
        (step,) = outcome.steps
        assert isinstance(step.error, BadResponse), (body, step)
        assert step.error.message.startswith(facts_of(exchange_id).name)
        assert (step.rows, step.cursor, step.is_caught_up) == ((), begun.cursor, False)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_useless_answers_leave_the_market_table_as_it_was(exchange, exchange_id, body):
    exchange.answers = written.answers(exchange_id)
    route = route_to(exchange_id, exchange.base)
    (before,) = batch(route, SyncKind.MARKETS, [Job()])
    spoiled(exchange, exchange_id, body)
    (spoilt,) = batch(route, SyncKind.MARKETS, [Job()])
    assert isinstance(spoilt.error, BadResponse)
    exchange.answers = written.answers(exchange_id)
    (after,) = batch(route, SyncKind.TICKERS, [Job()])
    assert after.error is None
    assert {row.symbol for row in before.readings[0].rows} >= {row.symbol for r in after.readings for row in r.rows}


@pytest.mark.parametrize(
    "envelope",
    [{"status": "error", "message": "scheduled maintenance"}, {"error": "maintenance"}, {"status": "ok"}],
)
@pytest.mark.parametrize("exchange_id", ["bitget", "bingx", "mexc", "poloniex", "hashkey"])
def test_an_envelope_that_nobody_has_described_is_no_empty_wallet(exchange, exchange_id, envelope):
    route = route_to(exchange_id, exchange.base)
    with_markets(route)
    exchange.answers = {"*": Said(json=envelope)}
    for kind in (SyncKind.BALANCES, SyncKind.ORDERS, SyncKind.POSITIONS):
        (outcome,) = batch(route, kind, [Job(credentials=credentials_for(exchange_id))])
        errors = [outcome.error] if outcome.error else [reading.error for reading in outcome.readings]
        assert all(isinstance(error, BadResponse | NotSupported) for error in errors), (kind, outcome)


def with_markets(route: Route) -> None:
    """A market table without asking for one: each exchange has a form of its own for it."""

    async def put() -> None:
        shared = markets.template(route)
        shared.table.ccxt = markets._new(shared.line)
        shared.table.ccxt.set_markets({"BTC/USDT": MARKET})
        # ccxt's own mark that they are loaded.
        shared.table.ccxt.markets_loading = asyncio.get_running_loop().create_future()
        shared.table.ccxt.markets_loading.set_result(shared.table.ccxt.markets)
        shared.table.loaded_at = shared.table.as_of = shared._measured_at = datetime.now(UTC)

    run(put())


def test_the_start_of_a_useless_answer_is_kept_for_a_look(exchange):
    exchange.answers = written.answers("binance")
    route = route_to("binance", exchange.base)
    batch(route, SyncKind.TICKERS, [Job()])
    spoiled(exchange, "binance", "an HTML page")
    (outcome,) = batch(route, SyncKind.BALANCES, [Job(credentials=credentials_for("binance"))])
    assert "We will be back soon" in outcome.readings[0].error.payload
