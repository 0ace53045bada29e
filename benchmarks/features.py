"""How long does a flood of features take, and how long does it keep who waits behind it?

    python -m benchmarks.features [--series 500] [--features 20] [--bars 200] [--sqlite]

On PostgreSQL: that of TEST_DATABASE_URL, or one from the wheel; or on a new SQLite. First all features are new to all
series, then every series has one more bar. Each time sweeps and turns alternate, as beat and one compute worker do,
until nothing is due. Prints as JSON how many series were due, the messages that were in the queue at most, turns,
series per second, and the longest turn: what somebody else's message waits for at most. The exit status is 1 where a
turn took longer than twice of what it may, or where more than one message lay in the queue.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from benchmarks.own_database import own_database

START = datetime(2026, 1, 1, tzinfo=UTC)
FUNCTIONS = ("returns", "log_returns", "volatility", "zscore", "momentum", "regime")


def main() -> int:
    options = _options()
    with own_database(sqlite=options.sqlite):
        report = _report(options)
    print(json.dumps(report, indent=2))
    return 0 if report["held"] else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=500, help="series of candles")
    parser.add_argument("--features", type=int, default=20, help="features of each")
    parser.add_argument("--bars", type=int, default=200, help="candles of each series")
    parser.add_argument("--sqlite", action="store_true")
    return parser.parse_args()


def _report(options: argparse.Namespace) -> dict[str, Any]:
    from django.db import connection

    from apps.market.services import feature_work, features

    for number in range(options.features):
        function = FUNCTIONS[number % len(FUNCTIONS)]
        features.define(name=f"feature_{number}", function=function, parameters={}, timeframe="1h")
    _store(options, range(options.bars))
    rounds = {"new_features": _flood(), "one_more_bar": _flood(lambda: _store(options, [options.bars]))}
    most = 2 * feature_work.TURN.total_seconds()
    held = all(each["longest_turn_seconds"] < most and each["messages_at_most"] == 1 for each in rounds.values())
    return {"database": connection.vendor, "bars": options.bars, **rounds, "held": held}


def _store(options: argparse.Namespace, numbers: Any) -> None:
    from apps.market.services import series_of, store_candles

    for each in range(options.series):
        name = {"exchange_id": "binance", "environment": "sandbox", "symbol": f"C{each}/USDT", "timeframe": "1h"}
        store_candles(series_of(**name), [_candle(name["symbol"], number) for number in numbers])


def _candle(symbol: str, number: int) -> Any:
    from alphapulse.types import Candle

    price = Decimal(100 + number * 7919 % 131) / 7
    return Candle(
        symbol=symbol,
        timeframe="1h",
        opened_at=START + number * timedelta(hours=1),
        open=price,
        high=price + 1,
        low=price - 1,
        close=price,
        volume=Decimal(number % 17),
        is_closed=True,
    )


def _flood(begin: Callable[[], None] | None = None) -> dict[str, Any]:
    from apps.core.clock import now
    from apps.market import tasks
    from apps.market.services import feature_work

    if begin:
        begin()
    queue: list[None] = []
    tasks.compute_features.apply_async = lambda **_: queue.append(None)
    sweeps, turns, lengths, due = [_timed(tasks.sweep_features.run)], [], [len(queue)], feature_work.due(now()).count()
    while queue:
        turns.append(_timed(tasks.compute_features.run))
        queue.clear()
        sweeps.append(_timed(tasks.sweep_features.run))
        lengths.append(len(queue))
    return {
        "due": due,
        "messages_at_most": max(lengths),
        "turns": len(turns),
        "series_per_second": round(due / sum(turns)),
        "longest_turn_seconds": round(max(turns), 2),
        "longest_sweep_seconds": round(max(sweeps), 2),
    }


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
