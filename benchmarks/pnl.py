"""How long do books of a hundred thousand events take, how much memory, and what does an answer out of them cost?

    python -m benchmarks.pnl [--events 100000] [--accounts 5] [--currency EUR] [--hourly] [--sqlite]

Makes a workspace with a past of two years (fills with fees in third coins, contracts, funding, transfers, rewards and
converts; the same for a `--seed`), daily candles, snapshots and balances, on a PostgreSQL of its own, or on SQLite in a
temporary folder. Then books are kept by each method in a process of its own, as a compute worker's child does it, those
of all methods in one, and `GET /api/portfolio/pnl` and `/performance` are asked in this one. Prints seconds, megabytes
and queries as JSON; what it is doing meanwhile goes to stderr. A hundred thousand events take about two minutes,
`--hourly` one more.
"""

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

MOST_EVENTS = 1_000_000
ASKED = 15
EXCHANGE_IDS = ("binance", "bybit", "okx", "kraken", "kucoin")


def main() -> int:
    options = _options()
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="alphapulse-bench-"))
        database = "" if options.sqlite else stack.enter_context(_postgres())
        stack.callback(_leave)
        _settle_in(home, database)
        bearer = _filled(options)
        report = _report(options, bearer)
    print(json.dumps(report, indent=2))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000, help=f"rows of the ledger, up to {MOST_EVENTS}")
    parser.add_argument("--accounts", type=int, default=5, help="that they happened to")
    parser.add_argument("--currency", default="EUR", help="of the books: USDT needs fewer prices")
    parser.add_argument("--hourly", action="store_true", help="candles of the hour, too, as of everything held")
    parser.add_argument("--sqlite", action="store_true", help="SQLite instead of PostgreSQL")
    parser.add_argument("--seed", type=int, default=1, help="another past")
    options = parser.parse_args()
    options.events = min(options.events, MOST_EVENTS)
    return options


def _postgres() -> Any:
    from tests.servers import postgres_server

    return postgres_server()


def _settle_in(home: str, database: str) -> None:
    from apps.core.encryption import new_key

    os.environ |= {"ALPHAPULSE_HOME": home, "HTTPS": "false", "RATE_LIMIT_FACTOR": "1000000", "LOG_LEVEL": "ERROR"}
    os.environ |= {"SECRET_KEY": "only-for-measuring-" + "x" * 50, "DJANGO_SETTINGS_MODULE": "config.settings"}
    os.environ |= {"CREDENTIAL_KEYS": new_key("bench"), "AUDIT_SEAL_KEYS": new_key("seal")}
    os.environ |= {"REDIS_URL": "redis://127.0.0.1:1"} | ({"DATABASE_URL": database} if database else {})
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _leave() -> None:
    from django.db import connections

    connections.close_all()


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


# --- What there is ----------------------------------------------------------------------------------------------------


def _filled(options: argparse.Namespace) -> str:
    """Rows of all kinds; the token of who may ask for them."""
    from apps.core.clock import now
    from apps.core.visitors import Visitor
    from apps.users.models import User
    from apps.users.services.sessions import open_session
    from benchmarks.pasts import Market

    user = User.objects.create_user("bench")
    workspace, market = user.memberships.get().workspace, Market(options.seed)
    accounts = [_account(workspace, number) for number in range(options.accounts)]
    _say("candles, prices, snapshots")
    _tell_prices(market, options)
    _look(workspace, accounts)
    _happen(accounts, options, market)
    return open_session(user, scopes=None, visitor=Visitor(address=None), now=now()).access


def _account(workspace: Any, number: int) -> Any:
    from alphapulse.types import Credentials, SyncKind
    from apps.core.clock import now
    from apps.exchanges.models import ExchangeAccount
    from apps.ledger.models import Balance, WalletReading
    from benchmarks.pasts import COINS

    exchange_id = EXCHANGE_IDS[number % len(EXCHANGE_IDS)]
    account = ExchangeAccount(workspace=workspace, label=f"a{number}", exchange_id=exchange_id, environment="sandbox")
    account.set_credentials(Credentials(api_key=f"key {number}", secret="secret"))  # noqa: S106
    account.save()
    fresh = {"as_of": now(), "fresh_until": now() + timedelta(hours=2), "status": "ok"}
    readings = [
        WalletReading.objects.create(account=account, kind=kind, wallet=read.wallet, **fresh)
        for kind in (SyncKind.BALANCES, SyncKind.POSITIONS)
        for read in account.reads(kind)
    ]
    nothing = {"used": Decimal(0), "debt": Decimal(0)}
    Balance.objects.bulk_create(
        Balance(reading=readings[0], currency=coin, free=Decimal(1), total=Decimal(1), **nothing) for coin in COINS
    )
    return account


def _tell_prices(market: Any, options: argparse.Namespace) -> None:
    from apps.core.clock import now
    from apps.market.models import Ticker

    for coin, prices in market.days.items():
        _candles(f"{coin}/USDT", "1d", prices, 24)
        if options.hourly:
            _candles(f"{coin}/USDT", "1h", prices, 1)
    Ticker.objects.bulk_create(
        Ticker(
            exchange_id="binance",
            environment="sandbox",
            symbol=f"{coin}/USDT",
            last=prices[-1],
            as_of=now() + timedelta(minutes=30),
        )
        for coin, prices in market.days.items()
    )


def _candles(symbol: str, timeframe: str, prices: list[Decimal], hours: int) -> None:
    """One of each day's price after the other, the same all day."""
    from apps.market.models import Candle
    from apps.market.services import partitions, series_of
    from benchmarks.pasts import begin

    series = series_of(exchange_id="binance", environment="sandbox", symbol=symbol, timeframe=timeframe)
    opened = [begin() + timedelta(hours=hours * number) for number in range(len(prices) * 24 // hours)]
    partitions.make(timeframe, opened)
    for some in _batched(opened, 10_000):
        Candle.objects.bulk_create(_candle(series, at, prices[(at - begin()).days]) for at in some)
    series.first_at, series.last_at = opened[0], opened[-1]
    series.save()


def _candle(series: Any, at: datetime, price: Decimal) -> Any:
    from apps.market.models import Candle

    numbers = dict.fromkeys(("open", "high", "low", "close"), price)
    fixed = {"series": series, "timeframe": series.timeframe, "opened_at": at, "volume": Decimal(1)}
    return Candle(**fixed, **numbers, is_closed=True)


def _look(workspace: Any, accounts: list[Any]) -> None:
    """Snapshots as thinning leaves them: a day apart, of two months an hour, of two days five minutes."""
    from apps.portfolio.models import AccountWorth, Snapshot

    common = {"workspace": workspace, "environment": "sandbox", "currency": "USDT", "is_complete": True}
    for number, at in enumerate(_times()):
        worth = Decimal(1_000_000 + number * 7919 % 10_000)
        whole = {"total": worth * len(accounts), "equity": worth * len(accounts), "rates": {"EUR": "0.92"}}
        snapshot = Snapshot.objects.create(taken_at=at, **common, **whole)
        AccountWorth.objects.bulk_create(
            AccountWorth(snapshot=snapshot, account=account, total=worth, equity=worth, is_complete=True)
            for account in accounts
        )


def _times() -> Iterator[datetime]:
    from benchmarks.pasts import UNTIL, begin

    at = begin()
    while at < UNTIL:
        yield at
        left = UNTIL - at
        at += timedelta(days=1) if left > timedelta(days=60) else timedelta(hours=1)
        if left <= timedelta(days=2):
            at += timedelta(minutes=5) - timedelta(hours=1)


def _happen(accounts: list[Any], options: argparse.Namespace, market: Any) -> None:
    from benchmarks.pasts import past
    from tests.apps.portfolio.ledgers import MODELS

    done = 0
    for some in _batched(past(len(accounts), options.events, options.seed, market), 5000):
        by_model: dict[Any, list[Any]] = {}
        for number, event in some:
            model = MODELS[type(event)]
            by_model.setdefault(model, []).append(model(account=accounts[number], source="spot", **asdict(event)))
        for model, rows in by_model.items():
            model.objects.bulk_create(rows)
        done += len(some)
        _say(f"{done} of {options.events} events")


def _batched(things: Iterable[Any], count: int) -> Iterator[list[Any]]:
    ahead = iter(things)
    while some := list(islice(ahead, count)):
        yield some


# --- What is measured -------------------------------------------------------------------------------------------------


def _report(options: argparse.Namespace, bearer: str) -> dict[str, Any]:
    from django.db import connection

    from alphapulse.portfolio.lots import Method

    one_by_one = {method.value: [method.value] for method in Method}
    books = {}
    for name, methods in {**one_by_one, "all together": list(one_by_one)}.items():
        connection.close()
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            books[name] = pool.apply(_kept, (methods, options.currency))
        _say(f"{name}: {books[name]}")
    report = {"events": options.events, "database": connection.vendor, "currency": options.currency, "books": books}
    for path in ("pnl", "pnl?asset=ETH", "performance"):
        report[path] = _asked(path, f"environment=sandbox&currency={options.currency}", bearer)
    return report


def _kept(methods: list[str], currency: str) -> dict[str, float]:
    """In a child, as a compute worker's; all methods that wait are kept by the first one's message."""
    import django

    django.setup()
    from apps.core.clock import now
    from apps.portfolio import tasks
    from apps.portfolio.models import Statement
    from apps.users.models import Workspace

    Statement.objects.all().delete()
    of = {"workspace": Workspace.objects.get(), "environment": "sandbox", "currency": currency, "asked_at": now()}
    statements = [Statement.objects.create(method=method, **of) for method in methods]
    before, begun, cpu = _peak(), time.perf_counter(), time.process_time()
    tasks.keep_books.run(statement_id=statements[0].pk)
    took, worked = time.perf_counter() - begun, time.process_time() - cpu
    for statement in statements:
        statement.refresh_from_db()
        assert statement.made_at, statement.error
    return {
        "seconds": round(took, 2),
        "cpu_seconds": round(worked, 2),
        "peak_mb": round(_peak()),
        "idle_mb": round(before),
        "statement_kb": round((len(statements[0].days) + len(statements[0].flows)) / 1000),
    }


def _peak() -> float:
    """What this process had at most, in megabytes; Linux counts in kilobytes, macOS in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1_000_000 if sys.platform == "darwin" else 1000)


def _asked(path: str, query: str, bearer: str) -> dict[str, Any]:
    name, _, more = path.partition("?")
    ask = _caller(f"/api/portfolio/{name}", f"{query}&{more}" if more else query, bearer)
    first = _timed(ask)
    size, queries = len(ask()), _queries_of(ask)
    took = [_timed(ask) for _ in range(ASKED)]
    return {
        "first_ms": round(first[0] * 1000),
        "median_ms": round(statistics.median(wall for wall, _ in took) * 1000),
        "cpu_ms": round(statistics.median(cpu for _, cpu in took) * 1000),
        "kb": round(size / 1000),
        "queries": queries,
    }


def _timed(ask: Callable[[], bytes]) -> tuple[float, float]:
    begun, cpu = time.perf_counter(), time.process_time()
    ask()
    return time.perf_counter() - begun, time.process_time() - cpu


def _queries_of(ask: Callable[[], bytes]) -> int:
    from django.db import connection

    counted = []

    def count(execute: Any, sql: str, *rest: Any) -> Any:
        counted.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(count):
        ask()
    return len(counted)


def _caller(path: str, query: str, bearer: str) -> Callable[[], bytes]:
    from benchmarks.summary import _environ
    from config.wsgi import application

    def ask() -> bytes:
        statuses: list[str] = []
        environ = _environ(path, bearer) | {"QUERY_STRING": query}
        body = b"".join(application(environ, lambda status, headers: statuses.append(status)))
        assert statuses == ["200 OK"], (statuses, body[:500])
        return body

    return ask


if __name__ == "__main__":
    raise SystemExit(main())
