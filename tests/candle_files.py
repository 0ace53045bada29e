"""The real candles: files outside of this repository, found by a variable."""

import csv
import gzip
import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from alphapulse.types import Candle

FOLDER = Path(os.environ.get("ALPHAPULSE_CANDLES") or "/nonexistent")
# The files' names without their ending, and the symbol and timeframe of each.
FILES = {
    "ETH-BTC_5m": ("ETH/BTC", "5m"),
    "LTC-BTC_5m": ("LTC/BTC", "5m"),
    "XLM-BTC_5m": ("XLM/BTC", "5m"),
    "XMR-BTC_5m": ("XMR/BTC", "5m"),
    "XRP-ETH_5m": ("XRP/ETH", "5m"),
    "XRP-USDT-USDT_1h": ("XRP/USDT:USDT", "1h"),
    "XRP-USDT-USDT_5m": ("XRP/USDT:USDT", "5m"),
}


def required() -> None:
    """Skips, with one loud line, where there are none: CI has them, and fails without."""
    if not FOLDER.is_dir():
        pytest.skip("THE REAL CANDLES ARE NOT CHECKED: ALPHAPULSE_CANDLES names no folder")


def rows(name: str) -> list[list[str]]:
    """`timestamp_ms, open, high, low, close, volume`, as they are in the file."""
    with gzip.open(FOLDER / f"{name}.csv.gz", "rt") as file:
        return list(csv.reader(file))[1:]


def candles(name: str) -> list[Candle]:
    symbol, timeframe = FILES[name]
    return [
        Candle(
            symbol=symbol,
            timeframe=timeframe,
            opened_at=datetime.fromtimestamp(int(opened) / 1000, UTC),
            open=Decimal(numbers[0]),
            high=Decimal(numbers[1]),
            low=Decimal(numbers[2]),
            close=Decimal(numbers[3]),
            volume=Decimal(numbers[4]),
            is_closed=True,
        )
        for opened, *numbers in rows(name)
    ]
