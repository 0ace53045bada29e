"""How much does a summary of worth cost, beside a bare Django view that reads the same rows with one query?

    python -m benchmarks.summary [--accounts 50] [--balances 2000] [--rounds 15]

Both go through the whole of Django, one after the other in one process; the bare view writes the rows as JSON, and asks
nobody who he is. Prints requests per second of CPU time as JSON: `ratio` is the median of the rounds'. The exit status
is 1 below 0.4. On SQLite in a temporary folder, or where DATABASE_URL says (an empty database, which is filled).
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

WANTED = 0.4
REQUESTS_A_ROUND = 20
COINS = 200


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="alphapulse-bench-") as home:
        _settle_in(home)
        bearer = _filled(options)
        report = _measured(options, bearer)
        _leave()
    print(json.dumps(report, indent=2))
    return 0 if report["held"] else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=50)
    parser.add_argument("--balances", type=int, default=2000, help="of all accounts together")
    parser.add_argument("--rounds", type=int, default=15)
    return parser.parse_args()


def _settle_in(home: str) -> None:
    os.environ |= {"ALPHAPULSE_HOME": home, "HTTPS": "false", "RATE_LIMIT_FACTOR": "1000000", "LOG_LEVEL": "ERROR"}
    os.environ |= {"SECRET_KEY": "only-for-measuring-" + "x" * 50, "DJANGO_SETTINGS_MODULE": "config.settings"}
    keys = {name: "bench:" + b64encode(os.urandom(32)).decode() for name in ("CREDENTIAL_KEYS", "AUDIT_SEAL_KEYS")}
    os.environ |= keys | {"REDIS_URL": "redis://127.0.0.1:1"}
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _leave() -> None:
    from django.db import connections

    connections.close_all()


def _filled(options: argparse.Namespace) -> str:
    """Accounts of one user with balances in their spot wallets; returns his token."""
    from apps.core.clock import now
    from apps.core.visitors import Visitor
    from apps.users.models import User
    from apps.users.services.preferences import change_settings
    from apps.users.services.sessions import open_session

    user = User.objects.create_user("bench")
    change_settings(user, {"base_currency": "EUR"}, now=now())
    _tell_prices()
    for number in range(options.accounts):
        _account(user.memberships.get().workspace, number, options.balances // options.accounts)
    session = open_session(user, scopes=None, visitor=Visitor(address="127.0.0.1", user_agent="bench"), now=now())
    return session.access


def _tell_prices() -> None:
    from apps.core.clock import now
    from apps.market.models import Ticker

    prices = {f"C{coin}/USDT": Decimal(coin + 1) / 7 for coin in range(COINS)} | {"EUR/USDT": Decimal("1.1")}
    Ticker.objects.bulk_create(
        Ticker(
            exchange_id="binance",
            environment="sandbox",
            symbol=symbol,
            last=round(price, 8),
            as_of=now() + timedelta(minutes=30),
        )
        for symbol, price in prices.items()
    )


def _account(workspace: Any, number: int, balances: int) -> None:
    from alphapulse.types import Credentials, SyncKind
    from apps.core.clock import now
    from apps.exchanges.models import ExchangeAccount
    from apps.ledger.models import Balance, WalletReading

    account = ExchangeAccount(workspace=workspace, label=f"a{number}", exchange_id="binance", environment="sandbox")
    account.set_credentials(Credentials(api_key=f"key {number}", secret="secret"))  # noqa: S106
    account.save()
    spot = None
    for kind in (SyncKind.BALANCES, SyncKind.POSITIONS):
        for read in account.reads(kind):
            fresh = {"as_of": now(), "fresh_until": now() + timedelta(hours=2)}
            reading = WalletReading.objects.create(account=account, kind=kind, wallet=read.wallet, status="ok", **fresh)
            spot = spot or reading
    rows = ((coin, Decimal(coin * 7919 + number) / 10**8) for coin in range(balances))
    Balance.objects.bulk_create(
        Balance(reading=spot, currency=f"C{coin % COINS}", free=amount, used=Decimal(0), total=amount, debt=Decimal(0))
        for coin, amount in rows
    )


def _measured(options: argparse.Namespace, bearer: str) -> dict[str, Any]:
    from django.db import connection

    summary, bare = _caller("/api/portfolio/summary", bearer), _caller("/bare", bearer)
    answer = json.loads(summary())
    assert answer["complete"], answer
    assert len(json.loads(bare())["rows"]) == options.balances
    queries = _queries_of(summary)
    rounds = [(_per_cpu_second(summary), _per_cpu_second(bare)) for _ in range(options.rounds)]
    ratio = statistics.median(ours / theirs for ours, theirs in rounds)
    return {
        "accounts": options.accounts,
        "balances": options.balances,
        "database": connection.vendor,
        "queries": queries,
        "summary_per_cpu_second": round(statistics.median(ours for ours, _ in rounds), 1),
        "bare_per_cpu_second": round(statistics.median(theirs for _, theirs in rounds), 1),
        "ratio": round(ratio, 3),
        "wanted": WANTED,
        "held": ratio >= WANTED,
    }


def _queries_of(ask: Callable[[], bytes]) -> int:
    from django.db import connection

    counted = []

    def count(execute: Any, sql: str, *rest: Any) -> Any:
        counted.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(count):
        ask()
    return len(counted)


def _per_cpu_second(ask: Callable[[], bytes]) -> float:
    began = time.process_time()
    for _ in range(REQUESTS_A_ROUND):
        ask()
    return REQUESTS_A_ROUND / (time.process_time() - began)


def _caller(path: str, bearer: str) -> Callable[[], bytes]:
    from django.urls import path as route

    from config import urls
    from config.wsgi import application

    if not any(str(each.pattern) == "bare" for each in urls.urlpatterns):
        urls.urlpatterns.insert(0, route("bare", _bare))

    def ask() -> bytes:
        statuses: list[str] = []
        body = b"".join(application(_environ(path, bearer), lambda status, headers: statuses.append(status)))
        assert statuses == ["200 OK"], (statuses, body)
        return body

    return ask


def _environ(path: str, bearer: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "HTTP_AUTHORIZATION": f"Bearer {bearer}",
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
    }


def _bare(request: Any) -> Any:
    """What anybody would write first: the rows, as they are."""
    from django.http import JsonResponse

    from apps.ledger.models import Balance

    rows = Balance.objects.filter(reading__account__workspace__memberships__user__username="bench")
    return JsonResponse({"rows": list(rows.values("reading__account", "reading__wallet", "currency", "total", "debt"))})


if __name__ == "__main__":
    raise SystemExit(main())
