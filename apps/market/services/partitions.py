"""Where candles lie on PostgreSQL: one partition for each timeframe and month. Elsewhere there is one table.

Partitions are made as they are needed and some ahead, and are attached when they are done: who reads or writes others
waits for neither.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from alphapulse.market import timeframes
from alphapulse.market.timeframes import MONTH
from apps.market.models import Candle

TABLE = Candle._meta.db_table
# So many months ahead there are partitions already.
AHEAD = 2
# A drop waits for who reads, and who comes after waits for the drop.
PATIENCE = timedelta(seconds=5)
# Anything, but always the same: who makes partitions does so alone.
_LOCK = 5_062_026


def are_there() -> bool:
    return connection.vendor == "postgresql"


def by_month(timeframe: str) -> bool:
    """A day's candles and longer ones are few, and are kept for good."""
    return timeframes.minutes(timeframe) < timeframes.minutes("1d")


@transaction.atomic
def make(timeframe: str, times: Iterable[datetime]) -> list[str]:
    """The partitions that these opening times fall into; returns the names of those that were not there."""
    if not are_there() or not by_month(timeframe):
        return []
    months = sorted({timeframes.floor(at, MONTH) for at in times})
    if not _missing(timeframe, months):
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    # Others may have made some while we waited.
    return [_attach(timeframe, month) for month in _missing(timeframe, months)]


def make_ahead(times: Iterable[str], now: datetime) -> list[str]:
    """Of these timeframes, for the months to come."""
    first = timeframes.floor(now, MONTH)
    months = [timeframes.step(first, MONTH, ahead) for ahead in range(AHEAD + 1)]
    return [name for timeframe in times for name in make(timeframe, months)]


def before(timeframe: str, cutoff: datetime) -> list[str]:
    """The partitions of the months that ended by then."""
    month = timeframes.floor(cutoff, MONTH)
    return sorted(name for name in _names(timeframe) if name < _name(timeframe, month))


def drop_before(timeframe: str, cutoff: datetime) -> int:
    """Returns how many they were. Who reads or writes waits for it no longer than `PATIENCE`: else it is for later."""
    old = before(timeframe, cutoff)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{PATIENCE // timedelta(milliseconds=1)}ms"])
        for name in old:
            cursor.execute(f'DROP TABLE "{name}"')
    return len(old)


def _missing(timeframe: str, months: Iterable[datetime]) -> list[datetime]:
    there = _names(timeframe)
    return [month for month in months if _name(timeframe, month) not in there]


def _name(timeframe: str, month: datetime) -> str:
    return f"{TABLE}_{timeframe}_{month:%Y_%m}"


def _names(timeframe: str) -> set[str]:
    """The partitions that there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
            " WHERE inhparent = %s::regclass",
            [f'"{TABLE}_{timeframe}"'],
        )
        return {name for (name,) in cursor.fetchall()}


def _attach(timeframe: str, month: datetime) -> str:
    """Made beside the table and then attached: that waits for nobody who reads or writes."""
    name, parent = _name(timeframe, month), f"{TABLE}_{timeframe}"
    until = timeframes.ends(month, MONTH)
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE TABLE "{name}" (LIKE "{parent}" INCLUDING ALL)')
        cursor.execute(
            f'ALTER TABLE "{parent}" ATTACH PARTITION "{name}" FOR VALUES FROM (%s) TO (%s)',
            [month.astimezone(UTC).isoformat(), until.astimezone(UTC).isoformat()],
        )
    return name
