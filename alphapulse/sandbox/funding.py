"""Funding of perpetuals: a rate that follows from the seed, every eight hours of market time."""

from collections.abc import Iterator
from decimal import Decimal
from zlib import crc32

from alphapulse.sandbox.clock import HOUR_MS
from alphapulse.sandbox.markets import Market

PERIOD_MS = 8 * HOUR_MS


def funding_rate(seed: int, market: Market, funding_ms: int) -> Decimal:
    """The rate paid at that time: mostly the usual 0.01 %, sometimes more, sometimes negative."""
    chance = crc32(f"{seed}/{market.id}/{funding_ms}".encode()) % 1000
    if chance < 600:
        return Decimal("0.0001")
    return Decimal(chance - 760).scaleb(-6)


def last_funding_ms(market_ms: int) -> int:
    return market_ms - market_ms % PERIOD_MS


def next_funding_ms(market_ms: int) -> int:
    return last_funding_ms(market_ms) + PERIOD_MS


def fundings_between(after_ms: int, until_ms: int) -> Iterator[int]:
    """Funding times after the first and up to the second."""
    return iter(range(next_funding_ms(after_ms), until_ms + 1, PERIOD_MS))
