"""How a database's URL becomes an entry of DATABASES."""

import dj_database_url

from config import env

# Through a path that swallows packets a question ends after 15 s, the wait for its answer after 25.
NOTICED = {"tcp_user_timeout": 15_000, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}


def database(url: str) -> dict:
    """The DATABASES entry: SQLite so that writers wait instead of failing, PostgreSQL with connections kept."""
    entry = dict(dj_database_url.parse(url))
    if entry["ENGINE"].endswith("sqlite3"):
        # With the default deferred transactions a third of concurrent writes failed; IMMEDIATE and WAL: none.
        pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
        # Who waits to write is not served in order: with two cores at ten times what they can do, some waited 20 s.
        entry["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 60, "init_command": pragmas}
        return entry | {"CONN_MAX_AGE": 60}
    # A server that swallows packets must be noticed: the driver's default is to wait as long as the kernel does. And
    # it must notice who sleeps, or is cut off, in a transaction: until then nobody else gets the rows that are locked.
    ours = {"connect_timeout": 5, "options": "-c idle_in_transaction_session_timeout=30s"}
    entry["OPTIONS"] = ours | NOTICED | entry.get("OPTIONS", {})
    # WSGI threads bound the number of connections. Under ASGI each request would keep its own: there it is 0.
    return entry | {"CONN_MAX_AGE": env.int("CONN_MAX_AGE", 60), "CONN_HEALTH_CHECKS": True}
