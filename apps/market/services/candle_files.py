"""Candles as files that others read: exact, closed ones only."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from alphapulse.money import plain
from alphapulse.types import Candle

NUMBERS = ("open", "high", "low", "close", "volume")


def as_csv(candles: Sequence[Candle]) -> bytes:
    """With a header: `timestamp_ms` of the opening, and the five numbers, written plainly."""
    file = io.StringIO(newline="")
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["timestamp_ms", *NUMBERS])
    for candle in candles:
        rows.writerow([_milliseconds(candle), *(plain(getattr(candle, name)) for name in NUMBERS)])
    return file.getvalue().encode()


def as_parquet(candles: Sequence[Candle]) -> bytes:
    """`opened_at` (milliseconds, UTC) and the five numbers as decimals, each column with as many places as it needs."""
    # Imported here: other workers and pages do without its 60 MB.
    import pyarrow as pa
    from pyarrow import parquet

    columns: dict[str, Any] = {"opened_at": pa.array(map(_milliseconds, candles), pa.timestamp("ms", tz="UTC"))}
    for name in NUMBERS:
        amounts = [getattr(candle, name) for candle in candles]
        columns[name] = pa.array(amounts, _decimal(pa, amounts))
    file = io.BytesIO()
    parquet.write_table(pa.table(columns), file)
    return file.getvalue()


def _decimal(pa: Any, amounts: Sequence[Decimal]) -> Any:
    """Of 128 bits where that is enough: more programs read it."""
    places = max((-int(amount.as_tuple().exponent) for amount in amounts), default=0)
    scale = max(places, 0)
    whole = max((amount.adjusted() + 1 for amount in amounts if amount), default=1)
    digits = max(whole, 1) + scale
    return pa.decimal128(38, scale) if digits <= 38 else pa.decimal256(76, scale)


def _milliseconds(candle: Candle) -> int:
    return int(candle.opened_at.timestamp() * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    ending: str
    content_type: str
    written: Callable[[Sequence[Candle]], bytes]


FORMATS = {
    "csv": Format(ending="csv", content_type="text/csv", written=as_csv),
    "parquet": Format(ending="parquet", content_type="application/vnd.apache.parquet", written=as_parquet),
}
