"""Which prices are not to be believed, and why. Pure: a price that is doubted is kept aside, never used."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from statistics import median
from typing import Protocol

from alphapulse.money import plain
from alphapulse.types import Ticker

# More than that in one sample needs a second one.
JUMP = Decimal("0.5")
# So far from the median of all exchanges no price of the same symbol is, where at least three tell one and most agree.
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


def cleaned(ticker: Ticker) -> Ticker:
    """Prices of nothing, below it, or that are no number at all, are none."""
    last, bid, ask = (
        told if told is None or _is_price(told) else None for told in (ticker.last, ticker.bid, ticker.ask)
    )
    if (last, bid, ask) == (ticker.last, ticker.bid, ticker.ask):
        return ticker
    return replace(ticker, last=last, bid=bid, ask=ask)


def _is_price(told: Decimal) -> bool:
    return told.is_finite() and told > 0


def doubt(ticker: Ticker, *, known: Priced | None, doubted: Priced | None, as_of: datetime) -> Doubt | None:
    """None: it may be used. `known` is the last price that was believed, `doubted` the one that waits for a second.

    All of them `cleaned`. The first price of all has nothing to jump from.
    """
    if ticker.bid is not None and ticker.ask is not None and ticker.bid > ticker.ask:
        return Doubt.CROSSED
    if ticker.exchange_at is not None and as_of - ticker.exchange_at > DEAD:
        return Doubt.STALE
    if known is None or not _jumps(known, ticker):
        return None
    is_confirmed = doubted is not None and not _jumps(doubted, ticker)
    return None if is_confirmed else Doubt.JUMP


def why(reason: Doubt, ticker: Ticker, known: Priced | None) -> str:
    """In words, for who misses the price."""
    if reason is Doubt.CROSSED and ticker.bid and ticker.ask:
        return f"bid {plain(ticker.bid)} is above ask {plain(ticker.ask)}"
    if reason is Doubt.STALE:
        return f"last traded at {ticker.exchange_at:%Y-%m-%d %H:%M}"
    before, after = known and price(known), price(ticker)
    if before and after and is_jump(before, after):
        return f"{after / before - 1:+.1%} in one sample"
    return "the last trade, or one side of the book, moved by more than half in one sample"


def price(told: Priced) -> Decimal | None:
    """What it says one costs: the middle of a book that is narrow, else the last trade. None: it says nothing."""
    return _middle(told) or told.last


def _jumps(before: Priced, after: Priced) -> bool:
    """The price, the last trade, the middle of the book, or one side of a book that was narrow.

    What was not told before is compared with what was: a wild book is none the less one where there was none.
    """
    usual, middle = price(before), _middle(before)
    sides = ((before.bid, after.bid), (before.ask, after.ask)) if middle else ()
    told = ((usual, price(after)), (before.last or usual, after.last), (middle or usual, _middle(after)), *sides)
    return any(is_jump(one, other) for one, other in told if one is not None and other is not None)


def _middle(told: Priced) -> Decimal | None:
    """None of a wide book: its middle says nothing."""
    if not told.bid or not told.ask:
        return None
    middle = (told.bid + told.ask) / 2
    return middle if told.ask - told.bid <= middle * NARROW else None


def is_jump(before: Decimal, after: Decimal) -> bool:
    """More than half up or down. From nothing, or to it, everything is one."""
    if not before or not after:
        return before != after
    return not (1 - JUMP) * before <= after <= (1 + JUMP) * before


def apart(prices: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Of one symbol's prices by exchange: those too far from the median of all, and how far (0.2 is a fifth above it).

    Nothing where fewer than three tell one, or where no more than half of them are near the median: of two against two
    nobody knows which are wrong, nor of three that all say something else.
    """
    if len(prices) < ENOUGH:
        return {}
    middle = median(prices.values())
    if not middle:
        return {}
    found = {exchange_id: price / middle - 1 for exchange_id, price in prices.items()}
    far = {exchange_id: distance for exchange_id, distance in found.items() if abs(distance) > SPREAD}
    return far if 2 * len(far) < len(prices) else {}
