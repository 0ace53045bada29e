"""Random changes at the exchange, and random faults, one step after the other."""

import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import redis

from apps.core.clock import now
from apps.exchanges import health
from apps.exchanges.models import ExchangeAccount, ExchangeHealth
from apps.sync.models import SyncRun, SyncState
from tests.chaos import past
from tests.chaos.scenario import Where
from tests.chaos.system import WORKERS
from tests.chaos.truth import OPEN
from tests.chaos.world import WALLET, World, refused

HOSTS = ("api.binance.com", "fapi.binance.com", "api.bybit.com", "*")
FAULTS: dict[str, dict[str, Any]] = {
    "latency": {"seconds": 3},
    "status": {"status": 502, "body": "Bad Gateway"},
    "html": {},
    "truncate": {},
    "reset": {},
    "hang": {},
    "drip": {},
    "maintenance": {},
    "ban": {},
}
MARKETS = ("BTCUSDT", "ETHUSDT")
CROWD = 40


class Mischief:
    """Of one soak; everything is drawn from `chance`."""

    def __init__(self, world: World, chance: random.Random, *, interval: timedelta) -> None:
        self.world = world
        self.chance = chance
        self.done: Counter[str] = Counter()
        self.readers: list[ExchangeAccount] = []
        self._interval = interval
        self._accounts: list[ExchangeAccount] = []
        self._seen = 0

    def begin(self) -> None:
        """All accounts are read again and again, a crowd beside them, and the past of one on each exchange."""
        self._accounts = list(self.world.accounts().order_by("pk"))
        seed = self.chance.randrange(1_000_000)
        self.readers = [past.given_to(self.world, exchange_id, trades=300, seed=seed) for exchange_id in past.KINDS]
        self.world.add_accounts("bybit", CROWD, prefix="crowd")
        orders = self.world.states(kind="orders")
        self.world.make_due(self.world.states().exclude(kind="orders"), every=self._interval)
        self.world.make_due(orders, every=4 * self._interval)
        crowd = SyncState.objects.filter(account__label__startswith="crowd-")
        self.world.make_due(crowd, every=self._interval)
        past.states_of(self.readers).update(interval_override=self._interval)
        past.read_on(past.states_of(self.readers))

    def step(self) -> None:
        """One change at the exchange; every third time one fault."""
        changes = (self._set_balance, self._set_position, self._place_order, self._fill_order, self._cancel_order)
        self._count(self.chance.choice(changes))
        if self.chance.random() < 0.33:
            trouble = (self._kill, self._kill, self._fault, self._fault, self._forget, self._sleep, self._skew)
            self._count(self.chance.choice(trouble))
        if self.chance.random() < 0.1:
            self._count(self._reset_breakers)
        time.sleep(self.chance.uniform(0.5, 3))

    def end(self) -> None:
        """The world is kind again: breakers are reset, all is due."""
        self.world.sandbox.clear_faults()
        self.world.until(self.world.database_answers, 60, "the database")
        self._wait_for_what_has_heard_of_faults()
        ExchangeHealth.objects.all().delete()
        ExchangeAccount.objects.update(is_enabled=True, disabled_reason="", is_rejected=False)
        SyncState.objects.filter(due_at__isnull=False).update(due_at=now(), failures=0, losses=0)
        past.read_on(past.states_of(self.readers))

    def _wait_for_what_has_heard_of_faults(self) -> None:
        """A ban that it was told would be stored after us, and last for ten minutes."""
        begun = now()

        def is_over() -> bool:
            return not SyncRun.objects.filter(finished_at=None, started_at__lt=begun, lease_until__gt=now()).exists()

        self.world.until(is_over, 120, "what was under way when the faults ended")

    def new_refusals(self) -> Counter[str]:
        """Since the last time that we looked; faults that were ordered do not count."""
        found = self.world.requests(since=self._seen)
        self._seen = found[-1]["id"] if found else self._seen
        return refused(found)

    def _count(self, act: Callable[[], object]) -> None:
        act()
        self.done[act.__name__.strip("_").replace("_", " ")] += 1

    # --- At the exchange ------------------------------------------------------------------------------------------

    def _set_balance(self) -> None:
        account, amount = self.chance.choice(self._accounts), self.chance.randrange(1, 10**6) / 1000
        exchange = account.exchange_id
        currency = self.chance.choice(("SOL", "BTC", "USDT", "ETH"))
        self.world.sandbox.set_balance(exchange, account.label, currency, f"{amount:.3f}", wallet=WALLET[exchange])

    def _set_position(self) -> None:
        account = self.chance.choice(self._accounts)
        amount = self.chance.choice(("0", "0.01", "-0.02", "0.03"))
        self.world.sandbox.set_position(account.exchange_id, account.label, self.chance.choice(MARKETS), amount)

    def _place_order(self) -> None:
        account = self._somebody()
        self.world.sandbox.set_balance(
            account.exchange_id, account.label, "USDT", "100000", wallet=WALLET[account.exchange_id]
        )
        self.world.sandbox.place_order(account.exchange_id, account.label, "BTCUSDT", "buy", "0.01", away=0.6)

    def _fill_order(self) -> None:
        """All of it, or a part."""
        account = self._somebody()
        amount = self.chance.choice((None, "0.002"))
        for order in self._open_orders(account):
            self.world.sandbox.fill_order(account.exchange_id, account.label, order_id=order["order_id"], amount=amount)

    def _cancel_order(self) -> None:
        account = self.chance.choice(self._accounts)
        for order in self._open_orders(account):
            self.world.sandbox.cancel_order(account.exchange_id, account.label, order_id=order["order_id"])

    def _somebody(self) -> ExchangeAccount:
        """Half of the time one whose trades are read."""
        return self.chance.choice(self.readers if self.chance.random() < 0.5 else self._accounts)

    def _open_orders(self, account: ExchangeAccount) -> list[dict[str, Any]]:
        """One of those with something left, if there is any."""
        orders = self.world.sandbox.orders(account.exchange_id, account.label)
        return [each for each in orders if each["status"] in OPEN][:1]

    def _reset_breakers(self) -> None:
        """As people do in the admin: open ones would keep an exchange out of it for ten minutes."""
        if self.world.database_answers():
            for row in ExchangeHealth.objects.all():
                health.reset(row, at=now())

    # --- Faults ---------------------------------------------------------------------------------------------------

    def _kill(self) -> None:
        databases = ("postgres",) if self.world.where is Where.POSTGRES else ()
        name = self.chance.choice((*WORKERS, "beat", "valkey", "watchdog", *databases))
        if self.world.pid(name) is not None:
            self.world.kill(name)

    def _fault(self) -> None:
        kind = self.chance.choice(list(FAULTS))
        lasts = self.chance.uniform(3, 12)
        self.world.sandbox.fault(kind, host=self.chance.choice(HOSTS), for_s=lasts, **FAULTS[kind])

    def _skew(self) -> None:
        offset = self.chance.choice((10_000, -10_000))
        self.world.sandbox.fault("clock", host="*", offset_ms=offset, for_s=self.chance.uniform(3, 12))

    def _forget(self) -> None:
        try:
            self.world.redis.flushall()
        except redis.RedisError:  # it is dead itself at the moment
            return

    def _sleep(self) -> None:
        name = self.chance.choice(WORKERS)
        if self.world.pid(name) is not None:
            with self.world.suspended(name):
                time.sleep(self.chance.uniform(1, 8))
