"""What something was worth at a time, out of prices that are known: candles, fills, daily rates. Pure.

The nearest price in time counts, within `NEAR`: a fill's own price is its own moment's. Between currencies the way of
the fewest prices is taken, and of two as short the one whose prices are nearest.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Context, Decimal
from typing import NamedTuple

from alphapulse.portfolio.lots import EXACT

# A daily candle's open and close, and a daily rate over a weekend are not further away than this.
NEAR = timedelta(hours=36)
# Of two prices: a coin in a hub's currency, and that one in what is asked for.
HUBS = ("USDT", "USD", "BTC", "USDC", "EUR", "ETH", "BNB", "FDUSD", "TRY")
ONE = Decimal(1)
# What one costs the other way round has no end: so many digits of it.
_INVERSE = Context(prec=40)


class Told(NamedTuple):
    """What one `base` cost in `quote`, and who says so."""

    base: str
    quote: str
    at: datetime
    price: Decimal
    source: str


class Price(NamedTuple):
    """`away`: how far from the moment the furthest of its prices was."""

    value: Decimal
    sources: tuple[str, ...]
    away: timedelta


_SAME = Price(ONE, (), timedelta(0))


NO_PEGS: Mapping[str, str] = {}


class PastPrices:
    """`pegs`: what is taken for another (a stablecoin for its currency), in what is told and in what is asked."""

    def __init__(self, told: Iterable[Told], pegs: Mapping[str, str] = NO_PEGS) -> None:
        self._pegs = pegs
        self._series: defaultdict[tuple[str, str], list[Told]] = defaultdict(list)
        for each in told:
            if each.price > 0:
                self._series[self._named(each.base), self._named(each.quote)].append(each)
        for series in self._series.values():
            # What was told twice for a moment comes in one order, whatever the order it was given in.
            series.sort(key=lambda each: (each.at, each.price, each.source))
        self._times = {pair: [each.at for each in series] for pair, series in self._series.items()}

    def price(self, asset: str, currency: str, at: datetime) -> Price | None:
        """Of one `asset`, in `currency`. None: nobody says."""
        asset, currency = self._named(asset), self._named(currency)
        if asset == currency:
            return _SAME
        return self._direct(asset, currency, at) or min(
            self._by_hub(asset, currency, at), key=lambda price: (price.away, price.sources), default=None
        )

    def _named(self, asset: str) -> str:
        return self._pegs.get(asset, asset)

    def _by_hub(self, asset: str, currency: str, at: datetime) -> Iterator[Price]:
        for hub in HUBS:
            first = self._direct(asset, hub, at) if hub not in (asset, currency) else None
            second = first and self._direct(hub, currency, at)
            if first and second:
                value = EXACT.multiply(first.value, second.value)
                yield Price(value, first.sources + second.sources, max(first.away, second.away))

    def _direct(self, asset: str, currency: str, at: datetime) -> Price | None:
        found = self._nearest((asset, currency), at)
        inverse = self._nearest((currency, asset), at)
        if inverse and (found is None or abs(inverse.at - at) < abs(found.at - at)):
            return Price(_INVERSE.divide(ONE, inverse.price), (inverse.source,), abs(inverse.at - at))
        return Price(found.price, (found.source,), abs(found.at - at)) if found else None

    def _nearest(self, pair: tuple[str, str], at: datetime) -> Told | None:
        times = self._times.get(pair)
        if not times:
            return None
        place = bisect_left(times, at)
        near = self._series[pair][max(0, place - 1) : place + 1]
        best = min(near, key=lambda each: abs(each.at - at))
        return best if abs(best.at - at) <= NEAR else None
