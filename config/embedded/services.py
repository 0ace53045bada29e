"""AlphaPulse's own processes, as `make run` folds them; `Procfile` and `docker-compose.yml` have the same."""

import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from config.embedded.processes import Service, Stage

# (name, queue, at once): one process for what decides, one for what people ask for, two for what the clock does, one to
# calculate. Of its many threads the second uses few, unless exchanges hang (apps/sync/services/places.py).
WORKERS = (
    ("worker-control", "control", 4),
    ("worker-resync", "resync", 32),
    ("worker-sync-1", "sync", 16),
    ("worker-sync-2", "sync", 16),
    ("worker-compute", "compute", 2),
)
# What calculates does so in child processes: only those can be stopped in the middle (time limits), and they give back
# what libraries keep. A child ends after so many tasks, or once it has grown beyond so many kilobytes.
PREFORK = ("-P", "prefork", "--max-tasks-per-child", "500", "--max-memory-per-child", "600000")
POOLS = {"compute": PREFORK}
THREADS = ("-P", "threads")


def manage(*arguments: str) -> list[str]:
    return [sys.executable, "manage.py", *arguments]


def sandbox(url: str, state: Path) -> Service:
    """`state` keeps its accounts and orders from one start to the next."""
    argv = manage("sandbox", "--port", str(urlsplit(url).port), "--state", str(state))
    return Service(name="sandbox", argv=argv, stage=Stage.SANDBOX, grace=3.0)


def demo_accounts() -> Service:
    """Makes the demo accounts again on a sandbox exchange that ended before it could keep them."""
    return Service(name="demo", argv=manage("demo"), stage=Stage.WEB, once=True)


def web(host: str, port: int) -> Service:
    argv = [sys.executable, "-m", "uvicorn", "config.asgi:application"]
    # uvicorn believes an X-Forwarded-For from loopback; whom to believe is BEHIND_PROXY's to say.
    argv += ["--host", host, "--port", str(port), "--log-level", "warning", "--no-access-log", "--no-proxy-headers"]
    return Service(name="web", argv=[*argv, "--timeout-graceful-shutdown", "3"], stage=Stage.WEB, grace=5.0)


def workers() -> list[Service]:
    return [_worker(name, queue, threads) for name, queue, threads in WORKERS]


def beat(schedule: str) -> Service:
    # Its end takes half a second of a processor, which a busy machine has not at once.
    return Service(name="beat", argv=_celery("beat", "-s", schedule), stage=Stage.BEAT, grace=8.0)


def watchdog() -> Service:
    """Ends with beat: what stops in order is no trouble."""
    return Service(name="watchdog", argv=manage("watchdog"), stage=Stage.BEAT, grace=8.0)


def workers_answer() -> list[str]:
    """A command that ends once every worker has answered a ping."""
    return [sys.executable, "-m", "config.embedded.ping", *(name for name, _, _ in WORKERS)]


def _celery(command: str, *options: str) -> Sequence[str]:
    return [sys.executable, "-m", "celery", "-A", "config", command, "--loglevel", "INFO", *options]


def _worker(name: str, queue: str, at_once: int) -> Service:
    pool = ["-Q", queue, *POOLS.get(queue, THREADS), "-c", str(at_once), "-n", f"{name}@%h"]
    # Workers that know of each other cost messages and tell us nothing.
    argv = _celery("worker", *pool, "--without-gossip", "--without-mingle")
    # A batch has a deadline well below this grace; what is killed all the same is claimed again.
    return Service(name=name, argv=argv, stage=Stage.WORKERS, grace=15.0)
