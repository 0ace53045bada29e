"""How much does the API cost beside the rows that it answers? `GET /api/exchange/balance` beside a bare Django view.

    python -m benchmarks.http [--rows 100] [--clients 32] [--rounds 5] [--seconds 5]

Starts PostgreSQL and a Redis-compatible server of its own and, as the Procfile does, one web process for the product
and one for a view without middleware that selects the same rows (`benchmarks/bare.py`). Clients in a process of their
own ask now the one, now the other, round after round. Prints for both the requests per second of CPU that the web
process used, and how long answers took, as JSON, with the ratio of each round. The exit status is 1 if the product's
requests per CPU second are, in the middle of the rounds, less than 0.4 of the bare view's.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from apps.core.encryption import new_key
from config.embedded import ports
from config.embedded.processes import Service, Stage
from config.embedded.servers import Server, running
from tests.servers import postgres_server, redis_server

ROOT = Path(__file__).resolve().parent.parent
TARGET = 0.4
EXCHANGE_IDS = ("binance", "bybit", "kraken", "okx", "kucoin")  # of the accounts whose balances are told


@dataclass
class Side:
    """One of the two that are compared: where it is asked, and what was measured of it."""

    url: str
    process: psutil.Process
    token: str = ""
    per_cpu_second: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)


def main() -> int:
    options = _options()
    with postgres_server() as database, redis_server() as redis, tempfile.TemporaryDirectory() as home:
        os.environ |= _settings(database, redis, home)
        user, token = _seeded(options.rows)
        with _web("config.wsgi", home) as product, _web("benchmarks.bare", home) as bare:
            sides = {
                "product": Side(f"{product[0]}/api/exchange/balance?page_size={options.rows}", product[1], token),
                "bare": Side(f"{bare[0]}/balance?user={user}", bare[1]),
            }
            report = _measured(sides, options)
    print(json.dumps(report, indent=2))
    return 0 if report["held"] else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100, help="balances in each answer, up to 500")
    parser.add_argument("--clients", type=int, default=32, help="that ask at the same time")
    parser.add_argument("--rounds", type=int, default=5, help="in each of which both are asked")
    parser.add_argument("--seconds", type=float, default=5, help="of each side in each round")
    return parser.parse_args()


def _settings(database: str, redis: str, home: str) -> dict[str, str]:
    return {
        "ALPHAPULSE_HOME": home,
        "DATABASE_URL": database,
        "REDIS_URL": redis,
        "SECRET_KEY": "only-for-a-benchmark-" + "x" * 50,
        "CREDENTIAL_KEYS": new_key("benchmark"),
        "AUDIT_SEAL_KEYS": new_key("seal"),
        "HTTPS": "false",
        "RATE_LIMIT_FACTOR": "1000",  # counted as always, refused never
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "LOG_LEVEL": "WARNING",
    }


def _seeded(rows: int) -> tuple[int, str]:
    """A user's id and token, and their balances: `rows` of them in all wallets of five accounts, all fresh."""
    import django

    django.setup()
    from datetime import timedelta

    from django.core.management import call_command

    from alphapulse.types import SyncKind
    from apps.core.clock import now
    from apps.core.visitors import Visitor
    from apps.ledger.models import Balance, WalletReading
    from apps.users.models import User
    from apps.users.services.sessions import open_session
    from tests.apps import builders

    call_command("migrate", verbosity=0)
    user = User.objects.create_user("family")
    for number, exchange_id in enumerate(EXCHANGE_IDS):
        account = builders.account(f"account {number}", exchange_id=exchange_id)
        fresh = {"as_of": now(), "fresh_until": now() + timedelta(days=1), "status": "ok"}
        readings = [
            WalletReading.objects.create(account=account, kind="balances", wallet=read.wallet, **fresh)
            for read in account.reads(SyncKind.BALANCES)
        ]
        Balance.objects.bulk_create(
            _balance(readings[n % len(readings)], n) for n in range(number, rows, len(EXCHANGE_IDS))
        )
    return user.pk, open_session(user, visitor=Visitor(address=None), now=now()).access


def _balance(reading: Any, number: int) -> Any:
    from decimal import Decimal

    from apps.ledger.models import Balance

    total, used = Decimal(f"{number + 1}.{number:08d}"), Decimal("0.5")
    return Balance(
        reading=reading, currency=f"COIN{number}", free=total - used, used=used, total=total, debt=Decimal(0)
    )


@contextmanager
def _web(application: str, home: str) -> Iterator[tuple[str, psutil.Process]]:
    """One web process of the kind that the Procfile starts: its address, and the process."""
    port, name = ports.choose_port(), application.replace(".", "-")
    argv = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", ports.LOOPBACK, "--port", str(port)]
    argv += ["--workers", "1", "--blocking-threads", "8", "--log-level", "warning", f"{application}:application"]
    server = Server(
        service=Service(name=name, argv=argv, stage=Stage.WEB),
        url=f"http://{ports.LOOPBACK}:{port}",
        answers=lambda: ports.is_answered(port),
        data=Path(home),
    )
    with running(server, log=Path(home) / f"{name}.log", environment=os.environ) as url:
        mine = psutil.Process().children()
        yield url, next(each for each in mine if str(port) in each.cmdline())


def _measured(sides: dict[str, Side], options: argparse.Namespace) -> dict[str, Any]:
    for side in sides.values():
        _load(side, options.clients, 2)
    for number in range(options.rounds):
        for name, side in sides.items():
            began = _cpu_seconds(side.process)
            took = _load(side, options.clients, options.seconds)
            side.per_cpu_second.append(len(took) / (_cpu_seconds(side.process) - began))
            side.took += took
            print(f"round {number + 1}, {name}: {side.per_cpu_second[-1]:.0f} requests/CPU s", file=sys.stderr)
    return _report(sides, options)


def _load(side: Side, clients: int, seconds: float) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.load", side.url, "--clients", str(clients)]
    command += ["--seconds", str(seconds), "--token", side.token]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=seconds + 60)
    answered: list[float] = json.loads(done.stdout)
    return answered


def _cpu_seconds(process: psutil.Process) -> float:
    """Of the server and all that it started."""
    times = [each.cpu_times() for each in [process, *process.children(recursive=True)]]
    return sum(each.user + each.system for each in times)


def _report(sides: dict[str, Side], options: argparse.Namespace) -> dict[str, Any]:
    ratios = [a / b for a, b in zip(sides["product"].per_cpu_second, sides["bare"].per_cpu_second, strict=True)]
    return {
        "rows": options.rows,
        "clients": options.clients,
        **{name: _figures(side) for name, side in sides.items()},
        "ratios": [round(ratio, 3) for ratio in ratios],
        "ratio": round(statistics.median(ratios), 3),
        "held": statistics.median(ratios) >= TARGET,
    }


def _figures(side: Side) -> dict[str, float]:
    return {
        "requests": len(side.took),
        "requests_per_cpu_second": round(statistics.median(side.per_cpu_second)),
        "p50_ms": round(statistics.median(side.took) * 1000, 1),
        "p95_ms": round(statistics.quantiles(side.took, n=20)[-1] * 1000, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
