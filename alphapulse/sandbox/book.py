"""A synthetic order book around the price: the same second always shows the same book."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from zlib import crc32

from alphapulse.sandbox.markets import Market, currency_worth

_SPREAD = 0.0001  # of the price, at least one tick
_DEPTH = 8_000.0  # what a level is worth at most, in USDT; ten times that for the two biggest coins
MATCHED_LEVELS = 200


@dataclass(frozen=True, slots=True)
class Level:
    price: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Top:
    bid: Level
    ask: Level


class OrderBook:
    def __init__(self, market: Market, last: Decimal, market_ms: int) -> None:
        self._market = market
        self._seed = crc32(f"{market.kind}{market.id}{market_ms // 1000}".encode())
        self._gap = max(market.tick, market.to_price(float(last) * _SPREAD))
        # The last trade was either a sale at the bid or a purchase at the ask.
        self.bid_price = last if self._seed & 1 else max(market.tick, last - self._gap)
        self.ask_price = self.bid_price + self._gap
        self._scale = amount_scale(market)

    def bids(self, depth: int) -> list[Level]:
        return list(islice(self._levels(self.bid_price, -self._gap, salt=1), depth))

    def asks(self, depth: int) -> list[Level]:
        return list(islice(self._levels(self.ask_price, self._gap, salt=2), depth))

    def top(self) -> Top:
        return Top(self.bids(1)[0], self.asks(1)[0])

    def amount_through(self, distance: Decimal) -> Decimal:
        """What trades at a resting price when the market goes this far beyond it."""
        levels = 1 + min(int(distance / self._gap), MATCHED_LEVELS)
        return self._market.to_amount(self._scale * 0.5 * levels)

    def _levels(self, price: Decimal, gap: Decimal, *, salt: int) -> Iterator[Level]:
        state = (self._seed ^ salt * 0x9E3779B9) & 0xFFFFFFFF or 1
        while price > 0:
            state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
            yield Level(price, self._market.to_amount(self._scale * (0.05 + 0.95 * state / 2**32)))
            price += gap


def amount_scale(market: Market) -> float:
    """What a level holds at most, in the base currency or in contracts."""
    worth = float(market.contract_size) if market.is_inverse else currency_worth(market.base)
    return _DEPTH * (10 if market.base in ("BTC", "ETH") else 1) / worth
