"""The main job, seen from outside: `make run`, then REST, the command line and the sandbox's control."""

import json
import os
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from .make_run import WORKERS
from .running import Running

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(900)]

INTERVAL = 30  # seconds between two syncs of balances, the catalogue's
PATIENCE = 120.0  # against hanging


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("sync")
    with Running(folder / "home") as run:
        run.started()
        run.login()
        run.until(lambda: run.get("/api/exchange/balance")["complete"], PATIENCE, "a complete first sync")
        yield run
        run.press_ctrl_c()
        run.until_gone()


@pytest.fixture(autouse=True)
def kind_world(running) -> Iterator[None]:
    yield
    running.sandbox.clear_faults()


def test_the_demo_accounts_of_both_exchanges_are_there_with_everything(running):
    balances = running.get("/api/exchange/balance")
    assert {row["exchange_id"] for row in balances["results"]} == {"binance", "bybit"}
    assert all(row["as_of"] and not row["stale"] for row in balances["results"])
    running.until(lambda: running.get("/api/portfolio/positions")["results"], PATIENCE, "positions")
    running.until(lambda: running.get("/api/exchange/orders")["results"], PATIENCE, "orders")
    states = running.get("/api/system/status")["states"]
    has, happened = {"balances", "positions", "orders"}, {"trades", "closed_orders", "transfers", "funding_payments"}
    assert {state["kind"] for state in states} == has | happened | {
        "ledger",
        "sweep",
        "tickers",
        "markets",
        "candles",
        "funding_rates",
    }


@pytest.mark.parametrize("exchange_id", ["binance", "bybit"])
def test_a_balance_changed_at_the_exchange_follows_within_two_intervals(running, exchange_id):
    running.set_balance(exchange_id, "SOL", "1234.5678")
    seen = lambda: running.totals(exchange_id)["SOL"] == Decimal("1234.5678")  # noqa: E731
    running.until(seen, 2 * INTERVAL, "the new balance")


def test_a_resync_by_hand_shows_the_change_at_once_and_says_what_it_did(running):
    running.rest()
    running.set_balance("binance", "SOL", "77")
    done = running.command("manage.py", "resync", "--account", "demo-binance", "--wait", "--timeout", "100")
    assert done.returncode == 0, done.stdout + done.stderr
    assert running.totals("binance")["SOL"] == 77


def test_a_resync_that_fails_says_what_and_exits_with_an_error(running):
    # Scheduled syncs that fail would open the breaker, and nobody would be asked any more.
    running.rest()
    running.sandbox.fault("status", host="api.bybit.com", status=502, body="Bad Gateway")
    arguments = ["resync", "--account", "demo-bybit", "--kind", "balances", "--wait", "--timeout", "100"]
    done = running.command("manage.py", *arguments)
    assert done.returncode != 0
    assert "demo-bybit" in done.stdout + done.stderr
    assert "502" in done.stdout + done.stderr
    running.sandbox.clear_faults()
    running.rest()
    again = running.command("manage.py", *arguments)
    assert again.returncode == 0, again.stdout + again.stderr


def test_celerys_own_command_line_asks_for_a_resync_from_any_shell(running):
    running.rest()
    running.set_balance("bybit", "SOL", "4321")
    wish = json.dumps({"exchange_id": "bybit", "kind": "balances"})
    done = running.command("-m", "celery", "-A", "config", "call", "sync.resync", "--kwargs", wish)
    assert done.returncode == 0, done.stderr
    running.until(lambda: running.totals("bybit")["SOL"] == 4321, PATIENCE, "the resync")


def test_workers_killed_mid_sync_leave_the_old_rows_whole_and_the_next_run_repairs_it(running):
    running.command("manage.py", "resync", "--account", "demo-binance", "--wait")
    running.rest()
    before = running.totals("binance")
    for currency in before:
        running.set_balance("binance", currency, "9")
    # As long as one answer may take: it is under way when its worker is killed.
    running.sandbox.fault("latency", path="/api/v3/account", seconds=12)
    running.sandbox.forget_requests()
    running.command("manage.py", "resync", "--account", "demo-binance", "--kind", "balances")
    running.until(lambda: running.sandbox.requests(path="/api/v3/account"), PATIENCE, "the sync under way")
    for name in WORKERS:
        os.kill(running.pid(name), signal.SIGKILL)
    assert running.totals("binance") == before
    running.sandbox.clear_faults()
    running.until(lambda: running.totals("binance")["BTC"] == 9, 2 * PATIENCE, "the repair")


def test_the_status_of_every_sync_is_told_on_the_command_line(running):
    done = running.command("manage.py", "sync_status")
    assert done.returncode == 0, done.stderr
    assert "demo-binance" in done.stdout
    assert "balances" in done.stdout
