"""The system that scenarios are run against: the embedded one, whole, in a home of its own, and all doors to it."""

import json
import os
import re
import shutil
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import psutil
import redis
from django.db import connections
from django.db.models import QuerySet

from alphapulse.sandbox.testing import SandboxControl
from alphapulse.types import Credentials
from apps.core.clock import now
from apps.exchanges.models import ExchangeAccount, ExchangeHealth
from apps.exchanges.services import add_account
from apps.ledger.models import Balance, WalletReading
from apps.sync.models import SyncRun, SyncState
from apps.users.models import Workspace
from config.celery import app
from config.embedded import processes
from config.embedded.postgres import place_for
from config.settings import database
from tests.chaos.proxy import Proxy
from tests.chaos.scenario import Broken, Where
from tests.e2e.make_run import MakeRun
from tests.servers import redis_server

SYNC_WORKERS = ("worker-sync-1", "worker-sync-2")
WORKERS = ("worker-control", *SYNC_WORKERS)
EXCHANGES = ("binance", "bybit")
ACCOUNTS = 5  # on each exchange
# One request of each sync of balances, and of nothing else.
BALANCES_PATH = {"binance": "/api/v3/account", "bybit": "/v5/account/wallet-balance"}
WALLET = {"binance": "spot", "bybit": "unified"}
# Live accounts of these have a gateway that swallows everything.
BLACK_HOLES = ("kraken", "okx", "kucoin")
RESTING = timedelta(hours=2)
COMPLAINT = re.compile(r"WARNING|ERROR|CRITICAL|Error|Exception")


class World(MakeRun):
    def __init__(self, home: Path, where: Where) -> None:
        super().__init__(home)
        self.where = where
        self._stack = ExitStack()
        self.black_hole = self._stack.enter_context(Proxy())
        self.proxy: Proxy | None = None
        self.redis_url = ""
        self._number = 0

    # --- Start and end --------------------------------------------------------------------------------------------

    @property
    def argv(self) -> list[str]:
        db = "postgres" if self.where is Where.POSTGRES else "sqlite"
        command = [sys.executable, "-m", "config.embedded", "--db", db, "--port", str(self.port)]
        return [*command, "--parent", str(os.getpid())]

    @property
    def environment(self) -> dict[str, str]:
        hole = f"http://127.0.0.1:{self.black_hole.port}"
        ours = {name: os.environ[name] for name in ("SECRET_KEY", "CREDENTIAL_KEYS")}
        ours["EXCHANGE_GATEWAYS"] = json.dumps(dict.fromkeys(BLACK_HOLES, hole))
        if self.proxy is not None:
            ours["REDIS_URL"] = self.redis_url.replace(f":{urlsplit(self.redis_url).port}", f":{self.proxy.port}")
        return super().environment | ours

    def begin(self) -> Self:
        """Started, with accounts on both exchanges, and everything of theirs synced once."""
        if self.where is Where.PROXIED:
            self.redis_url = self._stack.enter_context(redis_server())
            self.proxy = self._stack.enter_context(Proxy(("127.0.0.1", urlsplit(self.redis_url).port or 0)))
        self.started()
        self.redis_url = self.redis_url or self.settings["REDIS_URL"]
        self._use_database()
        for exchange_id in EXCHANGES:
            self.add_accounts(exchange_id, ACCOUNTS)
        self.until(lambda: not SyncState.objects.filter(succeeded_at=None).exists(), 90, "a first sync of everything")
        return self

    def __exit__(self, *_: object) -> None:
        connections["default"].close()
        if self.make is not None and self.make.poll() is None:
            self.make.send_signal(signal.SIGTERM)
            self.make.wait(60)
        super().__exit__()
        self._stack.close()
        if self.where is Where.POSTGRES:
            shutil.rmtree(place_for(self.home / "postgres").folder, ignore_errors=True)

    def _use_database(self) -> None:
        """From here on this process's ORM speaks to this system."""
        url = self.settings.get("DATABASE_URL") or f"sqlite:///{self.home / 'alphapulse.sqlite3'}"
        connections["default"].close()
        connections.settings["default"] |= database(url)
        del connections["default"]

    # --- Its accounts ---------------------------------------------------------------------------------------------

    def add_accounts(self, exchange_id: str, number: int, *, prefix: str = "chaos") -> None:
        """On the sandbox; where it has no such exchange, live ones behind the black hole."""
        workspace = Workspace.objects.get(name="demo")
        for _ in range(number):
            self._number += 1
            label = f"{prefix}-{exchange_id}-{self._number}"
            add_account(
                workspace=workspace,
                exchange_id=exchange_id,
                label=label,
                credentials=self._credentials(exchange_id, label),
                environment="sandbox" if exchange_id in EXCHANGES else "live",
                check=False,
            )

    def _credentials(self, exchange_id: str, label: str) -> Credentials:
        if exchange_id not in EXCHANGES:
            return Credentials(api_key=f"key-of-{label}", secret="c2VjcmV0", password="password")  # base64: Kraken's
        holdings = {WALLET[exchange_id]: {"USDT": "1000", "BTC": "0.5", "SOL": "1"}}
        made = self.sandbox.create_account(exchange_id, name=label, holdings=holdings)
        return Credentials(api_key=made.api_key, secret=made.secret)

    def accounts(self, exchange_id: str = "") -> QuerySet[ExchangeAccount]:
        """Those that every scenario has."""
        named = ExchangeAccount.objects.filter(label__startswith="chaos-")
        return named.filter(exchange_id=exchange_id) if exchange_id else named

    def states(self, exchange_id: str = "", kind: str = "") -> QuerySet[SyncState]:
        wanted = SyncState.objects.filter(account__in=self.accounts(exchange_id))
        return wanted.filter(kind=kind) if kind else wanted

    # --- What is due ----------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Nothing is due, and nothing is under way."""
        self._hold_still()
        self.until(lambda: not self.live_runs(), 60, "the end of what was under way")
        self._hold_still()

    def rest(self) -> None:
        """Settled, and nobody's requests are remembered."""
        self.settle()
        self.sandbox.forget_requests()

    def _hold_still(self) -> None:
        SyncState.objects.update(due_at=now() + RESTING, requested_at=None, interval_override=RESTING)

    def live_runs(self) -> int:
        return SyncRun.objects.filter(finished_at=None, lease_until__gt=now()).count()

    def make_due(
        self, states: QuerySet[SyncState], *, every: timedelta = RESTING, since: datetime | None = None
    ) -> None:
        """Those that are synced at all: a disabled account's are not."""
        states.filter(due_at__isnull=False).update(due_at=since or now(), interval_override=every)

    def reset(self) -> None:
        """After a scenario: the world is kind again, and everybody fresh."""
        self.sandbox.clear_faults()
        self.sandbox.forgive()
        ExchangeAccount.objects.filter(label__startswith="crowd-").delete()
        SyncState.objects.exclude(environment="sandbox").delete()
        ExchangeHealth.objects.all().delete()
        self.accounts().update(is_enabled=True, disabled_reason="")
        asked = now()
        SyncState.objects.update(failures=0, error="", error_kind="", due_at=asked, interval_override=RESTING)
        behind = self.states().filter(succeeded_at__lt=asked)
        try:
            self.until(lambda: not behind.exists(), 120, "everything synced again")
        except Broken as late:
            lines = [f"{each}: {each.error_kind} {each.error} due {each.due_at}" for each in behind[:5]]
            raise Broken(f"{late}; at {now()} still behind: {'; '.join(lines)}") from None
        self.rest()

    # --- Truth and what we show -----------------------------------------------------------------------------------

    def change_balances(self) -> dict[str, Decimal]:
        """A new amount of SOL for each account, as the exchange has it."""
        truth = {}
        for account in self.accounts():
            self._number += 1
            truth[account.label] = Decimal(self._number)
            exchange = account.exchange_id
            self.sandbox.set_balance(exchange, account.label, "SOL", self._number, wallet=WALLET[exchange])
        return truth

    def balances(self, exchange_id: str = "") -> dict[str, Decimal]:
        """SOL by account, as we show it."""
        rows = Balance.objects.filter(currency="SOL", reading__account__in=self.accounts(exchange_id))
        return dict(rows.values_list("reading__account__label", "total"))

    def asked(self, exchange_id: str, path: str = "") -> Counter[str]:
        """How often balances (or that path) were asked for, by account."""
        found = self.requests(host=f"api.{exchange_id}.com", path=path or BALANCES_PATH[exchange_id])
        return Counter(each["account"] for each in found if each["account"].startswith("chaos"))

    def requests(self, **equal: Any) -> list[dict[str, Any]]:
        return self.sandbox.requests(limit=20_000, **equal)

    def refusals(self) -> int:
        """How often an exchange said that we ask too much, faults that were ordered aside."""
        return sum(each["status"] in (403, 418, 429) and not each["fault"] for each in self.requests())

    def ages(self, exchange_id: str, seconds: float) -> list[float]:
        """How old balances are, one number for each account, wallet and half second."""
        found: list[float] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            at = now()
            readings = WalletReading.objects.filter(account__in=self.accounts(exchange_id), kind="balances")
            found += [(at - as_of).total_seconds() for as_of in readings.values_list("as_of", flat=True) if as_of]
            time.sleep(0.5)
        return sorted(found)

    # --- Doors ----------------------------------------------------------------------------------------------------

    @property
    def sandbox(self) -> SandboxControl:
        return SandboxControl(self.settings["SANDBOX_URL"])

    @property
    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis_url, socket_timeout=5)

    def send(self, task: str, **kwargs: Any) -> None:
        """A message of ours into the system's queues."""
        with app.connection_for_write(self.redis_url) as connection:
            app.send_task(task, kwargs=kwargs, connection=connection)

    def kill(self, *names: str, number: signal.Signals = signal.SIGKILL) -> float:
        """The moment of it."""
        for name in names:
            pid = self.pid(name)
            assert pid is not None, f"{name} does not run"
            os.kill(pid, number)
        return time.monotonic()

    @contextmanager
    def suspended(self, name: str) -> Iterator[None]:
        pid = self.pid(name) or 0
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def nobody_may_write(self) -> Iterator[None]:
        """SQLite's one writer is us."""
        assert self.where is Where.SQLITE
        with closing(sqlite3.connect(self.home / "alphapulse.sqlite3", timeout=20, isolation_level=None)) as lock:
            lock.execute("BEGIN IMMEDIATE")
            yield
            lock.execute("ROLLBACK")

    @contextmanager
    def process(self, *argv: str) -> Iterator[psutil.Process]:
        """One more process of the same system."""
        spawned = processes.spawn(
            [sys.executable, *argv], log=self.home / "logs" / "more.log", environment=self.environment
        )
        try:
            yield psutil.Process(spawned.pid)
        finally:
            spawned.kill()
            spawned.wait()

    def until(self, condition: Callable[[], Any], timeout: float, what: str) -> float:
        begun = time.monotonic()
        while not condition():
            if time.monotonic() - begun > timeout:
                raise Broken(f"{what}: not within {timeout:g} s")
            if self.make is not None and self.make.poll() is not None:
                raise Broken(f"{what}: the supervisor ended")
            time.sleep(0.1)
        return time.monotonic() - begun

    def story(self) -> str:
        """What the logs complained of last, for who wants to know why."""
        told = []
        for log in sorted((self.home / "logs").glob("*.log")):
            lines = [line[:400] for line in processes.last_lines(log, count=2000) if COMPLAINT.search(line)]
            told += [f"--- {log.name}", *lines[-8:]] if lines else []
        return "\n".join(told)


def p99(values: list[float]) -> float:
    return values[min(len(values) - 1, int(len(values) * 0.99))]
