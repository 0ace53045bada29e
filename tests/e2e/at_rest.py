"""A system at rest: nothing is due and nothing is under way, so what a test asks for is all that is asked."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

PATIENCE = 120.0  # what is under way ends, or its lease does, after 40 s
HOLD_STILL = "UPDATE sync_syncstate SET due_at = '2100-01-01 00:00:00', requested_at = NULL WHERE due_at IS NOT NULL"
UNDER_WAY = """
SELECT count(*) FROM sync_syncrun WHERE finished_at IS NULL AND lease_until > strftime('%Y-%m-%d %H:%M:%f', 'now')
"""
GIVE_UP = """
UPDATE sync_syncrun SET lease_until = started_at WHERE finished_at IS NULL;
UPDATE sync_syncstate SET claimed_until = NULL;
"""


def put_to_rest(database: Path) -> None:
    """Until it is asked for, everything's next turn is far away. Breakers and bans are forgotten."""
    begun = time.monotonic()
    with closing(sqlite3.connect(database, timeout=60, isolation_level=None)) as connection:
        while not _rests(connection):
            assert time.monotonic() - begun < PATIENCE, "what was under way did not end"
            time.sleep(0.1)
        connection.execute("DELETE FROM exchanges_exchangehealth")


def _rests(connection: sqlite3.Connection) -> bool:
    """In one transaction: what ends sets its own next turn, a second ahead where it failed."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(HOLD_STILL)
    is_under_way = connection.execute(UNDER_WAY).fetchone()[0]
    connection.execute("COMMIT")
    return not is_under_way


def end_leases(database: Path) -> None:
    """What a run had claimed that nobody will settle is free at once; by itself it is after 40 s."""
    with closing(sqlite3.connect(database, timeout=60, isolation_level=None)) as connection:
        connection.executescript(GIVE_UP)
