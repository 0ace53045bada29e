"""Many candles at once on PostgreSQL: by COPY. Call these inside a transaction that has locked the series.

Where a stretch has no rows yet they are copied straight into the table; elsewhere beside it, and what differs is taken
over from there.
"""

import io
from collections.abc import Sequence

from django.db import connection

from alphapulse import types
from apps.market.models import Candle, CandleSeries

# Rows in one COPY: the text of them is held in memory.
CHUNK = 50_000

KEY = ("series_id", "timeframe", "opened_at")
CHANGING = ("open", "high", "low", "close", "volume", "is_closed")
# What has ended is not unmade by an answer that was on its way.
NEWER = "(excluded.is_closed OR NOT t.is_closed)"

_TABLE = Candle._meta.db_table
_COLUMNS = ", ".join((*KEY, *CHANGING))


def copy(series: CandleSeries, rows: Sequence[types.Candle]) -> int:
    """Where none of them is there. Returns how many they are."""
    _copy(_TABLE, series, rows)
    return len(rows)


def merge(series: CandleSeries, rows: Sequence[types.Candle]) -> int:
    """Where some may be there. Most of what comes again is the same, and is not written. Returns how many were."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE told (LIKE {_TABLE}) ON COMMIT DROP")
        _copy("told", series, rows)
        cursor.execute("ANALYZE told")
        cursor.execute(_MERGE, [series.pk, series.timeframe, rows[0].opened_at, rows[-1].opened_at])
        written = int(cursor.rowcount)
        cursor.execute("DROP TABLE told")
    return written


_MERGE = f"""
INSERT INTO {_TABLE} AS t ({_COLUMNS})
SELECT {", ".join(f"told.{column}" for column in (*KEY, *CHANGING))}
FROM told LEFT JOIN (
    SELECT * FROM {_TABLE} WHERE series_id = %s AND timeframe = %s AND opened_at BETWEEN %s AND %s
) AS known USING (opened_at)
WHERE {" OR ".join(f"known.{column} IS DISTINCT FROM told.{column}" for column in CHANGING)}
ORDER BY told.opened_at
ON CONFLICT ({", ".join(KEY)}) DO UPDATE
SET {", ".join(f"{column} = excluded.{column}" for column in CHANGING)}
WHERE {NEWER}
"""


def _copy(table: str, series: CandleSeries, rows: Sequence[types.Candle]) -> None:
    with connection.cursor() as cursor:
        for start in range(0, len(rows), CHUNK):
            text = _text(series, rows[start : start + CHUNK])
            cursor.copy_expert(f"COPY {table} ({_COLUMNS}) FROM STDIN", io.StringIO(text), size=1 << 18)


def _text(series: CandleSeries, rows: Sequence[types.Candle]) -> str:
    begin = f"{series.pk}\t{series.timeframe}\t"
    # `!s`: formatting takes a Decimal longer than its text does.
    return "".join(
        [
            f"{begin}{row.opened_at.isoformat()}\t{row.open!s}\t{row.high!s}\t{row.low!s}"
            f"\t{row.close!s}\t{row.volume!s}\t{row.is_closed!s}\n"
            for row in rows
        ]
    )
