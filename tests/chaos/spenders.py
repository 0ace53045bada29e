"""Processes that do nothing but spend the budget, and what the exchange has counted of it."""

import http.client
import json
import time
from urllib.parse import urlsplit

MINUTE = 60
LIMIT = 6000  # Binance's published weight a minute
ALLOWED = 5400  # of it, to syncs

# What a worker of Celery's does, message after message, without the messages: those are in Redis, too.
SPENDER = """
import time
import django
django.setup()
from alphapulse.types import SyncKind
from apps.sync.services.batch import sync_batch

while True:
    if not sum(sync_batch("binance", kind) for kind in SyncKind):
        time.sleep(0.02)
"""


def used_weight(sandbox_url: str) -> tuple[float, int]:
    """The exchange's time, and what it has counted of the minute that runs then; asking costs one."""
    connection = http.client.HTTPConnection(urlsplit(sandbox_url).netloc, timeout=30)
    try:
        connection.request("GET", "/api.binance.com/api/v3/time")
        answer = connection.getresponse()
        return json.load(answer)["serverTime"] / 1000, int(answer.headers["X-MBX-USED-WEIGHT-1M"])
    finally:
        connection.close()


def next_minute() -> float:
    """When it begins; exchanges count in minutes of the clock."""
    return time.time() // MINUTE * MINUTE + MINUTE


def sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))


def used_by_the_end_of(minute: float, sandbox_url: str) -> int:
    """Waits for the end of the minute that began then.

    Asked again and again: on a slow machine the last question may come too late, and be about the next minute.
    """
    used = 0
    for second in range(MINUTE - 12, MINUTE):
        sleep_until(minute + second)
        at, counted = used_weight(sandbox_url)
        used = max(used, counted) if minute <= at < minute + MINUTE else used
    return used
