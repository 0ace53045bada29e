"""What one of an asset is worth in another: by the shortest way through markets that are alive, and how that was found.

Assets are our own codes (`LUNC`), not an exchange's: who makes quotes has put the aliases right.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal
from heapq import heappop, heappush
from itertools import combinations

# A market whose price is older than this is asleep, halted, or we are cut off from it.
FRESH_FOR = timedelta(minutes=5)
# What a trade says of the price now, where the exchange tells no bid and ask.
LAST_FOR = timedelta(hours=1)
# Bid and ask that are further apart than this, as a part of their middle, tell no price.
WIDEST = Decimal("0.1")
# Longer ways are guesses.
MOST_STEPS = 4
# The source of what the user says: that one of it is worth one of what it is pegged to.
PAR = "par"

_EXACT = Context(prec=28)
_TWO = Decimal(2)
_ALL = Decimal("Infinity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One `base` costs `price` of `quote`; `volume` of the base was traded in a day (None: not told).

    `is_reference`: no market, but a published rate; it is used where no way through markets is found.
    """

    base: str
    quote: str
    price: Decimal
    source: str
    as_of: datetime
    volume: Decimal | None = None
    fresh_for: timedelta = FRESH_FOR
    is_reference: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`BTC` to `USDT` at `binance`: one of the former is `rate` of the latter."""

    base: str
    quote: str
    rate: Decimal
    source: str
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """`value` of one in the currency asked for; no steps: it is that currency itself. `as_of` is its oldest step's."""

    value: Decimal
    path: tuple[Step, ...] = ()

    @property
    def as_of(self) -> datetime | None:
        return min((step.as_of for step in self.path), default=None)

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(sorted({step.source for step in self.path}))


ONE = Price(value=Decimal(1))

# How good a way is, the best first: published rates on it, its steps, those at other exchanges, its thinnest volume.
_Rank = tuple[int, int, int, Decimal]
_Names = tuple[tuple[str, str, str, Decimal, datetime], ...]


@dataclass(frozen=True, slots=True)
class _Edge:
    """From an asset to the next one on the way. `volume` is told in that next one."""

    step: Step
    volume: Decimal
    is_reference: bool


class PriceBook:
    """The prices of one environment at one moment. Ways are found once for each currency that is asked for."""

    def __init__(self, quotes: Iterable[Quote], *, now: datetime, pegs: Mapping[str, str] | None = None) -> None:
        """`pegs`: asset -> what the user takes it to be worth exactly, `{"USDT": "USD"}`."""
        self.now = now
        self._into: dict[str, list[_Edge]] = defaultdict(list)
        self._listed: set[str] = set()
        self._asleep: set[str] = set()
        self._found: dict[tuple[str, str], dict[str, Price]] = {}
        pegs = pegs or {}
        for quote in quotes:
            if now - quote.as_of > quote.fresh_for:
                self._asleep |= {quote.base, quote.quote}
            elif pegs.get(quote.base, quote.base) != pegs.get(quote.quote, quote.quote):
                self._add(quote)
        for asset, money in _at_par(pegs):
            self._add(Quote(base=asset, quote=money, price=Decimal(1), source=PAR, as_of=now, volume=_ALL))

    def price(self, asset: str, currency: str, *, near: str = "") -> Price | None:
        """None: no way leads there. `near`: an exchange whose own markets come first where they are no longer a way."""
        return self.prices_in(currency, near=near).get(asset)

    def why_none(self, asset: str, currency: str) -> str:
        """In words, why there is no price."""
        if asset in self._listed:
            return f"no way through markets leads from {asset} to {currency}"
        if asset in self._asleep:
            return f"the markets of {asset} have told no price for a while"
        return f"no market of {asset} is known"

    def _add(self, quote: Quote) -> None:
        inverse = _EXACT.divide(1, quote.price)
        volume = quote.volume or Decimal(0)
        self._listed |= {quote.base, quote.quote}
        there = Step(base=quote.base, quote=quote.quote, rate=quote.price, source=quote.source, as_of=quote.as_of)
        back = Step(base=quote.quote, quote=quote.base, rate=inverse, source=quote.source, as_of=quote.as_of)
        self._into[quote.quote].append(_Edge(there, _EXACT.multiply(volume, quote.price), quote.is_reference))
        self._into[quote.base].append(_Edge(back, volume, quote.is_reference))

    def prices_in(self, currency: str, *, near: str = "") -> Mapping[str, Price]:
        """Of every asset that a way leads from; of the currency itself, too."""
        key = (currency, near)
        if key not in self._found:
            self._found[key] = self._ways_to(currency, near)
        return self._found[key]

    def _ways_to(self, currency: str, near: str) -> dict[str, Price]:
        """Dijkstra's, outwards from the currency. Names decide between equals, so the order of quotes means nothing.

        A worse way to an asset goes on where it has fewer steps: it may reach what the best one is too long for.
        """
        found: dict[str, Price] = {}
        fewest: dict[str, int] = {}
        start: tuple[_Rank, _Names, str, Price] = ((0, 0, 0, Decimal("-Infinity")), (), currency, ONE)
        ahead = [start]
        while ahead:
            rank, names, asset, price = heappop(ahead)
            steps = rank[1]
            if steps >= fewest.get(asset, MOST_STEPS + 1):
                continue
            fewest[asset] = steps
            found.setdefault(asset, price)
            if steps == MOST_STEPS:
                continue
            for edge in self._into[asset]:
                if steps + 1 < fewest.get(edge.step.base, MOST_STEPS + 1):
                    # What is traded is measured at the best price, by whatever way: then no way changes another's rank.
                    traded = _EXACT.multiply(edge.volume, found[asset].value)
                    heappush(ahead, _longer(rank, names, price, edge, near, traded))
        return found


def _at_par(pegs: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What is one for one: each and what it is pegged to, and two that are pegged to the same."""
    yield from pegs.items()
    yield from ((one, other) for one, other in combinations(sorted(pegs), 2) if pegs[one] == pegs[other])


def _longer(
    rank: _Rank, names: _Names, price: Price, edge: _Edge, near: str, traded: Decimal
) -> tuple[_Rank, _Names, str, Price]:
    step = edge.step
    references, steps, elsewhere, thinnest = rank
    longer = (
        references + edge.is_reference,
        steps + 1,
        elsewhere + (step.source not in (near, PAR)),
        max(thinnest, -traded),
    )
    worth = Price(value=_EXACT.multiply(step.rate, price.value), path=(step, *price.path))
    name = (step.base, step.quote, step.source, step.rate, step.as_of)
    return longer, (name, *names), step.base, worth


def guarded_mid(
    *,
    bid: Decimal | None,
    ask: Decimal | None,
    last: Decimal | None,
    traded_at: datetime | None,
    as_of: datetime,
) -> Decimal | None:
    """What a market says one is worth: the middle of a book that is no wider than a tenth, else the last trade.

    The last trade must lie inside of the book, where there is one, and not be known to be old. None: it says nothing.
    """
    if bid and ask:
        if bid > ask:
            return None
        middle = _EXACT.divide(_EXACT.add(bid, ask), _TWO)
        if ask - bid <= middle * WIDEST:
            return middle
    is_old = traded_at is not None and as_of - traded_at > LAST_FOR
    if not last or is_old or (bid and last < bid) or (ask and last > ask):
        return None
    return last
