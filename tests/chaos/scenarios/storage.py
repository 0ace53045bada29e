"""Databases and brokers that go away, lock, or swallow."""

import signal
import time
from collections import Counter
from datetime import timedelta

import psutil

from apps.core.clock import now
from apps.sync.models import SyncRun, SyncState
from config.embedded.services import WORKERS as WORKER_SERVICES
from tests.chaos.scenario import Held, Where, expect, scenario
from tests.chaos.scenarios.killed import each_was_asked_once
from tests.chaos.system import WORKERS
from tests.chaos.visitor import people_reading
from tests.chaos.world import World

SHORT = timedelta(seconds=2)
SWALLOWED = 20
FULL_LOAD = 40


def postgres_connections(world: World) -> Counter[str]:
    """Of each worker process."""
    port = int(world.settings["DATABASE_URL"].rsplit(":", 1)[1].split("/")[0])
    found: Counter[str] = Counter()
    for name in WORKERS:
        sockets = psutil.Process(world.pid(name)).net_connections("tcp")
        found[name] = sum(each.raddr.port == port for each in sockets if each.raddr and each.status == "ESTABLISHED")
    return found


def _most_connections(world: World, seconds: int) -> Counter[str]:
    most: Counter[str] = Counter()
    for _ in range(2 * seconds):
        most |= postgres_connections(world)
        time.sleep(0.5)
    return most


@scenario(
    "nothing is lost, workers go on by themselves; connections stay at or under threads + 5, and come back to what "
    "they were",
    on=(Where.POSTGRES,),
)
def a_postgres_restart_in_the_middle_of_runs(world: World) -> Held:
    world.add_accounts("bybit", 40, prefix="crowd")
    # Slow answers, so that many threads are in the middle of something.
    world.sandbox.fault("latency", host="api.bybit.com", seconds=1)
    world.make_due(SyncState.objects.filter(account__isnull=False, exchange_id="bybit"), every=SHORT)
    before = _most_connections(world, 8)
    recoveries, most = [], before
    for number in (signal.SIGINT, signal.SIGKILL):
        recoveries.append(_seconds_until_all_is_read(world, number))
        most |= _most_connections(world, 4)
    threads = {name: count for name, _, count in WORKER_SERVICES}
    over = {name: count for name, count in most.items() if count > threads[name] + 5}
    expect(not over, f"connections above threads + 5: {over}")
    world.until(lambda: not SyncState.objects.filter(claimed_until__lt=now()).exists(), 90, "the claims of the dead")
    after = _most_connections(world, 4)
    expect(after.total() <= before.total() + 5, f"{before} connections before, {after} after")
    told = f"connections {before.total()} before, {most.total()} at most, {after.total()} after (36 threads)"
    return Held(f"restart {recoveries[0]:.1f} s, kill -9 {recoveries[1]:.1f} s; {told}", max(recoveries))


def _seconds_until_all_is_read(world: World, number: signal.Signals) -> float:
    """After the server ended by that signal, and was started again."""
    finished = set(SyncRun.objects.exclude(finished_at=None).values_list("pk", flat=True))
    truth = {label: amount for label, amount in world.change_balances().items() if "bybit" in label}
    begun = world.kill("postgres", number=number)
    world.until(world.database_answers, 60, "PostgreSQL itself")
    world.until(lambda: world.balances("bybit") == truth, 120, "the syncs")
    lost = finished - set(SyncRun.objects.values_list("pk", flat=True))
    expect(not lost, f"finished runs are gone: {sorted(lost)[:5]}")
    return time.monotonic() - begun


@scenario("workers notice by themselves; each due sync runs once", on=(Where.PROXIED,))
def a_path_to_redis_that_swallows_everything(world: World) -> Held:
    assert world.proxy is not None
    truth = world.change_balances()
    world.proxy.swallow()
    time.sleep(1)
    world.make_due(world.states(kind="balances"))
    time.sleep(SWALLOWED)
    expect(world.balances() != truth, "nothing was swallowed")
    world.proxy.let_through()
    recovery = world.until(lambda: world.balances() == truth, 180, "the syncs")
    time.sleep(5)
    each_was_asked_once(world)
    return Held(f"swallowed for {SWALLOWED} s, what was open stayed dead; each due sync ran once", recovery)


@scenario("nobody is ever told that the database is locked, and no page fails")
def full_load_on_sqlite(world: World) -> Held:
    world.add_accounts("bybit", 60, prefix="crowd")
    last = SyncRun.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    truth = world.change_balances()
    with people_reading(world, 4) as pages:
        world.make_due(SyncState.objects.filter(environment="sandbox", account__isnull=False), every=SHORT)
        time.sleep(FULL_LOAD)
    locked = world.logs_that_say("database is locked")
    expect(not locked, f"{locked} say that the database is locked")
    expect(set(pages) == {"200"}, f"pages answered {dict(pages)}")
    world.until(lambda: world.balances() == truth, 60, "the balances")
    runs = SyncRun.objects.filter(pk__gt=last)
    synced = sum(runs.values_list("succeeded", flat=True))
    failed = sum(runs.values_list("failed", flat=True))
    told = f"{runs.count()} runs with {synced} syncs ({failed} failed) beside {pages['200']} pages"
    return Held(f"{FULL_LOAD} s: {told}; none locked")
