"""Workers that sleep, hang, and come back too late."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from django.db import transaction

from apps.sync.models import SyncChange, SyncRun
from config.embedded.home import Home
from config.embedded.processes import Service, Stage
from config.embedded.supervisor import Supervisor
from config.env import ROOT
from tests.chaos import fragile
from tests.chaos.scenario import ON_BOTH, Held, Where, expect, scenario
from tests.chaos.system import SYNC_WORKERS
from tests.chaos.world import BALANCES_PATH, WALLET, World


@scenario("a late first run overwrites nothing: the second worker read it anew when the lease (40 s) ended", on=ON_BOTH)
def sigstop_of_a_worker_with_its_answer_in_hand(world: World) -> Held:
    first, second = SYNC_WORKERS
    world.change_balances()
    world.sandbox.fault("latency", path=BALANCES_PATH["bybit"], seconds=3)
    with ExitStack() as asleep:
        with world.suspended(second):
            world.make_due(world.states("bybit", "balances"))
            world.until(lambda: world.asked("bybit"), 60, "a batch under way")
            with _nobody_may_store(world):
                time.sleep(6)
                asleep.enter_context(world.suspended(first))
        world.sandbox.clear_faults()
        late, begun = _newest_run(), time.monotonic()
        expect(SyncRun.objects.get(pk=late).finished_at is None, "it was not late")
        newer = {label: amount for label, amount in world.change_balances().items() if "bybit" in label}
        world.until(lambda: world.balances("bybit") == newer, 120, "the second worker's run")
        recovery = time.monotonic() - begun
    time.sleep(5)
    if world.where is Where.SQLITE:  # PostgreSQL has ended its session meanwhile, and with it the run
        world.until(lambda: SyncRun.objects.get(pk=late).finished_at, 60, "the end of the late run")
    expect(SyncRun.objects.get(pk=late).succeeded == 0, "the late run counts as a success")
    expect(not SyncChange.objects.filter(run=late).exists(), "the late run stored changes")
    expect(world.balances("bybit") == newer, "the late run overwrote what was newer")
    return Held("the second worker read it anew; the first one woke up, and stored nothing", recovery)


def _newest_run() -> int:
    return SyncRun.objects.order_by("-pk").values_list("pk", flat=True)[0]


@contextmanager
def _nobody_may_store(world: World) -> Iterator[None]:
    """A worker with a good answer waits at the database's door.

    On PostgreSQL the rows are its own as soon as we let them go, though it sleeps: it holds them in its sleep.
    """
    if world.where is not Where.POSTGRES:
        with world.nobody_may_write():
            yield
        return
    with transaction.atomic():
        list(world.states("bybit", "balances").select_for_update().values_list("pk"))
        yield


@scenario("the process ends itself after 30 s, the supervisor starts another, and that one does the work")
def an_event_loop_that_stopped_turning(world: World) -> Held:
    victim = world.accounts("bybit")[0]
    truth = {label: amount for label, amount in world.change_balances().items() if "bybit" in label}
    world.sandbox.set_balance("bybit", victim.label, fragile.STALLER, "1", wallet=WALLET["bybit"])
    said: list[str] = []
    with world.suspended(*SYNC_WORKERS), _supervised_worker(world, said) as supervisor:
        world.make_due(world.states("bybit", "balances"))
        supervisor.wait("a batch under way", lambda: bool(world.asked("bybit")), timeout=60)
        stalled = time.monotonic()
        supervisor.wait("the end of the process", lambda: "exit status 70" in "".join(said), timeout=90)
        ended = time.monotonic() - stalled
        world.sandbox.set_balance("bybit", victim.label, fragile.STALLER, "0", wallet=WALLET["bybit"])
        supervisor.wait("the repair", lambda: world.balances("bybit") == truth, timeout=120)
        recovery = time.monotonic() - stalled
    return Held(f"ended with status 70 after {ended:.0f} s, started again; everything read", recovery)


@contextmanager
def _supervised_worker(world: World, said: list[str]) -> Iterator[Supervisor]:
    """A worker that a coin can stall, under a supervisor as `make run` has it."""
    home = Home(world.home / "second")
    home.prepare()
    supervisor = Supervisor(home, environment=world.environment, cwd=ROOT, say=said.append)
    command = [sys.executable, *fragile.WORKER, "-n", "fragile@%h"]
    supervisor.start(Service(name="worker", argv=command, stage=Stage.WORKERS))
    try:
        yield supervisor
    finally:
        supervisor.stop()
