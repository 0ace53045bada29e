"""Two of everything, too late, too much at once."""

import time
from collections import Counter
from datetime import timedelta

from alphapulse.types import SyncKind
from apps.core.clock import now
from apps.ledger.models import Balance
from apps.sync.models import SyncChange, SyncRun, SyncState
from tests.chaos import rogue
from tests.chaos.scenario import ON_BOTH, Held, expect, scenario
from tests.chaos.scenarios.killed import each_was_asked_once
from tests.chaos.world import BALANCES_PATH, EXCHANGES, World

SHORT = timedelta(seconds=2)
CROWD = 60


def runs_equal_requests(world: World, since: int) -> int:
    """Every request for balances belongs to a claim, and every claim made one."""
    claimed = 0
    for exchange_id in EXCHANGES:
        runs = SyncRun.objects.filter(pk__gt=since, exchange_id=exchange_id, kind="balances")
        meant = sum(runs.values_list("claimed", flat=True))
        asked = sum(each["account"] != "" for each in world.requests(path=BALANCES_PATH[exchange_id]))
        expect(asked == meant, f"{exchange_id}: {asked} requests for {meant} claimed syncs")
        claimed += meant
    return claimed


def newest_run() -> int:
    return SyncRun.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


@scenario("every message twenty times: each due sync runs once, every change is stored once", on=ON_BOTH, quick=True)
def doubled_messages(world: World) -> Held:
    truth, last = world.change_balances(), newest_run()
    world.make_due(world.states(kind="balances"))
    for _ in range(10):
        for exchange_id in EXCHANGES:
            world.send("sync.dispatch", exchange_id=exchange_id)
            world.send("sync.batch", exchange_id=exchange_id, kind="balances")
            world.send("sync.batch", exchange_id=exchange_id, kind="balances")
    world.until(lambda: world.balances() == truth, 60, "the syncs")
    time.sleep(3)
    each_was_asked_once(world)
    changes = Counter(SyncChange.objects.filter(run__gt=last, key="SOL").values_list("account__label", flat=True))
    expect(changes == dict.fromkeys(truth, 1), f"changes of SOL by account: {dict(changes)}")
    twice = Balance.objects.filter(currency="SOL", reading__account__in=world.accounts()).count() - len(truth)
    expect(twice == 0, f"{twice} balances are stored twice")
    return Held(f"60 messages; {len(truth)} due syncs, {len(truth)} requests, {len(truth)} changes")


@scenario("two schedulers at once: no sync runs more often than its interval says")
def two_beats(world: World) -> Held:
    second = ["-m", "celery", "-A", "config", "beat", "-s", str(world.home / "second-beat")]
    with world.process(*second):
        truth = world.change_balances()
        with world.suspended("beat"):
            world.make_due(world.states(kind="balances"))
            world.until(lambda: world.balances() == truth, 60, "what the second one alone schedules")
        world.rest()
        return _runs_as_often_as_its_interval_says(world)


@scenario("two who dispatch at once: no sync runs more often than its interval says")
def two_dispatchers(world: World) -> Held:
    second = ["-m", "celery", "-A", "config", "worker", "-Q", "control", "-P", "threads", "-c", "4"]
    with world.process(*second, "-n", "second@%h", "--without-gossip", "--without-mingle"):
        world.until(lambda: world.done_by("second").get("sync.dispatch"), 60, "the second one's first dispatch")
        held = _runs_as_often_as_its_interval_says(world)
        done = [world.done_by(name).get("sync.dispatch", 0) for name in ("worker-control", "second")]
    return Held(f"{held.story}; dispatches by each since its start: {done}")


def _runs_as_often_as_its_interval_says(world: World) -> Held:
    last, begun = newest_run(), time.monotonic()
    world.make_due(world.states(kind="balances"), every=SHORT)
    time.sleep(20)
    world.settle()
    seconds = time.monotonic() - begun
    asked = max(count for exchange_id in EXCHANGES for count in world.asked(exchange_id).values())
    expect(asked <= seconds / (SHORT.total_seconds() * 0.95) + 1, f"an account was asked {asked} times in {seconds} s")
    claimed = runs_equal_requests(world, last)
    return Held(f"{claimed} claims, {claimed} requests in 20 s at an interval of 2 s; at most {asked} for one account")


@scenario("the budget holds, every due sync runs once, nothing floods")
def an_outage_of_thirty_minutes(world: World) -> Held:
    world.add_accounts("binance", CROWD, prefix="crowd")
    world.rest()
    states = SyncState.objects.filter(environment="sandbox", account__isnull=False)
    overdue, orders = (
        states.filter(kind__in=[SyncKind.BALANCES, SyncKind.POSITIONS]),
        states.filter(kind=SyncKind.ORDERS),
    )
    last = newest_run()
    with world.stopped():
        world.make_due(states, since=now() - timedelta(minutes=30))
    begun = time.monotonic()
    world.until(lambda: not overdue.filter(due_at__lt=now()).exists(), 150, "every balance and position")
    recovery = time.monotonic() - begun
    time.sleep(10)
    asked = Counter(each["account"] for each in world.requests(path=BALANCES_PATH["binance"]))
    expect(len(asked) >= CROWD, f"only {len(asked)} accounts were asked")
    expect(max(asked.values()) == 1, f"asked twice: {[name for name, count in asked.items() if count > 1]}")
    expect(not world.refusals(), f"we ask too much: {dict(world.refusals())}")
    runs_equal_requests(world, last)
    left = orders.filter(due_at__lt=now()).count()
    return Held(
        f"all was stopped and started: {overdue.count()} balances and positions read once each in {recovery:.0f} s; "
        f"orders go on as the budget allows ({left} of {orders.count()} still wait); no 429",
        recovery,
    )


@scenario("it becomes an ordinary failure; the worker's parent lives and takes the next task")
def a_task_that_raises_memory_error(world: World) -> Held:
    stories = []
    for pool in ("prefork", "threads"):
        mark = world.home / f"after-{pool}"
        argv = ["-m", "celery", "-A", "tests.chaos.rogue", "worker", "-Q", f"chaos-{pool}", "-P", pool, "-c", "1"]
        with world.process(*argv, "-n", f"chaos-{pool}@%h", "--without-gossip", "--without-mingle") as parent:
            with rogue.app.connection_for_write(world.redis_url) as connection:
                for _ in range(3):
                    rogue.eat.apply_async(queue=f"chaos-{pool}", connection=connection)
                rogue.touch.apply_async(kwargs={"path": str(mark)}, queue=f"chaos-{pool}", connection=connection)
            world.until(mark.exists, 60, f"the next task on {pool}")
            expect(parent.is_running() and parent.status() != "zombie", f"the {pool} worker's parent died")
        stories.append(pool)
    return Held(f"three of them, then an ordinary task ran in the same worker ({', '.join(stories)})")
