"""The central bank's rates from where the operator says: a file, or an address. Without either there are none."""

from pathlib import Path
from urllib.request import urlopen

from loguru import logger

from alphapulse.market import ecb
from apps.market.services.assets import store_fiat_rates

SECONDS = 20
# The long history has 600 KB.
MOST_BYTES = 5_000_000


def sync_fiat_rates(source: str) -> int:
    """Reads and stores the newest day's. Returns how many rates are new; 0 where the source cannot be read, too.

    That is logged, and tried again at the next turn: each price says how old its rate is.
    """
    if not source:
        return 0
    try:
        day, rates = ecb.daily_rates(_read(source))
    except (OSError, ValueError) as problem:
        logger.warning("The ECB's rates could not be read from {}: {}", source, problem)
        return 0
    return store_fiat_rates(day, rates)


def _read(source: str) -> str:
    if source.startswith(("https://", "http://")):
        with urlopen(source, timeout=SECONDS) as answer:  # noqa: S310  (its scheme was looked at)
            return str(answer.read(MOST_BYTES).decode())
    return Path(source).read_text(encoding="utf-8")
