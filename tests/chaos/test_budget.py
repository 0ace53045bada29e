"""Eight worker processes, one budget, and an exchange that bans whoever goes beyond it; Redis forgets everything."""

import http.client
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from urllib.parse import urlsplit

import pytest
import redis

from alphapulse.sandbox.testing import SandboxServer
from config.embedded import deathsig
from config.env import ROOT
from tests.e2e.own_system import OwnSystem, own_system

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(900)]

WORKERS = 8
ACCOUNTS = 150  # each every second: 190,000 of weight a minute, where 6,000 are allowed
MINUTE = 60
ALLOWED = 5400

ACCOUNTS_DUE = """
import sys
from datetime import timedelta
import django
django.setup()
from alphapulse.sandbox.testing import SandboxControl
from alphapulse.types import Credentials
from apps.exchanges.services import add_account
from apps.sync.models import SyncState
from apps.users.models import Workspace

sandbox = SandboxControl(sys.argv[1])
for number in range(int(sys.argv[2])):
    keys = sandbox.create_account("binance", holdings={"BTC": "1"})
    add_account(
        workspace=Workspace.objects.get(), exchange_id="binance", label=f"a{number}", environment="sandbox",
        credentials=Credentials(api_key=keys.api_key, secret=keys.secret), check=False,
    )
# Orders and positions would spend the futures' budget first.
SyncState.objects.filter(kind__in=["orders", "positions"]).delete()
SyncState.objects.filter(kind="balances").update(interval_override=timedelta(seconds=1))
"""

# What a worker of Celery's does, message after message, without the messages: those are in Redis, too.
WORKER = """
import time
import django
django.setup()
from alphapulse.types import SyncKind
from apps.sync.services.batch import sync_batch

while True:
    if not sum(sync_batch("binance", kind) for kind in SyncKind):
        time.sleep(0.02)
"""


@contextmanager
def worker(system: OwnSystem, number: int) -> Iterator[None]:
    with (system.home / f"worker-{number}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            cwd=ROOT,
            env=system.environment | {"DJANGO_SETTINGS_MODULE": "config.settings"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=deathsig.in_child(9),
        )
    try:
        yield
        assert process.poll() is None, (system.home / f"worker-{number}.log").read_text()[-3000:]
    finally:
        process.kill()
        process.wait()


def used_weight(sandbox: SandboxServer) -> tuple[float, int]:
    """The exchange's time, and what it has counted of the minute that runs then; asking costs one."""
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=30)
    try:
        connection.request("GET", "/api.binance.com/api/v3/time")
        answer = connection.getresponse()
        return json.load(answer)["serverTime"] / 1000, int(answer.headers["X-MBX-USED-WEIGHT-1M"])
    finally:
        connection.close()


def sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))


def used_in(minute: float, sandbox: SandboxServer, *, flushes: tuple[float, ...], redis_url: str) -> int:
    """What was used of the minute that begins then, in which Redis forgets everything at those seconds.

    Asked again and again: on a slow machine the last question may come too late, and be about the next minute.
    """
    for second in flushes:
        sleep_until(minute + second)
        with redis.Redis.from_url(redis_url) as server:
            server.flushall()
    used = 0
    for second in range(MINUTE - 12, MINUTE):
        sleep_until(minute + second)
        at, counted = used_weight(sandbox)
        used = max(used, counted) if minute <= at < minute + MINUTE else used
    return used


def test_eight_workers_use_the_budget_up_and_are_never_told_to_stop_though_redis_forgets(tmp_path, postgres_url):
    with ExitStack() as stack:
        sandbox = stack.enter_context(SandboxServer(patience=0, kept_requests=200_000))
        settings = {"SANDBOX_URL": sandbox.url, "DATABASE_URL": postgres_url}
        system = stack.enter_context(own_system(tmp_path, **settings))
        done = system.run("-c", ACCOUNTS_DUE, sandbox.url, str(ACCOUNTS), DJANGO_SETTINGS_MODULE="config.settings")
        assert done.returncode == 0, done.stderr
        for number in range(WORKERS):
            stack.enter_context(worker(system, number))
        first = time.time() // MINUTE * MINUTE + MINUTE
        # In the middle of all workers' spending, and so late that the loss lasts into the next minute.
        flushes = ((1.0, 45.0), ())
        used = [
            used_in(first + number * MINUTE, sandbox, flushes=seconds, redis_url=system.redis_url)
            for number, seconds in enumerate(flushes)
        ]
        asked = sandbox.requests(limit=200_000)
    print("used of 6,000 by minute:", used)
    print("answers by status:", dict(Counter(record["status"] for record in asked)))
    print("longest pause:", max(later["at_ms"] - earlier["at_ms"] for earlier, later in pairwise(asked)), "ms")
    assert {record["status"] for record in asked} == {200}
    assert min(used) >= 0.9 * ALLOWED
    assert max(used) <= 6000
