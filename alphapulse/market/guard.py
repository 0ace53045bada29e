"""Which prices are not to be believed, and why. Pure: a price that is doubted is kept aside, never used."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from statistics import median
from typing import Protocol

from alphapulse.types import Ticker

# More than that in one sample needs a second one.
JUMP = Decimal("0.5")
# So far from the median of all exchanges no price of the same symbol is, where at least three tell one.
SPREAD = Decimal("0.1")
ENOUGH = 3
# A book is that narrow, in parts of its middle, or nobody goes by it.
NARROW = Decimal("0.1")
# So old a last trade says what the market was, not what it is. Fewer than one a day happen in dead markets.
DEAD = timedelta(days=1)


class Doubt(StrEnum):
    """Why a price is not used."""

    JUMP = "jump"
    CROSSED = "crossed"
    SPREAD = "spread"
    STALE = "stale"


class Priced(Protocol):
    """A ticker, or a row of one."""

    @property
    def last(self) -> Decimal | None: ...
    @property
    def bid(self) -> Decimal | None: ...
    @property
    def ask(self) -> Decimal | None: ...


def doubt(ticker: Ticker, *, known: Priced | None, doubted: Priced | None, as_of: datetime) -> Doubt | None:
    """None: it may be used. `known` is the last price that was believed, `doubted` the one that waits for a second."""
    if ticker.bid is not None and ticker.ask is not None and ticker.bid > ticker.ask:
        return Doubt.CROSSED
    if ticker.exchange_at is not None and as_of - ticker.exchange_at > DEAD:
        return Doubt.STALE
    if known is None or not _jumps(known, ticker):
        return None
    is_confirmed = doubted is not None and not _jumps(doubted, ticker)
    return None if is_confirmed else Doubt.JUMP


def _jumps(before: Priced, after: Priced) -> bool:
    """The last trade, or the middle of the book, which valuations take first."""
    told = ((before.last, after.last), (_middle(before), _middle(after)))
    return any(is_jump(one, other) for one, other in told if one is not None and other is not None)


def _middle(price: Priced) -> Decimal | None:
    """None of a wide book: its middle says nothing."""
    if not price.bid or not price.ask:
        return None
    middle = (price.bid + price.ask) / 2
    return middle if price.ask - price.bid <= middle * NARROW else None


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
