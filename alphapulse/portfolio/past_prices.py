"""What something was worth at a time, out of prices that are known: candles, fills, daily rates. Pure.

The nearest price in time counts, within `NEAR`: a fill's own price is its own moment's. It is told straight, or it is
two prices by a hub, both of one clock hour: those of two times would tell what the hub won or lost meanwhile. What is
no hour away is as good as any: straight, else by the first of the hubs. Of others the nearest counts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta
from decimal import Context, Decimal
from functools import cached_property
from typing import NamedTuple

from alphapulse.portfolio.lots import EXACT

# A daily candle's open and close, and a daily rate over a weekend are not further away than this.
NEAR = timedelta(hours=36)
# What is no further away is as good as any.
HOUR = timedelta(hours=1)
# A published rate is that of its day.
DAY = timedelta(days=1)
# Of two prices: a coin in a hub's currency, and that one in what is asked for.
HUBS = ("USDT", "USD", "BTC", "USDC", "EUR", "ETH", "BNB", "FDUSD", "TRY")
ONE = Decimal(1)
# What one costs the other way round has no end: so many digits of it.
_INVERSE = Context(prec=40)


class Told(NamedTuple):
    """What one `base` cost in `quote`, at some times, and who says so. `is_of_a_day`: the only one of that day."""

    base: str
    quote: str
    source: str
    prices: Iterable[tuple[datetime, Decimal]]
    is_of_a_day: bool = False


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
        self._of_a_day: set[str] = set()
        for base, quote, source, prices, is_of_a_day in told:
            if is_of_a_day:
                self._of_a_day.add(source)
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
            _Hub(first, second, self._of_a_day)
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


# When, what one cost, and who says so.
_At = tuple[datetime, Decimal, str]
_Pair = tuple[_At, _At]


class _Ways(NamedTuple):
    """Straight, and by hubs."""

    straight: _Leg | None
    hubs: Sequence[_Hub]

    def price(self, at: datetime) -> Price | None:
        told = self.straight.nearest(at) if self.straight else None
        straight = told and Price(told[1], (told[2],), abs(at - told[0]))
        if straight and straight.away <= HOUR:
            return straight
        ways = [straight] if straight else []
        for hub in self.hubs:
            way = hub.price(at)
            if way and way.away <= HOUR:
                return way
            if way:
                ways.append(way)
        return min(ways, key=_worse, default=None)


def _worse(price: Price) -> tuple[timedelta, int, tuple[str, ...]]:
    return price.away, len(price.sources), price.sources


class _Hub:
    """From one to another by a third. `of_a_day`: sources that need not be of the hour of what they are beside."""

    def __init__(self, first: _Leg, second: _Leg, of_a_day: Set[str]) -> None:
        self._first, self._second, self._of_a_day = first, second, of_a_day
        # Of the hour that was asked for last: its pairs are the same for all of it, unless one of them lies in it.
        self._asked: int | None = None
        self._near: Sequence[int] = ()
        self._around: Sequence[_Pair] | None = None

    def price(self, at: datetime) -> Price | None:
        one, other = self._first.nearest(at), self._second.nearest(at)
        if not (one and other):
            return None
        apart = abs(one[0] - other[0])
        if apart < HOUR and one[0].hour == other[0].hour:
            return _by(one, other, at)
        ways = [_by(*pair, at) for pair in self._pairs(at)]
        if apart <= DAY and not self._of_a_day.isdisjoint((one[2], other[2])):
            ways.append(_by(one, other, at))
        return min((way for way in ways if way.away <= NEAR), key=_worse, default=None)

    def _pairs(self, at: datetime) -> Sequence[_Pair]:
        """Of this hour, of the last before and of the first after it, of those in which both are told."""
        hour = int(at.timestamp()) // 3600
        if hour != self._asked:
            place = bisect_left(self._hours, hour)
            self._asked, self._near = hour, self._hours[max(0, place - 1) : place + 2]
            self._around = self._of_hours(at) if hour not in self._near else None
        return self._of_hours(at) if self._around is None else self._around

    def _of_hours(self, at: datetime) -> Sequence[_Pair]:
        pairs = ((self._first.nearest_of(hour, at), self._second.nearest_of(hour, at)) for hour in self._near)
        return [(one, other) for one, other in pairs if one and other]

    @cached_property
    def _hours(self) -> Sequence[int]:
        return sorted(self._first.hours & self._second.hours)


def _by(one: _At, other: _At, at: datetime) -> Price:
    away = max(abs(at - one[0]), abs(at - other[0]))
    return Price(EXACT.multiply(one[1], other[1]), (one[2], other[2]), away)


class _Leg:
    """From one straight to another: told so, or the other way round."""

    def __init__(self, there: _Series | None, back: _Series | None) -> None:
        self._there, self._back = there, back
        # What happens at one time asks for the same price several times: a fill, its fee, the way by a hub.
        self._asked: datetime | None = None
        self._told: _At | None = None

    @cached_property
    def hours(self) -> Set[int]:
        return {hour for series in (self._there, self._back) if series for hour in series.hours}

    def nearest(self, at: datetime) -> _At | None:
        if at != self._asked:
            self._asked, self._told = at, self.nearest_of(None, at)
        return self._told

    def nearest_of(self, hour: int | None, at: datetime) -> _At | None:
        """Of that clock hour alone; None: of any."""
        there = self._there.nearest(at, hour) if self._there else None
        back = self._back.nearest(at, hour) if self._back else None
        if back and not (there and abs(at - there[0]) <= abs(at - back[0])):
            return back[0], _INVERSE.divide(ONE, back[1]), back[2]
        return there


class _Series:
    """What was told of a pair, by time. Of what was told twice for a moment nothing depends on who came first."""

    def __init__(self, told: list[_At]) -> None:
        self._told = sorted(told)
        self._times = [at for at, _, _ in self._told]

    @cached_property
    def hours(self) -> Mapping[int, tuple[int, int]]:
        """From which place to which each of them is told."""
        found: dict[int, tuple[int, int]] = {}
        for place, at in enumerate(self._times):
            hour = int(at.timestamp()) // 3600
            found[hour] = found.get(hour, (place, 0))[0], place + 1
        return found

    def nearest(self, at: datetime, hour: int | None) -> _At | None:
        """None: none is near."""
        low, high = (0, len(self._times)) if hour is None else self.hours.get(hour, (0, 0))
        times, place = self._times, bisect_left(self._times, at, low, high)
        before = at - times[place - 1] if place > low else _NEVER
        after = times[place] - at if place < high else _NEVER
        if min(before, after) > NEAR:
            return None
        return self._told[place - 1 if before <= after else place]
