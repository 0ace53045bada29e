"""Eight worker processes, one budget, and an exchange that bans whoever goes beyond it; Redis forgets everything."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise

import pytest
import redis

from alphapulse.sandbox.testing import SandboxServer
from config.embedded import deathsig
from config.env import ROOT
from tests.chaos.spenders import ALLOWED, LIMIT, MINUTE, SPENDER, next_minute, sleep_until, used_by_the_end_of
from tests.e2e.own_system import OwnSystem, own_system

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(900)]

WORKERS = 8
# A machine that is busy elsewhere may not get to spending it all; to be refused is never allowed, in any of them.
ATTEMPTS = 3
ACCOUNTS = 150  # each every second: 190,000 of weight a minute, where 6,000 are allowed

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
# Other kinds would spend other budgets first.
SyncState.objects.filter(account__isnull=False).exclude(kind="balances").delete()
SyncState.objects.filter(kind="balances").update(interval_override=timedelta(seconds=1))
"""


@contextmanager
def worker(system: OwnSystem, number: int) -> Iterator[None]:
    with (system.home / f"worker-{number}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SPENDER],
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


def used_in(minute: float, sandbox: SandboxServer, *, flushes: tuple[float, ...], redis_url: str) -> int:
    """What was used of the minute that begins then, in which Redis forgets everything at those seconds."""
    for second in flushes:
        sleep_until(minute + second)
        with redis.Redis.from_url(redis_url) as server:
            server.flushall()
    return used_by_the_end_of(minute, sandbox.url)


def used_in_two_minutes(sandbox: SandboxServer, redis_url: str) -> list[int]:
    first = next_minute()
    # In the middle of all workers' spending, and so late that the loss lasts into the next minute.
    flushes = ((1.0, 45.0), ())
    return [
        used_in(first + number * MINUTE, sandbox, flushes=seconds, redis_url=redis_url)
        for number, seconds in enumerate(flushes)
    ]


def test_eight_workers_use_the_budget_up_and_are_never_told_to_stop_though_redis_forgets(tmp_path, postgres_url):
    with ExitStack() as stack:
        sandbox = stack.enter_context(SandboxServer(patience=0, kept_requests=200_000))
        settings = {"SANDBOX_URL": sandbox.url, "DATABASE_URL": postgres_url}
        system = stack.enter_context(own_system(tmp_path, **settings))
        done = system.run("-c", ACCOUNTS_DUE, sandbox.url, str(ACCOUNTS), DJANGO_SETTINGS_MODULE="config.settings")
        assert done.returncode == 0, done.stderr
        for number in range(WORKERS):
            stack.enter_context(worker(system, number))
        for _ in range(ATTEMPTS):
            used = used_in_two_minutes(sandbox, system.redis_url)
            print("used of 6,000 by minute:", used)
            if min(used) >= 0.9 * ALLOWED:
                break
        asked = sandbox.requests(limit=200_000)
    print("answers by status:", dict(Counter(record["status"] for record in asked)))
    print("longest pause:", max(later["at_ms"] - earlier["at_ms"] for earlier, later in pairwise(asked)), "ms")
    assert {record["status"] for record in asked} == {200}
    assert min(used) >= 0.9 * ALLOWED
    assert max(used) <= LIMIT
