"""The central bank's rates from where the operator says: a file, or an address. Without either there are none."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from loguru import logger

from alphapulse.market import ecb
from alphapulse.market.guard import is_jump
from apps.market.services.assets import newest_fiat_rates, store_fiat_rates

SECONDS = 20
# The long history has 600 KB.
MOST_BYTES = 5_000_000
# What is older says nothing of what a rate may be now.
COMPARED = timedelta(days=7)


def sync_fiat_rates(source: str, today: date) -> int:
    """Reads and stores the newest day's. Returns how many rates are new; 0 where the source cannot be read, too.

    That is logged, and tried again at the next turn: each price says how old its rate is.
    """
    if not source:
        return 0
    try:
        day, rates = ecb.daily_rates(_read(source))
        if day > today:
            raise ValueError(f"it is of {day}, which is still to come")
    except (OSError, HTTPException, ValueError) as problem:
        logger.warning("The ECB's rates could not be read from {}: {}", source, problem)
        return 0
    return store_fiat_rates(day, _plausible(day, rates))


def _plausible(day: date, rates: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Without those that are more than half away from what they were days before: a wrong file is likelier."""
    known = {row.currency: row for row in newest_fiat_rates(day) if day - row.published_on <= COMPARED}
    strange = {name for name, rate in rates.items() if name in known and is_jump(known[name].rate, rate)}
    for name in sorted(strange):
        told, before = rates[name], known[name]
        logger.warning(
            "The ECB's rate of {} was {} on {} and is {} now: left out", name, before.rate, before.published_on, told
        )
    return {name: rate for name, rate in rates.items() if name not in strange}


def _read(source: str) -> str:
    if source.startswith(("https://", "http://")):
        with urlopen(source, timeout=SECONDS) as answer:  # noqa: S310  (its scheme was looked at)
            return str(answer.read(MOST_BYTES).decode())
    with Path(source).open("rb") as file:
        return file.read(MOST_BYTES).decode()
