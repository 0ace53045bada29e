"""What others traded: made up from the path of the price, the same for everybody who looks."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from zlib import crc32

from alphapulse.sandbox.book import amount_scale
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.markets import Market
from alphapulse.sandbox.prices import LISTED_MS

EVERY_MS = 750  # between two trades, in market time


@dataclass(frozen=True, slots=True)
class PublicTrade:
    id: int
    at_ms: int
    price: Decimal
    amount: Decimal
    is_buyer_maker: bool


def latest(exchange: Exchange, market: Market, limit: int) -> list[PublicTrade]:
    """The last ones, oldest first."""
    last = trade_id_at(exchange.clock.market_ms())
    return list(from_id(exchange, market, last - limit + 1, limit))


def from_id(exchange: Exchange, market: Market, first: int, limit: int) -> Iterator[PublicTrade]:
    """From a trade on, as far as time has come."""
    last = trade_id_at(exchange.clock.market_ms())
    for trade_id in range(max(1, first), min(last, first + limit - 1) + 1):
        yield _trade(exchange, market, trade_id)


def trade_id_at(market_ms: int) -> int:
    """The last trade up to then."""
    return max(0, (market_ms - LISTED_MS) // EVERY_MS)


def _trade(exchange: Exchange, market: Market, trade_id: int) -> PublicTrade:
    at_ms = LISTED_MS + trade_id * EVERY_MS
    chance = crc32(f"{market.kind}{market.id}{trade_id}".encode())
    price = market.to_price(exchange.prices.price(market.base, market.quote, at_ms))
    amount = market.to_amount(amount_scale(market) * (0.002 + (chance >> 8) / 2**24 * 0.2))
    return PublicTrade(trade_id, at_ms, price, amount, bool(chance & 1))
