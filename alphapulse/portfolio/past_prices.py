"""What something was worth at a time, out of prices that are known: candles, fills, daily rates. Pure.

The nearest price in time counts, within `NEAR`: a fill's own price is its own moment's. Between currencies the way of
the fewest prices is taken, and of two as short the one whose prices are nearest.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    """What one `base` cost in `quote`, at some times, and who says so."""

    base: str
    quote: str
    source: str
    prices: Iterable[tuple[datetime, Decimal]]


class Price(NamedTuple):
    """`away`: how far from the moment the furthest of its prices was."""

    value: Decimal
    sources: tuple[str, ...]
    away: timedelta


_SAME = Price(ONE, (), timedelta(0))
_NEVER = timedelta.max


NO_PEGS: Mapping[str, str] = {}


class PastPrices:
    """`pegs`: what is taken for another (a stablecoin for its currency), in what is told and in what is asked."""

    def __init__(self, told: Iterable[Told], pegs: Mapping[str, str] = NO_PEGS) -> None:
        self._pegs = pegs
        series: defaultdict[tuple[str, str], list[_At]] = defaultdict(list)
        for base, quote, source, prices in told:
            series[self._named(base), self._named(quote)] += [(at, price, source) for at, price in prices if price > 0]
        self._series = {pair: _Series(of_pair) for pair, of_pair in series.items() if of_pair}
        self._legs: dict[tuple[str, str], _Leg | None] = {}
        self._into: dict[str, PricesIn] = {}

    def price(self, asset: str, currency: str, at: datetime) -> Price | None:
        """Of one `asset`, in `currency`. None: nobody says."""
        return self.into(currency).price(asset, at)

    def into(self, currency: str) -> PricesIn:
        if currency not in self._into:
            self._into[currency] = PricesIn(self, currency)
        return self._into[currency]

    def _named(self, asset: str) -> str:
        return self._pegs.get(asset, asset)

    def ways(self, asset: str, currency: str) -> _Ways | None:
        """From one to the other, of all that anybody tells of at any time; None: they are the same."""
        asset, currency = self._named(asset), self._named(currency)
        if asset == currency:
            return None
        hubs = [
            (first, second)
            for hub in HUBS
            if hub not in (asset, currency)
            and (first := self._leg(asset, hub))
            and (second := self._leg(hub, currency))
        ]
        return _Ways(self._leg(asset, currency), hubs)

    def _leg(self, asset: str, currency: str) -> _Leg | None:
        pair = asset, currency
        if pair not in self._legs:
            there, back = self._series.get(pair), self._series.get((currency, asset))
            self._legs[pair] = _Leg(there, back) if there or back else None
        return self._legs[pair]


class PricesIn:
    """Of anything, in one currency."""

    def __init__(self, known: PastPrices, currency: str) -> None:
        self._known = known
        self._currency = currency
        self._ways: dict[str, _Ways | None] = {}

    def is_own(self, asset: str) -> bool:
        """It is the currency itself, or taken for it: it has a price without being told."""
        return self._ways_of(asset) is None

    def price(self, asset: str, at: datetime) -> Price | None:
        """None: nobody says."""
        ways = self._ways_of(asset)
        return _SAME if ways is None else ways.price(at)

    def _ways_of(self, asset: str) -> _Ways | None:
        try:
            return self._ways[asset]
        except KeyError:
            return self._ways.setdefault(asset, self._known.ways(asset, self._currency))


class _Ways(NamedTuple):
    """Straight, and by hubs."""

    straight: _Leg | None
    hubs: Sequence[tuple[_Leg, _Leg]]

    def price(self, at: datetime) -> Price | None:
        found = self.straight.price(at) if self.straight else None
        return found or min(self._by_hub(at), key=lambda price: (price.away, price.sources), default=None)

    def _by_hub(self, at: datetime) -> Iterator[Price]:
        for one, other in self.hubs:
            if (first := one.price(at)) and (second := other.price(at)):
                value = EXACT.multiply(first.value, second.value)
                yield Price(value, first.sources + second.sources, max(first.away, second.away))


class _Leg:
    """From one straight to another: told so, or the other way round."""

    def __init__(self, there: _Series | None, back: _Series | None) -> None:
        self._there, self._back = there, back
        # What happens at one time asks for the same price several times: a fill, its fee, the way by a hub.
        self._at: datetime | None = None
        self._price: Price | None = None

    def price(self, at: datetime) -> Price | None:
        if at != self._at:
            self._at, self._price = at, self._found(at)
        return self._price

    def _found(self, at: datetime) -> Price | None:
        there = self._there.nearest(at) if self._there else None
        back = self._back.nearest(at) if self._back else None
        if back and not (there and there.away <= back.away):
            return back._replace(value=_INVERSE.divide(ONE, back.value))
        return there


# When, what one cost, and who says so.
_At = tuple[datetime, Decimal, str]


class _Series:
    """What was told of a pair, by time. Of what was told twice for a moment nothing depends on who came first."""

    def __init__(self, told: list[_At]) -> None:
        self._told = sorted(told)
        self._times = [at for at, _, _ in self._told]

    def nearest(self, at: datetime) -> Price | None:
        """None: none is near."""
        times, place = self._times, bisect_left(self._times, at)
        before = at - times[place - 1] if place else _NEVER
        after = times[place] - at if place < len(times) else _NEVER
        away = min(before, after)
        if away > NEAR:
            return None
        _, price, source = self._told[place - 1 if before <= after else place]
        return Price(price, (source,), away)
