"""How fast do candles become rows? `store_candles`, first and repeated, beside a raw COPY into the same table.

    python -m benchmarks.ingest [--rows 200000] [--rounds 5] [--candles FOLDER]

On PostgreSQL: that of TEST_DATABASE_URL, or one from the wheel, in a database of its own. Each round copies the rows
straight into the table from text that is made beforehand, then stores the same candles as a new series, and stores
them again; what is not measured is deleted between. Candles are those of FOLDER's files (ALPHAPULSE_CANDLES by itself),
one after the other until there are enough; without files made-up ones. Prints rows per second and their ratios as JSON,
medians of the rounds; the exit status is 1 if storing first is below 0.5 of COPY, or repeated below 0.4.
"""

import argparse
import csv
import gzip
import io
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from benchmarks.own_database import own_database

FIRST, REPEATED = 0.5, 0.4
START = datetime(2024, 1, 1, tzinfo=UTC)
COLUMNS = "series_id, timeframe, opened_at, open, high, low, close, volume, is_closed"

Numbers = tuple[Decimal, Decimal, Decimal, Decimal, Decimal]


def main() -> int:
    options = _options()
    with own_database():
        rounds = [_round(number, options) for number in range(options.rounds)]
    report = _report(rounds, options)
    print(json.dumps(report, indent=2))
    return 0 if report["held"] else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000, help="candles of one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--candles", default=os.environ.get("ALPHAPULSE_CANDLES", ""), help="a folder of candle files")
    return parser.parse_args()


def _round(number: int, options: argparse.Namespace) -> dict[str, float]:
    from apps.market.models import Candle
    from apps.market.services import partitions, series_of, store_candles

    name = {"exchange_id": "binance", "environment": "sandbox", "timeframe": "5m"}
    candles = _candles(options)
    partitions.make("5m", [candle.opened_at for candle in candles])
    raw, ours = (series_of(**name, symbol=f"{symbol}{number}/BTC") for symbol in ("RAW", "OURS"))
    text = _text(raw.pk, candles)
    seconds = {"copy": _timed(lambda: _copied(text))}
    Candle.objects.filter(series=raw).delete()
    seconds["first"] = _timed(lambda: _check(store_candles(ours, candles), len(candles)))
    seconds["repeated"] = _timed(lambda: _check(store_candles(ours, candles), 0))
    Candle.objects.filter(series=ours).delete()
    return {step: len(candles) / took for step, took in seconds.items()}


def _candles(options: argparse.Namespace) -> list[Any]:
    from alphapulse.types import Candle

    numbers = list(_real(Path(options.candles))) if options.candles else [_made_up(each) for each in range(5_000)]
    return [
        Candle(
            symbol="BTC/USDT",
            timeframe="5m",
            opened_at=START + place * timedelta(minutes=5),
            open=row[0],
            high=row[1],
            low=row[2],
            close=row[3],
            volume=row[4],
            is_closed=True,
        )
        for place, row in enumerate(islice(cycle(numbers), options.rows))
    ]


def _real(folder: Path) -> Iterator[Numbers]:
    for path in sorted(folder.glob("*.csv.gz")):
        with gzip.open(path, "rt") as file:
            for _, opened, high, low, close, volume in list(csv.reader(file))[1:]:
                yield Decimal(opened), Decimal(high), Decimal(low), Decimal(close), Decimal(volume)


def _made_up(number: int) -> Numbers:
    price = Decimal(30_000 + number % 977) + Decimal(number % 100) / 100
    return price, price + 7, price - 5, price + 1, Decimal(number * 7919 % 100_003) / 1000


def _text(series_id: int, candles: list[Any]) -> str:
    return "".join(
        f"{series_id}\t5m\t{row.opened_at}\t{row.open}\t{row.high}\t{row.low}\t{row.close}\t{row.volume}\tt\n"
        for row in candles
    )


def _copied(text: str) -> None:
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.copy_expert(f"COPY market_candle ({COLUMNS}) FROM STDIN", io.StringIO(text))


def _timed(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _check(written: int, expected: int) -> None:
    if written != expected:
        raise RuntimeError(f"{written} rows were written where {expected} are new")


def _report(rounds: list[dict[str, float]], options: argparse.Namespace) -> dict[str, Any]:
    rates = {step: round(statistics.median(each[step] for each in rounds)) for step in rounds[0]}
    ratios = {
        step: round(statistics.median(each[step] / each["copy"] for each in rounds), 2)
        for step in ("first", "repeated")
    }
    return {
        "rows": options.rows,
        "rounds": options.rounds,
        "rows_per_second": rates,
        "of_a_raw_copy": ratios,
        "wanted": {"first": FIRST, "repeated": REPEATED},
        "held": ratios["first"] >= FIRST and ratios["repeated"] >= REPEATED,
    }


if __name__ == "__main__":
    sys.exit(main())
