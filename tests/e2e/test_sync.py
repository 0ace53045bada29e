"""The main job, seen from outside: `make run`, then REST, the command line and the sandbox's control."""

import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from alphapulse.sandbox.testing import SandboxControl

from .make_run import DIRECT, MakeRun

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(600)]

INTERVAL = 30  # seconds between two syncs of balances, the catalogue's


class Running(MakeRun):
    """A running system with its doors: REST as the demo user, and the sandbox's control."""

    def login(self) -> None:
        password = next(line.split()[1] for line in self.lines if line.startswith("password:"))
        tokens = self._ask("/api/user/login", {"username": "demo", "password": password})
        self.token = tokens["access"]

    def get(self, path: str) -> Any:
        try:
            return self._ask(path)
        except urllib.error.HTTPError as refused:
            if refused.code != 401:
                raise
        # A token lasts five minutes, and these tests longer.
        self.login()
        return self._ask(path)

    def _ask(self, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        request.add_header("Content-Type", "application/json")
        if body is None:  # everything but the login
            request.add_header("Authorization", f"Bearer {self.token}")
        data = json.dumps(body).encode() if body is not None else None
        with DIRECT.open(request, data, timeout=20) as answer:
            return json.load(answer)

    @property
    def sandbox(self) -> SandboxControl:
        return SandboxControl(self.settings["SANDBOX_URL"])

    def total(self, account: str, asset: str) -> Decimal | None:
        """Of the account's first wallet that has it, as REST tells it."""
        rows = self.get(f"/api/exchange/balance?asset={asset}")["results"]
        return next((Decimal(row["total"]) for row in rows if row["account"] == account), None)

    def wallets(self, account: str) -> list[dict[str, Any]]:
        return [row for row in self.get("/api/exchange/balance")["wallets"] if row["account"] == account]

    def sandbox_account(self, exchange_id: str) -> str:
        return next(each["account"] for each in self.sandbox.accounts(exchange_id))


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("sync")
    with Running(folder / "home") as run:
        run.started()
        run.login()
        run.until(lambda: run.get("/api/exchange/balance")["complete"], 60, "a complete first sync")
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
    running.until(lambda: running.get("/api/portfolio/positions")["results"], 60, "positions")
    running.until(lambda: running.get("/api/exchange/orders")["results"], 60, "orders")
    states = running.get("/api/system/status")["states"]
    assert {state["kind"] for state in states} == {"balances", "positions", "orders", "tickers", "markets"}


@pytest.mark.parametrize("exchange_id", ["binance", "bybit"])
def test_a_balance_changed_at_the_exchange_follows_within_two_intervals(running, exchange_id):
    account = running.sandbox_account(exchange_id)
    running.sandbox.set_balance(exchange_id, account, "SOL", "1234.5678")
    seen = lambda: running.total(f"demo-{exchange_id}", "SOL") == Decimal("1234.5678")  # noqa: E731
    running.until(seen, 2 * INTERVAL, "the new balance")


def test_a_resync_by_hand_shows_the_change_at_once_and_says_what_it_did(running):
    account = running.sandbox_account("binance")
    running.sandbox.set_balance("binance", account, "SOL", "77")
    done = running.command("manage.py", "resync", "--account", "demo-binance", "--wait", "--timeout", "60")
    assert done.returncode == 0, done.stdout + done.stderr
    assert running.total("demo-binance", "SOL") == 77


def test_a_resync_that_fails_says_what_and_exits_with_an_error(running):
    running.sandbox.fault("status", host="api.bybit.com", status=502, body="Bad Gateway")
    arguments = ["resync", "--account", "demo-bybit", "--kind", "balances", "--wait", "--timeout", "60"]
    done = running.command("manage.py", *arguments)
    assert done.returncode != 0
    assert "demo-bybit" in done.stdout + done.stderr
    assert "502" in done.stdout + done.stderr
    running.sandbox.clear_faults()
    assert running.command("manage.py", *arguments).returncode == 0


def test_celerys_own_command_line_asks_for_a_resync_from_any_shell(running):
    running.sandbox.set_balance("bybit", running.sandbox_account("bybit"), "SOL", "4321")
    wish = json.dumps({"exchange_id": "bybit", "kind": "balances"})
    done = running.command("-m", "celery", "-A", "config", "call", "sync.resync", "--kwargs", wish)
    assert done.returncode == 0, done.stderr
    running.until(lambda: running.total("demo-bybit", "SOL") == 4321, 20, "the resync")


def test_workers_killed_mid_sync_leave_the_old_rows_whole_and_the_next_run_repairs_it(running):
    account = running.sandbox_account("binance")
    running.command("manage.py", "resync", "--account", "demo-binance", "--wait")
    before = {row["asset"]: row["total"] for row in running.get("/api/exchange/balance?exchange_id=binance")["results"]}
    for currency in before:
        running.sandbox.set_balance("binance", account, currency, "9", wallet="spot")
    running.sandbox.fault("latency", path="/api/v3/account", seconds=8)
    running.sandbox.forget_requests()
    running.command("manage.py", "resync", "--account", "demo-binance", "--kind", "balances")
    running.until(lambda: running.sandbox.requests(path="/api/v3/account"), 20, "the sync under way")
    for name in ("worker-control", "worker-sync-1", "worker-sync-2"):
        os.kill(running.pid(name), signal.SIGKILL)
    after = {row["asset"]: row["total"] for row in running.get("/api/exchange/balance?exchange_id=binance")["results"]}
    assert after == before
    running.sandbox.clear_faults()
    running.until(lambda: running.total("demo-binance", "BTC") == 9, 300, "the repair")


def test_the_status_of_every_sync_is_told_on_the_command_line(running):
    done = running.command("manage.py", "sync_status")
    assert done.returncode == 0, done.stderr
    assert "demo-binance" in done.stdout
    assert "balances" in done.stdout
