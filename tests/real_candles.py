"""Candles as they were traded: files outside of this repository, found by a variable."""

import csv
import gzip
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from alphapulse.types import Candle

FOLDER = Path(os.environ.get("ALPHAPULSE_CANDLES") or "/nonexistent")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def required() -> None:
    """Skips, with one loud line, where there are none: CI has them, and fails without."""
    if not FOLDER.is_dir():
        pytest.skip("THE REAL CANDLES ARE NOT CHECKED: ALPHAPULSE_CANDLES names no folder")


def files() -> list[Path]:
    return sorted(FOLDER.glob("*.csv.gz"))


def symbol_of(file: Path) -> str:
    """`ETH-BTC_5m` is ETH/BTC, `XRP-USDT-USDT_1h` the swap XRP/USDT:USDT."""
    base, quote, *settle = file.name.split("_")[0].split("-")
    return f"{base}/{quote}" + (f":{settle[0]}" if settle else "")


def timeframe_of(file: Path) -> str:
    return file.name.removesuffix(".csv.gz").split("_")[1]


def read(file: Path) -> list[Candle]:
    """All of them, closed, oldest first; what is missing in the file is missing here."""
    with gzip.open(file, "rt") as lines:
        return [
            Candle(
                symbol=symbol_of(file),
                timeframe=timeframe_of(file),
                opened_at=_EPOCH + timedelta(milliseconds=int(row.pop("timestamp_ms"))),
                is_closed=True,
                **{name: Decimal(value) for name, value in row.items()},
            )
            for row in csv.DictReader(lines)
        ]
