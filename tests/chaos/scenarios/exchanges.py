"""Exchanges that hang, drip, and have another time."""

import json
import time
from datetime import timedelta
from uuid import uuid4

from apps.core.clock import now
from apps.exchanges.models import ExchangeAccount
from apps.sync.models import SyncRun, SyncState
from apps.sync.services.claim import JOB_DEADLINE
from tests.chaos.scenario import Held, expect, scenario
from tests.chaos.system import BLACK_HOLES, WORKERS
from tests.chaos.world import BALANCES_PATH, World, p99

SHORT = timedelta(seconds=3)
CROWD = 1000
STALE = 10_000  # in each of two queues
# Binance and Bybit about a timestamp that is not of their time.
OFF_CLOCK = ("-1021", "10002")


def hang(world: World) -> None:
    """Binance's hosts, and three more exchanges with so many accounts that their batches would fill all threads."""
    world.sandbox.fault("hang", host="*.binance.com")
    for exchange_id in BLACK_HOLES:
        world.add_crowd(exchange_id, 120)
    everything = SyncState.objects.exclude(exchange_id="bybit")
    world.make_due(everything, every=SHORT)


@scenario("one more than sync processes plus one: Bybit is as fresh beside them as before")
def four_hanging_exchanges(world: World) -> Held:
    world.make_due(world.states("bybit"), every=SHORT)
    time.sleep(5)
    before = p99(world.ages("bybit", 15))
    hang(world)
    during = world.ages("bybit", 50)
    told = f"p99 of Bybit's age {before:.1f} s before, {p99(during):.1f} s during, {during[-1]:.1f} s at most"
    expect(p99(during) < before + 2, told)
    return Held(told)


@scenario(
    "starts within 2 s beside four hanging exchanges (asked by hand, too), 20,000 stale messages and 1,000 accounts due"
)
def a_resync_by_hand_under_the_worst_backlog(world: World) -> Held:
    world.add_crowd("bybit", CROWD)
    world.rest()
    with world.suspended(*WORKERS):
        _leave_stale_messages(world)
        hang(world)
        world.make_due(SyncState.objects.filter(account__label__startswith="crowd-bybit"), every=SHORT)
        for exchange_id in ("binance", *BLACK_HOLES):
            for _ in range(5):
                world.send("sync.resync", exchange_id=exchange_id)
    hanging = {"binance", *BLACK_HOLES}
    world.until(lambda: hanging <= set(world.live_exchanges()), 60, "work under way at all that hang")
    accounts = list(world.accounts("bybit"))
    waits = sorted(_seconds_until_asked(world, accounts[number % len(accounts)]) for number in range(20))
    left = sum(world.redis.llen(queue) for queue in ("control", "sync"))
    late = SyncState.objects.filter(account__label__startswith="crowd-").due(now()).count()
    told = f"20 of them: the first request after {waits[10]:.2f} s in the middle, {waits[-1]:.2f} s at most"
    told += f"; behind them {left:,} messages and {late:,} syncs still waited"
    expect(waits[-1] < 2, told)
    return Held(told, waits[-1])


def _leave_stale_messages(world: World) -> None:
    """In both queues of what the clock does, each worth a look at the database."""
    messages = {
        "sync": ("sync.batch", {"exchange_id": "bybit", "kind": "orders"}),
        "control": ("sync.dispatch", {"exchange_id": "bybit"}),
    }
    for queue, (task, kwargs) in messages.items():
        # The first ones are handed to workers that wait for them in their sleep.
        while not world.redis.llen(queue):
            world.send(task, **kwargs)
        message = world.redis.lindex(queue, 0)
        tag = json.loads(message)["properties"]["delivery_tag"].encode()
        copies = [message.replace(tag, str(uuid4()).encode()) for _ in range(STALE)]
        world.redis.lpush(queue, *copies)


def _seconds_until_asked(world: World, account: ExchangeAccount) -> float:
    """From the question to the first request that the exchange sees of it."""
    time.sleep(1)
    world.sandbox.forget_requests()
    asked_at = time.time()
    world.send("sync.resync", account_id=account.pk, kind="balances")
    first = lambda: world.sandbox.requests(account=account.label)[:1]  # noqa: E731
    world.until(first, 60, "the first request of a resync by hand")
    return first()[0]["at_ms"] / 1000 - asked_at


@scenario("ends at its deadline as a failure of those accounts alone; nothing else is late", quick=True)
def a_byte_a_second(world: World) -> Held:
    truth = world.change_balances()
    before = world.balances("bybit")
    world.sandbox.fault("drip", path=BALANCES_PATH["bybit"])
    begun = time.monotonic()
    world.make_due(world.states(kind="balances"))
    binance = {label: amount for label, amount in truth.items() if "binance" in label}
    world.until(lambda: world.balances("binance") == binance, 60, "the other exchange's balances")
    failed = world.states("bybit", "balances").filter(failures__gt=0)
    world.until(lambda: failed.count() == len(before), 4 * JOB_DEADLINE.total_seconds(), "the deadline")
    ended = time.monotonic() - begun
    expect(world.balances("bybit") == before, "half an answer changed rows")
    world.sandbox.clear_faults()
    world.make_due(world.states("bybit", "balances"))
    recovery = world.until(lambda: world.balances() == truth, 60, "the recovery")
    return Held(f"ended after {ended:.0f} s; the other exchange was in time; rows untouched", recovery)


@scenario("costs an account at most one failure, either way, then all succeed")
def a_clock_that_is_ten_seconds_off(world: World) -> Held:
    stories = []
    for offset in (10_000, -10_000):
        fault = world.sandbox.fault("clock", host="*", offset_ms=offset)
        stories.append(f"{offset / 1000:+.0f} s: {_read_in_spite_of_its_clock(world)}")
        expect(any(each["code"] in OFF_CLOCK for each in world.requests()), "no exchange minded the clock")
        world.sandbox.clear_faults(fault)
    stories.append(f"right again: {_read_in_spite_of_its_clock(world)}")
    return Held("; ".join(stories))


def _read_in_spite_of_its_clock(world: World) -> str:
    truth, last = world.change_balances(), SyncRun.objects.order_by("-pk").values_list("pk", flat=True)[0]
    world.sandbox.forget_requests()
    world.make_due(world.states(kind="balances"))
    seconds = world.until(lambda: world.balances() == truth, 60, "all balances")
    runs = SyncRun.objects.filter(pk__gt=last, kind="balances")
    failed, claimed = sum(runs.values_list("failed", flat=True)), sum(runs.values_list("claimed", flat=True))
    refused = sum(each["code"] in OFF_CLOCK for each in world.requests())
    expect(claimed <= 2 * len(truth) and failed <= len(truth), f"{failed} failures of {claimed} syncs")
    return f"{refused} refused, {failed} syncs failed, all served after {seconds:.1f} s"
