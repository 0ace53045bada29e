"""A past that the sandbox has lived, once from the exchange's own files and once by its API: the same rows."""

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from alphapulse.exchanges.catalogue import EXCHANGES
from alphapulse.exchanges.facts import History
from alphapulse.exchanges.history import Event, key
from alphapulse.sandbox.testing import SandboxServer
from alphapulse.types import Credentials, SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import FundingPayment, LedgerEntry, Order, Trade, Transfer
from apps.ledger.services import store_events
from apps.ledger.services.imports import import_export, read_for
from tests.alphapulse.exchanges.asking import route_to
from tests.alphapulse.exchanges.histories import read
from tests.apps.builders import NOON, account
from tests.apps.ledger import written_exports

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

DAYS, PAST = 40, {"days": 40, "trades": 120, "symbols": ["BTCUSDT", "ETHUSDT", "linear:BTCUSDT"], "seed": 7}
SYMBOLS = {"spot": ("BTC/USDT", "ETH/USDT"), "swap": ("BTC/USDT:USDT",)}
MODELS = (Trade, Transfer, FundingPayment, LedgerEntry)
# What files tell of each: the rest (moves between wallets, margin interest, fiat) is the API's alone.
KINDS = {
    "binance": (
        SyncKind.TRADES,
        SyncKind.CLOSED_ORDERS,
        SyncKind.TRANSFERS,
        SyncKind.FUNDING_PAYMENTS,
        SyncKind.LEDGER,
    ),
    "bybit": (SyncKind.TRADES, SyncKind.FUNDING_PAYMENTS, SyncKind.LEDGER),
}

Answers = dict[SyncKind, dict[str, list[Event]]]


@dataclass(frozen=True)
class Past:
    """`answers` by kind and source; `files` by name."""

    exchange_id: str
    truth: list[dict[str, Any]]
    answers: Answers
    files: dict[str, bytes]

    @property
    def told(self) -> dict[SyncKind, list[Event]]:
        return {kind: [row for rows in answers.values() for row in rows] for kind, answers in self.answers.items()}


@pytest.fixture(scope="module")
def pasts() -> Iterator[dict[str, Past]]:
    with SandboxServer() as sandbox:
        yield {exchange_id: lived(sandbox, exchange_id) for exchange_id in KINDS}


@pytest.fixture(params=KINDS)
def past(request, pasts) -> Past:
    return pasts[request.param]


def lived(sandbox: SandboxServer, exchange_id: str) -> Past:
    keys = sandbox.create_account(exchange_id, name="main")
    sandbox.generate_history(exchange_id, "main", **PAST)
    credentials = Credentials(api_key=keys.api_key, secret=keys.secret)
    route = route_to(exchange_id, sandbox.url)
    answers: Answers = {kind: {} for kind in KINDS[exchange_id]}
    for kind in KINDS[exchange_id]:
        for history in EXCHANGES[exchange_id].histories[kind]:
            # Each of its lists is read without a budget.
            sandbox.forgive()
            sources = [(history.source, symbol) for symbol in symbols(history)]
            answers[kind][history.source] = [
                *read(route, kind, sources, credentials=credentials, days=DAYS + 1).values()
            ]
    truth = sandbox.history(exchange_id, "main")
    moved = [row for rows in answers.get(SyncKind.TRANSFERS, {}).values() for row in rows]
    files = written_exports.binance(truth, moved) if exchange_id == "binance" else written_exports.bybit(truth)
    return Past(exchange_id, truth, answers, files)


def symbols(history: History) -> tuple[str, ...]:
    if not history.market_type:
        return ("",)
    return () if history.is_inverse else SYMBOLS.get(history.market_type, ())


def take_files(mine: ExchangeAccount, past: Past) -> int:
    """How many rows were new."""
    exports = [
        (name, read_for(mine, io.BytesIO(raw), file_name=name))
        for name, raw in sorted(past.files.items(), reverse=True)
    ]
    return sum(import_export(mine, export, file_name=name, at=NOON).new.total() for name, export in exports)


def take_answers(mine: ExchangeAccount, past: Past) -> None:
    for kind, answers in past.answers.items():
        for source, rows in answers.items():
            # Page after page, as steps store them.
            for start in range(0, len(rows), 37):
                store_events(mine.pk, kind, rows[start : start + 37], source=source)


def stored(mine: ExchangeAccount) -> set[tuple[Any, ...]]:
    rows: set[tuple[Any, ...]] = set()
    for model in MODELS:
        *_, name = model._meta.constraints[0].fields
        rows |= set(model.objects.filter(account=mine).values_list(name, "exchange_at", "amount", "source"))
    orders = Order.objects.filter(reading__account=mine)
    return rows | set(orders.values_list("order_id", "exchange_at", "filled", "status"))


def test_the_api_alone_and_files_before_or_after_it_end_with_the_same_rows(past):
    alone, before, after = (account(label, exchange_id=past.exchange_id) for label in ("alone", "before", "after"))
    take_answers(alone, past)
    assert take_files(before, past) > 200
    take_answers(before, past)
    take_answers(after, past)
    assert take_files(after, past) == 0
    assert stored(before) == stored(after) == stored(alone)
    assert take_files(before, past) == 0
    assert stored(before) == stored(alone)


def test_everything_that_the_api_told_is_there_once(past):
    mine = account(exchange_id=past.exchange_id)
    take_files(mine, past)
    take_answers(mine, past)
    keys = Counter(key(event) for rows in past.told.values() for event in rows)
    assert len(stored(mine)) == len(keys)
    assert Trade.objects.count() == sum(row["kind"] == "trade" for row in past.truth)


def test_files_alone_tell_every_trade_and_every_payment_exactly(past):
    mine = account(exchange_id=past.exchange_id)
    take_files(mine, past)
    told = past.told
    assert sums(Trade.objects.all()) == sums(told[SyncKind.TRADES])
    assert sums(FundingPayment.objects.all()) == sums(told[SyncKind.FUNDING_PAYMENTS])


def sums(rows: Any) -> Counter[tuple[Any, ...]]:
    names = ("symbol", "side", "price", "amount", "fee", "fee_currency")
    return Counter(tuple(getattr(row, name, None) for name in names) for row in rows)
