"""A past that was planted in the sandbox becomes rows by the syncs themselves, with kills between, and is its truth."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.ccxt import histories as reader
from alphapulse.exchanges.ccxt import loop
from alphapulse.exchanges.ccxt.markets import reopen_all
from alphapulse.sandbox.testing import SandboxServer
from alphapulse.types import ACCOUNT_KINDS, HISTORY_KINDS, Credentials, OrderStatus, SyncKind
from apps.core.clock import now
from apps.exchanges.models import Environment, ExchangeAccount
from apps.ledger.models import FundingPayment, HistoryCursor, HistorySweep, LedgerEntry, Order, Trade, Transfer
from apps.ledger.services.coverage import coverage
from apps.market.models import Market
from apps.sync.models import SyncState
from apps.sync.services import batch, claim, states
from tests.apps.builders import workspace

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,
    pytest.mark.slow,
    pytest.mark.usefixtures("shared_redis"),
]

EXCHANGES = ["binance", "bybit"]
PAST = {
    "days": 80,
    "trades": 150,
    "symbols": ["BTCUSDT", "ETHUSDT", "ETHBTC", "linear:BTCUSDT"],
    "seed": 11,
    "burst": 30,
}
PLENTY = 10**9
BOOKS = ("convert", "dust", "airdrop", "rebate", "reward", "interest", "purchase", "sale")
MOST_STEPS = 3000


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(markets=20) as running:
        yield running


@pytest.fixture
def sandbox(server, settings, monkeypatch) -> Iterator[SandboxServer]:
    settings.SANDBOX_URL = server.url
    # The budgets have tests of their own; here no step waits for a minute to end.
    monkeypatch.setattr(reader, "PACE", 0)
    for exchange_id in EXCHANGES:
        facts = catalogue.EXCHANGES[exchange_id]
        quotas = tuple(replace(quota, limit=PLENTY) for quota in facts.quotas)
        monkeypatch.setitem(catalogue.EXCHANGES, exchange_id, replace(facts, quotas=quotas))
    yield server
    server.forgive()
    loop.run(reopen_all(), deadline=timedelta(seconds=5))


@pytest.fixture(params=EXCHANGES)
def mine(request, sandbox) -> ExchangeAccount:
    keys = sandbox.create_account(request.param, holdings={"USDT": "1000"})
    sandbox.generate_history(request.param, keys.api_key, **PAST)
    account = ExchangeAccount(
        workspace=workspace(), label="main", exchange_id=request.param, environment=Environment.SANDBOX
    )
    account.set_credentials(Credentials(api_key=keys.api_key, secret=keys.secret))
    account.save()
    states.make_states(account.pk)
    return account


def work(mine: ExchangeAccount, sandbox: SandboxServer, *, killed: frozenset[int] = frozenset()) -> int:
    """Does what is due, kind by kind, until nothing is; the steps of these numbers are lost with their worker."""
    number = 0
    while number < MOST_STEPS:
        sandbox.forgive()
        # Candles of what is held are another matter, and two years of them.
        kinds = [kind for kind in SyncKind if kind is not SyncKind.CANDLES]
        claims = [one for kind in kinds if (one := claim.claim_batch(mine.exchange_id, kind, now()))]
        if not claims:
            return number
        for one in claims:
            number += 1
            planned = batch._planned(one, now())
            results = batch._fetch(planned)
            if number in killed:
                SyncState.objects.filter(claim=one.run.pk).update(claimed_until=None)
            else:
                batch._store(planned, results)
    raise AssertionError("it does not end")


def an_interval_later(mine: ExchangeAccount) -> None:
    """All histories are due again, and a sweep that waited for the markets to be known."""
    SyncState.objects.filter(account=mine, kind__in=(*HISTORY_KINDS, SyncKind.SWEEP)).update(due_at=now())
    HistorySweep.objects.filter(through_at=None).update(due_at=now())


def truth(mine: ExchangeAccount, sandbox: SandboxServer, *kinds: str) -> list[dict[str, Any]]:
    """What happened, and the exchange still tells."""
    rows = sandbox.history(mine.exchange_id, mine.open_credentials().api_key)
    return [row for row in rows if row["kind"] in kinds and row["is_told"]]


def symbols(mine: ExchangeAccount) -> dict[tuple[str, str], str]:
    types = {"spot": "spot", "swap": "linear"}
    rows = Market.objects.filter(exchange_id=mine.exchange_id, is_inverse=False, type__in=types)
    return {(row.market_id, types[row.type]): row.symbol for row in rows}


def ms(at: Any) -> int:
    return int(at.timestamp() * 1000)


def test_everything_that_happened_is_there_once_and_is_called_complete(mine, sandbox):
    steps = work(mine, sandbox)
    for _ in range(3):
        an_interval_later(mine)
        steps += work(mine, sandbox, killed=frozenset(range(2, 2000, 7)))
    print(f"{mine.exchange_id}: {steps} steps")
    assert {row.error for row in SyncState.objects.exclude(error="")} == set()
    named = symbols(mine)
    trades = truth(mine, sandbox, "trade")
    assert len(trades) >= 100
    assert Counter(Trade.objects.values_list("symbol", "trade_id", "price", "amount", "fee")) == Counter(
        (named[row["market"], row["market_kind"]], row["id"], *map(Decimal, (row["price"], row["amount"], row["fee"])))
        for row in trades
    )
    assert Counter(FundingPayment.objects.values_list("symbol", "amount")) == Counter(
        (named[row["market"], "linear"], Decimal(row["amount"])) for row in truth(mine, sandbox, "funding")
    )
    lines = LedgerEntry.objects.values_list("currency", "amount", "exchange_at")
    assert Counter((currency, amount, ms(at)) for currency, amount, at in lines) == Counter(
        (row["currency"], Decimal(row["amount"]), row["at_ms"]) for row in truth(mine, sandbox, *BOOKS)
    )
    moved = Counter(Transfer.objects.values_list("kind", flat=True))
    assert moved == {
        "deposit": len(truth(mine, sandbox, "deposit", "fiat_deposit")),
        "withdrawal": len(truth(mine, sandbox, "withdrawal", "fiat_withdrawal")),
        "internal": len(truth(mine, sandbox, "transfer")),
    }
    orders = truth(mine, sandbox, "order")
    assert set(Order.objects.exclude(status=OrderStatus.OPEN).values_list("symbol", "order_id", "filled")) == {
        (named[row["market"], row["market_kind"]], row["id"], Decimal(row["filled"])) for row in orders
    }
    for each in coverage([mine]):
        assert (each.kind, each.progress) == (each.kind, "")
        assert each.complete_since is not None


def test_what_happens_afterwards_is_read_where_the_account_moved(mine, sandbox):
    work(mine, sandbox)
    for _ in range(2):
        an_interval_later(mine)
        work(mine, sandbox)
    before = Trade.objects.count()
    fill = {"kind": "trade", "at": int(time.time() * 1000) - 500, "market": "BTCUSDT", "market_kind": "spot"}
    fill |= {"side": "buy", "price": "30000", "amount": "0.001"}
    sandbox.plant_history(mine.exchange_id, mine.open_credentials().api_key, [fill])
    SyncState.objects.filter(account=mine, kind__in=ACCOUNT_KINDS).update(due_at=now())
    work(mine, sandbox)
    sandbox.forget_requests()
    HistoryCursor.objects.filter(symbol="").update(due_at=now())
    SyncState.objects.filter(account=mine, kind="trades").update(due_at=now())
    work(mine, sandbox)
    assert Trade.objects.count() == before + 1
    # Where fills are told market by market, only those of what moved were asked for: USDT is the base of some.
    asked = sandbox.requests(path="/api/v3/myTrades")
    assert bool(asked) is (mine.exchange_id == "binance")
    assert {record["params"]["symbol"][:3] for record in asked} <= {"BTC", "USD"}
