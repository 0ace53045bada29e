"""How old is what we show? Starts the whole embedded system with many sandbox accounts and watches the database.

    python -m benchmarks.freshness [--accounts 200] [--interval 10] [--minutes 5] [--db sqlite|postgres]

Once a second it reads every `as_of` of every account; at the end it prints percentiles of now minus `as_of`, failures,
memory and how often the markets were loaded, as JSON. The exit status is 1 if the 99th percentile is
above two intervals or anything failed. A real fleet leaves by several IPs; here they are 127.0.1.1, 127.0.1.2 ...
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# Orders of one Binance account cost 80 of 6,000 weight: six an account and minute leave room for this many an IP.
ACCOUNTS_PER_EGRESS = 8
WARM_UP = 30


def main() -> int:
    options = _options()
    egresses = {
        f"ip{n}": {"local_address": f"127.0.1.{n}"} for n in range(1, options.accounts // ACCOUNTS_PER_EGRESS + 2)
    }
    with tempfile.TemporaryDirectory(prefix="alphapulse-bench-") as home:
        os.environ |= {"ALPHAPULSE_HOME": home, "EGRESSES": json.dumps(egresses)}
        with _running(options) as system:
            report = _measured(options, list(egresses), system)
            _end(system)
    print(json.dumps(report, indent=2))
    return 0 if report["held"] else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--interval", type=int, default=10, help="seconds between syncs of a kind")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--db", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--port", type=int, default=8900)
    return parser.parse_args()


def _running(options: argparse.Namespace) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "config.embedded", "--db", options.db, "--port", str(options.port)]
    system = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert system.stdout is not None
    for line in system.stdout:
        print(line, end="", file=sys.stderr)
        if line.startswith("ready"):
            return system
    raise SystemExit("the system did not start")


def _end(system: "subprocess.Popen[str]") -> None:
    system.terminate()
    system.wait(60)


def _measured(options: argparse.Namespace, egresses: list[str], system: "subprocess.Popen[str]") -> dict[str, Any]:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    _add_accounts(options, egresses)
    _show(f"{options.accounts} accounts, every {options.interval} s; warming up for {WARM_UP} s")
    time.sleep(WARM_UP)
    began, loads = time.time(), _market_loads()
    ages = _sampled(options.minutes)
    return _report(options, ages, began, system) | {"market_loads": loads}


def _add_accounts(options: argparse.Namespace, egresses: list[str]) -> None:
    from datetime import timedelta

    from alphapulse.types import Credentials
    from apps.core.clock import now
    from apps.exchanges.services import add_account
    from apps.sync.models import SyncState
    from apps.users.models import Workspace

    workspace = Workspace.objects.get(name="demo")
    for number in range(options.accounts):
        exchange_id = ("binance", "bybit")[number % 2]
        keys = _sandbox_account(exchange_id, number)
        add_account(
            workspace=workspace,
            exchange_id=exchange_id,
            label=f"bench-{number}",
            credentials=Credentials(api_key=keys["api_key"], secret=keys["secret"]),
            environment="sandbox",
            egress=egresses[number // ACCOUNTS_PER_EGRESS % len(egresses)],
            check=False,
        )
    # Due at once: what was synced already waits for the interval that it had then.
    ours = SyncState.objects.filter(account__label__startswith="bench")
    ours.update(interval_override=timedelta(seconds=options.interval), due_at=now())


def _sandbox_account(exchange_id: str, number: int) -> dict[str, str]:
    holdings = {"BTC": "1.5", "ETH": "20", "USDT": "100000", "SOL": str(number + 1)}
    return _control("accounts", {"exchange": exchange_id, "name": f"bench-{number}", "holdings": holdings})


def _control(path: str, body: dict[str, Any] | None = None) -> Any:
    from django.conf import settings

    data = json.dumps(body).encode() if body is not None else None
    with urllib.request.urlopen(f"{settings.SANDBOX_URL}/_sandbox/{path}", data=data, timeout=30) as answer:
        return json.load(answer)


def _sampled(minutes: float) -> dict[str, list[float]]:
    """Seconds of age by kind, one per account, wallet that every sync asks for, and second."""
    from apps.core.clock import now
    from apps.ledger.models import WalletReading

    ages: dict[str, list[float]] = {}
    end = time.monotonic() + minutes * 60
    while time.monotonic() < end:
        at = now()
        asked = WalletReading.objects.filter(account__label__startswith="bench", due_at=None)
        for kind, as_of in asked.values_list("kind", "as_of"):
            ages.setdefault(kind, []).append((at - as_of).total_seconds() if as_of else math.inf)
        _show(f"{(end - time.monotonic()):4.0f} s left, oldest now {max(max(a[-400:]) for a in ages.values()):.1f} s")
        time.sleep(1)
    return ages


def _report(
    options: argparse.Namespace, ages: dict[str, list[float]], began: float, system: "subprocess.Popen[str]"
) -> dict[str, Any]:
    from datetime import UTC, datetime

    from django.db.models import Count, Sum

    from apps.sync.models import SyncRun, SyncState

    runs = SyncRun.objects.filter(started_at__gte=datetime.fromtimestamp(began, UTC))
    totals = runs.aggregate(batches=Count("pk"), synced=Sum("succeeded"), failed=Sum("failed"))
    percentiles = {
        kind: {name: round(_percentile(values, share), 2) for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1))}
        for kind, values in ages.items()
    }
    worst = max(each["p99"] for each in percentiles.values())
    return {
        "accounts": options.accounts,
        "interval_s": options.interval,
        "db": options.db,
        "age_s": percentiles,
        **totals,
        "errors": list(SyncState.objects.exclude(error="").values_list("error", flat=True)[:5]),
        "processes": _processes(system.pid),
        "held": worst <= 2 * options.interval and not totals["failed"],
    }


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _processes(supervisor: int) -> list[dict[str, Any]]:
    import psutil

    found = []
    for process in psutil.Process(supervisor).children(recursive=True):
        times, command = process.cpu_times(), " ".join(process.cmdline())
        names = (word for word in command.split() if "@" in word or word in ("sandbox", "beat") or "asgi" in word)
        found.append(
            {
                "name": next(names, process.name()),
                "rss_mb": round(process.memory_info().rss / 1e6),
                "cpu_s": round(times.user + times.system, 1),
            }
        )
    return found


def _market_loads() -> dict[str, int]:
    paths = ("/api/v3/exchangeInfo", "/v5/market/instruments-info")
    asked = [request for path in paths for request in _control(f"requests?path={path}&limit=1000")]
    return dict(Counter(f"{request['host']}{request['path']}" for request in asked))


def _show(text: str) -> None:
    print(f"\r{text:<70}", end="", flush=True, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
