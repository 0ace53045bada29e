"""Random changes at the exchange, and random faults, one step after the other."""

import random
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import redis

from apps.core.clock import now
from apps.exchanges.models import ExchangeAccount, ExchangeHealth
from apps.sync.models import SyncState
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
}
MARKETS = ("BTCUSDT", "ETHUSDT")


class Mischief:
    def __init__(self, world: World, chance: random.Random, *, interval: int) -> None:
        self.world = world
        self.chance = chance
        self.done: Counter[str] = Counter()
        self._interval = timedelta(seconds=interval)
        self._accounts: list[ExchangeAccount] = []
        self._seen = 0

    def begin(self) -> None:
        self._accounts = list(self.world.accounts().order_by("pk"))
        orders = self.world.states(kind="orders")
        self.world.make_due(self.world.states().exclude(kind="orders"), every=self._interval)
        self.world.make_due(orders, every=4 * self._interval)

    def step(self) -> None:
        """One change at the exchange; every third time one fault."""
        self._count(self.chance.choice((self._set_balance, self._set_position, self._place_order, self._cancel_order)))
        if self.chance.random() < 0.33:
            trouble = (self._kill, self._fault, self._fault, self._forget, self._sleep, self._skew)
            self._count(self.chance.choice(trouble))
        time.sleep(self.chance.uniform(0.5, 3))

    def end(self) -> None:
        """The world is kind again: breakers are reset, all is due."""
        self.world.sandbox.clear_faults()
        ExchangeHealth.objects.all().delete()
        ExchangeAccount.objects.update(is_enabled=True, disabled_reason="")
        SyncState.objects.filter(account__in=self.world.accounts()).update(due_at=now(), failures=0)

    def new_refusals(self) -> int:
        """Since the last time that we looked; faults that were ordered do not count."""
        found = self.world.requests(since=self._seen)
        self._seen = found[-1]["id"] if found else self._seen
        return refused(found).total()

    def _count(self, act: Any) -> None:
        act()
        self.done[act.__name__.strip("_").replace("_", " ")] += 1

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
        account = self.chance.choice(self._accounts)
        self.world.sandbox.set_balance(
            account.exchange_id, account.label, "USDT", "100000", wallet=WALLET[account.exchange_id]
        )
        self.world.sandbox.place_order(account.exchange_id, account.label, "BTCUSDT", "buy", "0.01", away=0.6)

    def _cancel_order(self) -> None:
        account = self.chance.choice(self._accounts)
        orders = self.world.sandbox.orders(account.exchange_id, account.label)
        for order in [each for each in orders if each["status"] in OPEN][:1]:
            self.world.sandbox.cancel_order(account.exchange_id, account.label, order_id=order["order_id"])

    def _kill(self) -> None:
        name = self.chance.choice((*WORKERS, "beat", "valkey"))
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
