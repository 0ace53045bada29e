"""The world that scenarios are run against: the system, accounts at the sandbox, what is due, and the truth."""

import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from django.db.models import F, QuerySet

from alphapulse.types import Credentials
from apps.core.clock import now
from apps.exchanges.models import DEFAULT_EGRESS, ExchangeAccount, ExchangeHealth
from apps.exchanges.services import add_account
from apps.ledger.models import Balance, WalletReading
from apps.sync.models import SyncRun, SyncState
from apps.sync.services.claim import READ_ON
from apps.users.models import Workspace
from tests.chaos.scenario import Where
from tests.chaos.system import System

EXCHANGES = ("binance", "bybit")
ACCOUNTS = 5  # on each exchange
# One request of each sync of balances, and of nothing else.
BALANCES_PATH = {"binance": "/api/v3/account", "bybit": "/v5/account/wallet-balance"}
WALLET = {"binance": "spot", "bybit": "unified"}
HOLDINGS = {"USDT": "1000", "BTC": "0.5", "SOL": "1"}
RESTING = timedelta(hours=2)
LONG_AGO = timedelta(minutes=5)
# As codes, where an exchange says it with status 200: Bybit's limits by key and by IP.
REFUSED = (403, 418, 429)
REFUSAL_CODES = ("10006", "10018")


class World(System):
    def __init__(self, home: Path, where: Where, *, egresses: int = 0) -> None:
        super().__init__(home, where, egresses=egresses)
        self._number = 0

    def begin(self) -> Self:
        """Started, with accounts on both exchanges; everything of theirs was synced once, and rests."""
        self.bring_up()
        for exchange_id in EXCHANGES:
            self.add_accounts(exchange_id, ACCOUNTS)
        unread = SyncState.objects.exclude(kind__in=READ_ON).filter(succeeded_at=None)
        self.until(lambda: not unread.exists(), 180, "a first sync of everything", of=unread)
        self.rest()
        self._forget_what_was_spent()
        return self

    # --- Its accounts ---------------------------------------------------------------------------------------------

    def add_accounts(
        self, exchange_id: str, number: int, *, prefix: str = "chaos", egress: str = DEFAULT_EGRESS
    ) -> None:
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
                egress=egress,
                check=False,
            )
        self.leave_the_past_alone()

    def add_crowd(self, exchange_id: str, number: int) -> None:
        """So many like the first of them, at once: to add each as people do takes a tenth of a second."""
        self.add_accounts(exchange_id, 1, prefix="crowd")
        first = ExchangeAccount.objects.latest("pk")
        crowd = ExchangeAccount.objects.bulk_create(self._like(first) for _ in range(number - 1))
        states = SyncState.objects.filter(account=first)
        SyncState.objects.bulk_create(_copy(state, account=account) for account in crowd for state in states)

    def _like(self, first: ExchangeAccount) -> ExchangeAccount:
        self._number += 1
        account = _copy(first, uid=uuid4(), label=f"crowd-{first.exchange_id}-{self._number}")
        account.set_credentials(self._credentials(account.exchange_id, account.label))
        return account

    def _credentials(self, exchange_id: str, label: str) -> Credentials:
        if exchange_id not in EXCHANGES:
            return Credentials(api_key=f"key-of-{label}", secret="c2VjcmV0", password="password")  # base64: Kraken's
        made = self.sandbox.create_account(exchange_id, name=label, holdings={WALLET[exchange_id]: HOLDINGS})
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
        present = SyncState.objects.exclude(kind__in=READ_ON)
        present.update(due_at=now() + RESTING, requested_at=None, interval_override=RESTING)
        self.leave_the_past_alone()

    def leave_the_past_alone(self) -> None:
        """Histories are read where a scenario is about them: elsewhere they would spend the budget for minutes."""
        SyncState.objects.filter(kind__in=READ_ON).update(due_at=None, requested_at=None)

    def live_runs(self) -> int:
        return len(self.live_exchanges())

    def live_exchanges(self) -> list[str]:
        """Of each run that is under way."""
        runs = SyncRun.objects.filter(finished_at=None, lease_until__gt=now())
        return list(runs.values_list("exchange_id", flat=True))

    def make_due(
        self, states: QuerySet[SyncState], *, every: timedelta = RESTING, since: datetime | None = None
    ) -> None:
        """Those that are synced at all: a disabled account's are not."""
        states.filter(due_at__isnull=False).update(due_at=since or now(), interval_override=every)

    def reset(self) -> None:
        """After a scenario: the world is kind again, and everybody's balances are fresh."""
        self.sandbox.clear_faults()
        self.sandbox.forgive()
        self.settle()
        ExchangeAccount.objects.filter(label__startswith="crowd-").delete()
        SyncState.objects.exclude(environment="sandbox").delete()
        ExchangeHealth.objects.all().delete()
        self.accounts().update(is_enabled=True, disabled_reason="", is_rejected=False)
        self._forget_what_was_spent()
        asked = now()
        SyncState.objects.update(failures=0, losses=0, error="", error_kind="")
        behind = self.states(kind="balances").filter(succeeded_at__lt=asked)
        self.make_due(behind.all())
        self.until(lambda: not behind.exists(), 120, "everybody's balances synced again", of=behind)
        self.rest()

    def _forget_what_was_spent(self) -> None:
        """As the sandbox has: otherwise the next scenario would wait for Binance's next minute."""
        for key in self.redis.scan_iter("budget:*"):
            self.redis.delete(key)
        SyncRun.objects.update(started_at=F("started_at") - LONG_AGO)

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

    def refusals(self, **equal: Any) -> Counter[str]:
        """How often which exchange said that we ask too much, faults that were ordered aside; by host and minute."""
        return refused(self.requests(**equal))

    def ages(self, exchange_id: str, seconds: float) -> list[float]:
        """How old balances are, one number for each account, wallet that every sync asks for, and half second."""
        found: list[float] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            at = now()
            readings = WalletReading.objects.filter(
                account__in=self.accounts(exchange_id), kind="balances", due_at=None
            )
            found += [(at - as_of).total_seconds() for as_of in readings.values_list("as_of", flat=True) if as_of]
            time.sleep(0.5)
        return sorted(found)


def _copy(row: Any, **changed: Any) -> Any:
    """Of a row, as a new one."""
    fields = {each.attname: getattr(row, each.attname) for each in row._meta.concrete_fields if not each.primary_key}
    copy = type(row)(**fields)
    for name, value in changed.items():
        setattr(copy, name, value)
    return copy


def refused(requests: Iterable[dict[str, Any]]) -> Counter[str]:
    found = (each for each in requests if each["status"] in REFUSED or each["code"] in REFUSAL_CODES)
    return Counter(f"{each['host']}{each['path']} at {_clock(each)}" for each in found if not each["fault"])


def _clock(request: dict[str, Any]) -> str:
    return f"{datetime.fromtimestamp(request['at_ms'] / 1000, UTC):%H:%M}"


def p99(values: list[float]) -> float:
    return values[min(len(values) - 1, int(len(values) * 0.99))]
