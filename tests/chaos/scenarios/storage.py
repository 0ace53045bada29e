"""Databases and brokers that go away, lock, or swallow."""

import json
import signal
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from datetime import timedelta

import psutil
from django.db import Error, connection

from apps.core.clock import now
from apps.sync.models import SyncRun, SyncState
from config.embedded.services import WORKERS as WORKER_SERVICES
from tests.chaos.scenario import Held, Where, expect, scenario
from tests.chaos.scenarios.killed import each_was_asked_once
from tests.chaos.world import WORKERS, World
from tests.e2e.make_run import DIRECT

SHORT = timedelta(seconds=2)
SWALLOWED = 20
FULL_LOAD = 60


def postgres_connections(world: World) -> dict[str, int]:
    """Of each worker process."""
    port = int(world.settings["DATABASE_URL"].rsplit(":", 1)[1].split("/")[0])
    found = {}
    for name in WORKERS:
        sockets = psutil.Process(world.pid(name)).net_connections("tcp")
        found[name] = sum(each.raddr.port == port for each in sockets if each.raddr and each.status == "ESTABLISHED")
    return found


@scenario(
    "nothing is lost, workers go on by themselves; connections stay at or under threads + 5", on=(Where.POSTGRES,)
)
def a_postgres_restart_in_the_middle_of_runs(world: World) -> Held:
    threads = {name: count for name, _, count in WORKER_SERVICES}
    world.make_due(world.states(), every=SHORT)
    time.sleep(6)
    before = postgres_connections(world)
    recoveries, most = [], Counter(before)
    for number in (signal.SIGINT, signal.SIGKILL):
        runs = set(SyncRun.objects.exclude(finished_at=None).values_list("pk", flat=True))
        truth = world.change_balances()
        restarted = world.kill("postgres", number=number)
        world.until(lambda: world.pid("postgres") is not None and _is_back(world), 60, "PostgreSQL itself")
        world.until(lambda truth=truth: world.balances() == truth, 90, "the syncs")
        recoveries.append(time.monotonic() - restarted)
        lost = runs - set(SyncRun.objects.values_list("pk", flat=True))
        expect(not lost, f"finished runs are gone: {sorted(lost)[:5]}")
        for _ in range(10):
            most |= Counter(postgres_connections(world))
            time.sleep(0.5)
    over = {name: count for name, count in most.items() if count > threads[name] + 5}
    expect(not over, f"connections above threads + 5: {over}")
    world.until(lambda: not SyncState.objects.filter(claimed_until__lt=now()).exists(), 60, "the claims of the dead")
    after = postgres_connections(world)
    expect(sum(after.values()) <= max(sum(before.values()), 10) + 5, f"{before} connections before, {after} after")
    told = f"restart {recoveries[0]:.1f} s, kill -9 {recoveries[1]:.1f} s; connections at most {dict(most)}"
    return Held(told, max(recoveries))


def _is_back(world: World) -> bool:
    connection.close()
    try:
        SyncRun.objects.exists()
    except Error:
        return False
    return True


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
    world.change_balances()
    return Held(f"swallowed for {SWALLOWED} s, what was open stayed dead; each due sync ran once", recovery)


@scenario("nobody is ever told that the database is locked, and no page fails")
def sixty_seconds_of_full_load_on_sqlite(world: World) -> Held:
    world.add_accounts("bybit", 60, prefix="crowd")
    last = SyncRun.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    world.make_due(SyncState.objects.filter(environment="sandbox", account__isnull=False), every=SHORT)
    pages: Counter[str] = Counter()
    stop = threading.Event()
    readers = [threading.Thread(target=_read_pages, args=(world, pages, stop), daemon=True) for _ in range(4)]
    for reader in readers:
        reader.start()
    truth = world.change_balances()
    time.sleep(FULL_LOAD)
    stop.set()
    for reader in readers:
        reader.join(30)
    locked = sum("database is locked" in log.read_text(errors="replace") for log in (world.home / "logs").glob("*.log"))
    expect(not locked, f"{locked} logs say that the database is locked")
    expect(set(pages) == {"200"}, f"pages answered {dict(pages)}")
    world.until(lambda: world.balances() == truth, 30, "the balances")
    runs = SyncRun.objects.filter(pk__gt=last)
    synced = sum(runs.values_list("succeeded", flat=True))
    failed = sum(runs.values_list("failed", flat=True))
    return Held(f"{runs.count()} runs with {synced} syncs ({failed} failed) beside {pages['200']} pages; none locked")


def _read_pages(world: World, pages: "Counter[str]", stop: threading.Event) -> None:
    token = _login(world)
    paths = ("/api/exchange/balance", "/api/exchange/orders", "/api/portfolio/positions", "/api/system/status")
    while not stop.is_set():
        for path in paths:
            pages[_status(world, path, token)] += 1


def _login(world: World) -> str:
    password = next(line.split()[1] for line in world.lines if line.startswith("password:"))
    body = json.dumps({"username": "demo", "password": password}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{world.port}/api/user/login", body)
    request.add_header("Content-Type", "application/json")
    with DIRECT.open(request, timeout=30) as answer:
        return str(json.load(answer)["access"])


def _status(world: World, path: str, token: str) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{world.port}{path}")
    request.add_header("Authorization", f"Bearer {token}")
    try:
        with DIRECT.open(request, timeout=30) as answer:
            return str(answer.status)
    except urllib.error.HTTPError as refused:
        return str(refused.code)
    except OSError as problem:
        return type(problem).__name__
