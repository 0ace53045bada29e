"""A past made up from a seed: reproducible, of every kind, and never more spent than was there."""

from collections import Counter, defaultdict
from decimal import Decimal as D
from typing import Any

import pytest

from alphapulse.sandbox.accounts import Account
from alphapulse.sandbox.control_words import Refused
from alphapulse.sandbox.engine import Engine
from alphapulse.sandbox.past import plant_wish
from alphapulse.sandbox.past_rows import KINDS
from alphapulse.sandbox.testing import SandboxServer
from alphapulse.sandbox.truth import told_history
from tests.alphapulse.sandbox.conftest import NOON_MS

WISH = {"days": 60, "trades": 400, "seed": 7, "burst": 100, "until_ms": NOON_MS}
NOT_MADE_UP = {"trade"}  # made up as orders with fills


def lived(engine: Engine, exchange_id: str, **wish: Any) -> tuple[Account, list[dict[str, Any]]]:
    exchange = engine.exchanges[exchange_id]
    account = exchange.add_account("made up")
    plant_wish(exchange, account, {"generate": WISH | wish})
    return account, told_history(exchange, account)


@pytest.mark.parametrize("exchange_id", ["binance", "bybit"])
def test_everything_that_can_happen_happens(engine: Engine, exchange_id: str):
    _account, history = lived(engine, exchange_id)
    kinds = Counter(row["kind"] for row in history)

    assert kinds.keys() == set(KINDS[exchange_id]) | NOT_MADE_UP
    assert 400 <= kinds["trade"] <= 402
    statuses = Counter(row["status"] for row in history if row["kind"] == "order")
    assert statuses.keys() == {"filled", "canceled"}
    orders = Counter(row["order_id"] for row in history if row["kind"] == "trade")
    assert max(orders.values()) > 1
    times = Counter(row["at_ms"] for row in history if row["kind"] == "trade")
    assert max(times.values()) > 1


@pytest.mark.parametrize("exchange_id", ["binance", "bybit"])
def test_nothing_is_spent_that_is_not_there_and_the_book_adds_up(engine: Engine, exchange_id: str):
    account, _history = lived(engine, exchange_id)
    sums: defaultdict[tuple[str, str], D] = defaultdict(D)
    for entry in account.entries:
        sums[entry.wallet, entry.currency] += entry.amount
        assert entry.wallet == "margin" or sums[entry.wallet, entry.currency] >= 0, entry

    held = {(wallet, code): h.total for wallet, codes in account.wallets.items() for code, h in codes.items()}
    held |= {("margin", code): -debt.interest for code, debt in account.debts.items()}
    assert held == dict(sums)
    assert not any(account.positions.open_legs())
    # Spot at Binance has eight decimals, and shows no more.
    assert all(amount == amount.quantize(D("1e-8")) for amount in held.values())


def test_the_same_seed_tells_the_same_story_and_another_one_another(engine: Engine):
    again, other = Engine(engine.config, now_ms=lambda: NOON_MS), Engine(engine.config, now_ms=lambda: NOON_MS)
    _account, history = lived(engine, "binance")

    assert lived(again, "binance")[1] == history
    assert lived(other, "binance", seed=8)[1] != history


def test_the_burst_is_more_than_one_page_in_one_minute(engine: Engine):
    _account, history = lived(engine, "binance", trades=1300, burst=1200, symbols=["BTCUSDT", "linear:BTCUSDT"])
    minutes = Counter(row["at_ms"] // 60_000 for row in history if row["kind"] == "trade")
    fullest = max(minutes, key=lambda minute: minutes[minute])
    assert minutes[fullest] + max(minutes[fullest - 1], minutes[fullest + 1]) >= 1200


@pytest.mark.parametrize("wish", [{"days": 0}, {"burst": 2, "trades": 1}, {"luck": 1}, {"symbols": ["LUCKUSDT"]}])
def test_what_cannot_be_made_up_is_refused(engine: Engine, wish: dict[str, Any]):
    with pytest.raises(Refused):
        lived(engine, "binance", **wish)


def test_the_control_makes_a_past_up(sandbox: SandboxServer):
    account = sandbox.create_account("binance")
    planted = sandbox.generate_history("binance", account.account, days=5, trades=20, seed=1)
    assert planted > 20
    assert len(sandbox.history("binance", account.account, kind="trade")) >= 20
