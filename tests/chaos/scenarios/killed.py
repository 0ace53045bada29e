"""Processes that are killed, and a broker that forgets."""

import time
from collections.abc import Callable
from decimal import Decimal

from apps.core.clock import now
from apps.sync.models import SyncRun, SyncState
from apps.sync.services.quarantine import Quarantined
from tests.chaos import fragile
from tests.chaos.scenario import ON_BOTH, Held, expect, scenario
from tests.chaos.system import SYNC_WORKERS
from tests.chaos.world import BALANCES_PATH, EXCHANGES, World


def each_was_asked_once(world: World, times: int = 1) -> None:
    for exchange_id in EXCHANGES:
        often = {label: count for label, count in world.asked(exchange_id).items() if count > times}
        expect(not often, f"asked for more than {times} times: {often}")


@scenario("no half-written row; repaired when the lease (40 s) ends, asked once more", on=ON_BOTH, quick=True)
def kill_9_of_all_sync_workers_in_the_middle_of_a_batch(world: World) -> Held:
    before, truth = world.balances(), world.change_balances()
    world.sandbox.fault("latency", path=BALANCES_PATH["bybit"], seconds=8)
    world.make_due(world.states("bybit", "balances"))
    world.until(lambda: world.asked("bybit"), 60, "a batch under way")
    killed = world.kill(*SYNC_WORKERS)
    world.sandbox.clear_faults()
    expect(world.balances() == before, "rows changed though nobody lived to write them")
    world.make_due(world.states("binance", "balances"))
    world.until(lambda: world.balances() == truth, 90, "the repair")
    recovery = time.monotonic() - killed
    each_was_asked_once(world, times=2)
    return Held("old rows stayed whole; each account of the lost batch was asked once more", recovery)


@scenario("no half-written row; repaired when the lease (40 s) ends, by who is left; nobody else is late")
def kill_9_of_one_sync_worker_in_the_middle_of_a_batch(world: World) -> Held:
    before, truth = world.balances(), world.change_balances()
    first, second = SYNC_WORKERS
    world.sandbox.fault("latency", path=BALANCES_PATH["bybit"], seconds=8)
    with world.suspended(second):
        world.make_due(world.states("bybit", "balances"))
        world.until(lambda: world.asked("bybit"), 60, "a batch under way")
        killed = world.kill(first)
    world.sandbox.clear_faults()
    expect(world.balances() == before, "rows changed though nobody lived to write them")
    world.make_due(world.states("binance", "balances"))
    binance = {label: amount for label, amount in truth.items() if "binance" in label}
    others = world.until(lambda: world.balances("binance") == binance, 60, "the other exchange's balances")
    expect(world.balances("bybit") != truth, "there was nothing to repair")
    world.until(lambda: world.balances() == truth, 90, "the repair")
    recovery = time.monotonic() - killed
    each_was_asked_once(world, times=2)
    return Held(f"the other exchange was read in {others:.1f} s; the lost batch was asked once more", recovery)


@scenario("what falls due meanwhile is synced once when it is back", quick=True)
def kill_9_of_beat(world: World) -> Held:
    return _due_syncs_run_once_without(world, "beat")


@scenario("what falls due meanwhile is synced once when it is back", quick=True)
def kill_9_of_the_control_worker(world: World) -> Held:
    return _due_syncs_run_once_without(world, "worker-control")


def _due_syncs_run_once_without(world: World, name: str) -> Held:
    truth = world.change_balances()
    killed = world.kill(name)
    world.make_due(world.states(kind="balances"))
    world.until(lambda: world.balances() == truth, 90, "the syncs")
    recovery = time.monotonic() - killed
    time.sleep(3)
    each_was_asked_once(world)
    return Held("started again by the supervisor; each due sync ran once", recovery)


@scenario("workers, beat and web reconnect; each due sync runs once", quick=True)
def kill_9_of_redis(world: World) -> Held:
    truth = world.change_balances()
    world.make_due(world.states(kind="balances"))
    killed = world.kill("valkey")
    world.until(lambda: world.balances() == truth, 120, "the syncs")
    recovery = time.monotonic() - killed
    time.sleep(3)
    each_was_asked_once(world)
    return Held("each due sync ran once", recovery)


@scenario("the queues' content is worth nothing: each due sync runs once, and no 429", quick=True)
def flushall_with_work_due(world: World) -> Held:
    truth = world.change_balances()
    with world.suspended(*SYNC_WORKERS):
        world.make_due(world.states(kind="balances"))
        world.until(lambda: world.redis.llen("sync"), 60, "messages in the queue")
        waiting = world.redis.llen("sync")
        world.redis.flushall()
    flushed = time.monotonic()
    world.until(lambda: world.balances() == truth, 120, "the syncs")
    recovery = time.monotonic() - flushed
    time.sleep(3)
    each_was_asked_once(world)
    expect(not world.refusals(), f"we ask too much: {dict(world.refusals())}")
    return Held(f"{waiting} messages were lost; each due sync ran once, no 429", recovery)


@scenario("after three dead workers it is left alone and says why; its neighbours are fresh")
def an_account_that_kills_every_worker_that_reads_it(world: World) -> Held:
    victim = world.accounts("bybit")[0]
    state = world.states("bybit", "balances").filter(account=victim)
    truth = {label: amount for label, amount in world.change_balances().items() if "bybit" in label}
    world.sandbox.set_balance("bybit", victim.label, fragile.KILLER, "1", wallet="unified")
    others = world.states("bybit", "balances").exclude(account=victim)
    del truth[victim.label]
    deaths, begun = 0, time.monotonic()
    with world.suspended(*SYNC_WORKERS):
        world.make_due(world.states("bybit", "balances"))
        while _dies(world, lambda: state.get().error_kind == Quarantined.__name__ and _shown(world, truth)):
            deaths += 1
            expect(deaths < 4, f"{deaths} workers died and it is still being read")
        recovery = time.monotonic() - begun
    world.sandbox.set_balance("bybit", victim.label, fragile.KILLER, "0", wallet="unified")
    expect(not others.exclude(failures=0).exists(), "a neighbour failed")
    told = f"{deaths} workers died (leases ended by hand), then: {state.get().error!r}; neighbours fresh"
    return Held(told, recovery)


def _shown(world: World, truth: dict[str, Decimal]) -> bool:
    return truth.items() <= world.balances().items()


def _dies(world: World, is_done: Callable[[], bool]) -> bool:
    """One life of a worker: whether it died. Its leases then end at once; by themselves they take 40 s."""
    with world.process(*fragile.WORKER, "-n", "fragile@%h") as worker:
        dead = lambda: not worker.is_running() or worker.status() == "zombie"  # noqa: E731
        world.until(lambda: dead() or is_done(), 60, "a death or a quarantine")
        died = dead()
        if not died:
            time.sleep(3)
            expect(not dead(), "a worker died after the quarantine")
    SyncRun.objects.filter(finished_at=None).update(lease_until=now())
    SyncState.objects.filter(claimed_until__gt=now()).update(claimed_until=now())
    return died
