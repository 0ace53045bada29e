"""Which prices are not to be believed, and why. Pure: a price that is doubted is kept aside, never used."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from statistics import median

from alphapulse.types import Ticker

# More than that in one sample needs a second one.
JUMP = Decimal("0.5")
# So far from the median of all exchanges no price of the same symbol is, where at least three tell one.
SPREAD = Decimal("0.1")
ENOUGH = 3
# So old a last trade says what the market was, not what it is. Fewer than one a day happen in dead markets.
DEAD = timedelta(days=1)


class Doubt(StrEnum):
    """Why a price is not used."""

    JUMP = "jump"
    CROSSED = "crossed"
    SPREAD = "spread"
    STALE = "stale"


def doubt(ticker: Ticker, *, known: Decimal | None, doubted: Decimal | None, as_of: datetime) -> Doubt | None:
    """None: it may be used. `known` is the last price that was believed, `doubted` the one that waits for a second."""
    if ticker.bid is not None and ticker.ask is not None and ticker.bid > ticker.ask:
        return Doubt.CROSSED
    if ticker.exchange_at is not None and as_of - ticker.exchange_at > DEAD:
        return Doubt.STALE
    if known is None or ticker.last is None or not is_jump(known, ticker.last):
        return None
    is_confirmed = doubted is not None and not is_jump(doubted, ticker.last)
    return None if is_confirmed else Doubt.JUMP


def is_jump(before: Decimal, after: Decimal) -> bool:
    """More than half up or down. From nothing, or to it, everything is one."""
    if not before or not after:
        return before != after
    return not (1 - JUMP) * before <= after <= (1 + JUMP) * before


def apart(prices: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Of one symbol's prices by exchange: those too far from the median of all, and how far (0.2 is a fifth above it).

    Nothing where fewer than three tell one: of two nobody knows which is wrong.
    """
    if len(prices) < ENOUGH:
        return {}
    middle = median(prices.values())
    if not middle:
        return {}
    found = {exchange_id: price / middle - 1 for exchange_id, price in prices.items()}
    return {exchange_id: distance for exchange_id, distance in found.items() if abs(distance) > SPREAD}
