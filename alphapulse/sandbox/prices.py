"""What everything costs, at any moment of market time: seeded walks, or candle files, and moves by hand.

A pair's price is the ratio of two currencies' walks, so crosses agree: ETH/BTC is ETH/USDT over BTC/USDT.
Prices are floats here; `Market.to_price` makes money of them.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import exp, log, sqrt
from typing import NamedTuple, Protocol

from alphapulse.sandbox.clock import DAY_MS, MINUTE_MS
from alphapulse.sandbox.currencies import NUMERAIRE, currency
from alphapulse.sandbox.walk import GRID_MS, Walk

LISTED_MS = 1_609_459_200_000  # 2021-01-01: no market has candles before
_MARKET_VOLATILITY = 0.45
_KEPT_DAYS = 50_000
# Days this old are made of every 16th point, four minutes apart: their extremes are a hair inside the hourly ones',
# and their volume is about theirs.
_EXACT_DAYS = 8
_EXACT_PLAYED_DAYS = 60
_COARSE = 4
_USUAL_TRAVEL = 0.0016  # how far a log price goes up and down in a minute


class Bar(NamedTuple):
    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float  # in units of the base currency


class Played(Protocol):
    """The path of one currency in another, read from a file."""

    def log_at(self, at_ms: int) -> float: ...

    def log_points(self, first: int, last: int, step_ms: int) -> list[float]: ...

    def bar(self, open_ms: int, close_ms: int) -> tuple[float, float, float, float, float]: ...


@dataclass(frozen=True, slots=True)
class Move:
    """From `at_ms` on the log price is `shift` above the walk, or stands still at `pinned`."""

    at_ms: int
    shift: float
    pinned: float | None = None


class _Path:
    """Log prices on a grid, with how far they have travelled: volume follows the movement, so it adds up."""

    def __init__(self, points: list[float], first: int, step_ms: int, scale: float) -> None:
        self.points, self.first, self.step_ms, self._scale = points, first, step_ms, scale
        # Seen from points so many times as far apart, a walk goes the root of that less.
        self._usual = _USUAL_TRAVEL / sqrt(step_ms / GRID_MS)
        steps = (abs(after - before) for before, after in pairwise(points))
        self._travelled = list(accumulate(steps, initial=0.0))

    def inside(self, open_ms: int, close_ms: int) -> list[float]:
        return self.points[self._index_from(open_ms) : close_ms // self.step_ms - self.first + 1]

    def volume(self, open_ms: int, close_ms: int) -> float:
        begin, end = self._index_from(open_ms), close_ms // self.step_ms - self.first
        travelled = self._travelled[end] - self._travelled[begin] if begin < end < len(self._travelled) else 0.0
        return self._scale * (0.2 * (close_ms - open_ms) / MINUTE_MS + travelled / self._usual)

    def _index_from(self, at_ms: int) -> int:
        return max(0, -(-at_ms // self.step_ms) - self.first)


class Prices:
    def __init__(self, seed: int, played: Mapping[str, tuple[str, Played]] | None = None) -> None:
        """`played`: base currency -> (quote currency, path), instead of its walk."""
        self._seed = seed
        self._played = dict(played or {})
        self._walks: dict[str, Walk] = {}
        self._segments: dict[str, tuple[int, float, float]] = {}
        self._moves: dict[str, list[Move]] = {}
        self.moved = 0  # counts moves by hand, for whoever keeps something that follows from prices
        self._days: OrderedDict[tuple[str, str, int], Bar] = OrderedDict()

    @property
    def seed(self) -> int:
        return self._seed

    def price(self, base: str, quote: str, at_ms: int) -> float:
        return exp(self._log_at(base, at_ms) - self._log_at(quote, at_ms))

    def extremes(self, base: str, quote: str, since_ms: int, until_ms: int) -> tuple[float, float]:
        """The lowest and highest price in the closed interval."""
        if since_ms // GRID_MS == until_ms // GRID_MS and not {base, quote} & self._played.keys():
            # Between two points of the grid the path is a straight line.
            ends = self.price(base, quote, since_ms), self.price(base, quote, until_ms)
            return min(ends), max(ends)
        [bar] = self.bars(base, quote, [since_ms], until_ms)
        return bar.low, bar.high

    def candles(self, base: str, quote: str, edges: Sequence[int], now_ms: int) -> list[Bar]:
        """One bar for each opening time in `edges` (ascending, the last entry closes the last bar).

        Bars that have not begun by `now_ms` are left out, the one under way ends now.
        """
        edges = [edge for edge in edges if edge <= now_ms and edge >= LISTED_MS] + [
            edge for edge in edges if edge > now_ms
        ][:1]
        if len(edges) < 2:
            return []
        if edges[1] - edges[0] < DAY_MS:
            return self.bars(base, quote, edges[:-1], min(edges[-1], now_ms))
        return [self._long_bar(base, quote, first, last, now_ms) for first, last in pairwise(edges)]

    def bars(self, base: str, quote: str, edges: Sequence[int], until_ms: int, *, coarse: int = 0) -> list[Bar]:
        """A bar from each edge to the next one, the last one until `until_ms`."""
        quoted, played = self._played.get(base, ("", None))
        if played and quoted == quote and base not in self._moves:
            return [Bar(start, *played.bar(start, end)) for start, end in pairwise([*edges, until_ms])]
        step_ms = GRID_MS << coarse
        first = -(-edges[0] // step_ms)
        points = self._log_ratio(base, quote, first, until_ms // step_ms, coarse)
        path = _Path(points, first, step_ms, volume_scale(base))
        return [self._bar((base, quote), start, end, path) for start, end in pairwise([*edges, until_ms])]

    def _log_ratio(self, base: str, quote: str, first: int, last: int, coarse: int) -> list[float]:
        points = self.log_points(base, first, last, coarse)
        if quote == NUMERAIRE:
            return points
        below = self.log_points(quote, first, last, coarse)
        return [above - under for above, under in zip(points, below, strict=True)]

    def move(self, code: str, *, at_ms: int, factor: float) -> None:
        """From now on the currency is worth `factor` times what it would have been."""
        last = self._last_move(code, at_ms)
        if last.pinned is not None:
            self._add_move(code, Move(at_ms, last.shift, last.pinned + log(factor)))
        else:
            self._add_move(code, Move(at_ms, last.shift + log(factor)))

    def pin(self, code: str, *, at_ms: int, worth: float) -> None:
        """From now on the currency stands still at `worth` USDT."""
        self._add_move(code, Move(at_ms, self._last_move(code, at_ms).shift, log(worth)))

    def release(self, code: str, *, at_ms: int) -> None:
        """Let a pinned currency walk again, from where it stands."""
        last = self._last_move(code, at_ms)
        if last.pinned is not None:
            self._add_move(code, Move(at_ms, last.pinned - self._walked(code, at_ms)))

    def moves(self) -> dict[str, list[Move]]:
        return self._moves

    def restore_moves(self, moves: dict[str, list[Move]]) -> None:
        self._moves = moves

    def _add_move(self, code: str, move: Move) -> None:
        self._moves.setdefault(code, []).append(move)
        self.moved += 1
        self._days.clear()

    def _last_move(self, code: str, at_ms: int) -> Move:
        moves = self._moves.get(code, [])
        index = bisect_right(moves, at_ms, key=lambda move: move.at_ms)
        return moves[index - 1] if index else Move(0, 0.0)

    def _log_at(self, code: str, at_ms: int) -> float:
        code, thousandfold = _coin(code)
        if code not in self._moves:
            return self._walked(code, at_ms) + thousandfold
        move = self._last_move(code, at_ms)
        if move.pinned is not None:
            return move.pinned + thousandfold
        return self._walked(code, at_ms) + move.shift + thousandfold

    def _walked(self, code: str, at_ms: int) -> float:
        """Before any move by hand."""
        if code in self._played:
            quote, path = self._played[code]
            return path.log_at(at_ms) + self._log_at(quote, at_ms)
        coin = currency(code)
        own = self._along(code, coin.volatility, at_ms) if coin.volatility else 0.0
        common = coin.beta * self._along("market", _MARKET_VOLATILITY, at_ms) if coin.beta else 0.0
        return log(coin.worth) + own + common

    def _along(self, name: str, volatility: float, at_ms: int) -> float:
        index, rest = divmod(at_ms, GRID_MS)
        known = self._segments.get(name)
        if known is None or known[0] != index:
            known = self._segments[name] = (index, *self._walk(name, volatility).segment(index))
        return known[1] + (known[2] - known[1]) * rest / GRID_MS

    def _walk(self, name: str, volatility: float) -> Walk:
        walk = self._walks.get(name)
        if walk is None:
            walk = self._walks[name] = Walk(self._seed, name, volatility)
        return walk

    def log_points(self, code: str, first: int, last: int, coarse: int) -> list[float]:
        """Log worth in USDT at points `first` to `last` of the walk's grid, or of one 2^coarse as wide."""
        if last < first:
            return []
        code, thousandfold = _coin(code)
        points = self._walked_points(code, first, last, coarse)
        if thousandfold:
            points = [value + thousandfold for value in points]
        self._apply_moves(code, points, first, GRID_MS << coarse, thousandfold)
        return points

    def _walked_points(self, code: str, first: int, last: int, coarse: int) -> list[float]:
        if code in self._played:
            quote, path = self._played[code]
            above = path.log_points(first, last, GRID_MS << coarse)
            below = self.log_points(quote, first, last, coarse)
            return [over + under for over, under in zip(above, below, strict=True)]
        coin = currency(code)
        level = log(coin.worth)
        points = [level] * (last - first + 1)
        if coin.volatility:
            own = self._walk(code, coin.volatility).points(first, last, coarse=coarse)
            points = [level + value for value in own]
        if coin.beta:
            common = self._walk("market", _MARKET_VOLATILITY).points(first, last, coarse=coarse)
            points = [value + coin.beta * shared for value, shared in zip(points, common, strict=True)]
        return points

    def _apply_moves(self, code: str, points: list[float], first: int, step_ms: int, thousandfold: float) -> None:
        moves = self._moves.get(code, ())
        ends = [max(0, -(-move.at_ms // step_ms) - first) for move in moves[1:]] + [len(points)]
        for move, end in zip(moves, ends, strict=False):
            begin = max(0, -(-move.at_ms // step_ms) - first)
            for index in range(begin, min(end, len(points))):
                points[index] = points[index] + move.shift if move.pinned is None else move.pinned + thousandfold

    def _bar(self, pair: tuple[str, str], open_ms: int, close_ms: int, path: _Path) -> Bar:
        inside = path.inside(open_ms, close_ms)
        opened = exp(inside[0]) if inside and open_ms % path.step_ms == 0 else self.price(*pair, open_ms)
        closed = exp(inside[-1]) if inside and close_ms % path.step_ms == 0 else self.price(*pair, close_ms)
        high, low = max(opened, closed), min(opened, closed)
        if inside:
            high, low = max(high, exp(max(inside))), min(low, exp(min(inside)))
        return Bar(open_ms, opened, high, low, closed, path.volume(open_ms, close_ms))

    def _long_bar(self, base: str, quote: str, first: int, last: int, now_ms: int) -> Bar:
        """Bars of a day and more are put together from days, and finished days are kept."""
        days = [self._day(base, quote, day, now_ms) for day in range(first, min(last, now_ms + 1), DAY_MS)]
        return merged(days)

    def _day(self, base: str, quote: str, day_ms: int, now_ms: int) -> Bar:
        key = (base, quote, day_ms)
        known = self._days.get(key)
        if known is not None:
            return known
        end = min(day_ms + DAY_MS, now_ms)
        exact_days = _EXACT_PLAYED_DAYS if base in self._played else _EXACT_DAYS
        coarse = _COARSE if now_ms - day_ms > exact_days * DAY_MS else 0
        [bar] = self.bars(base, quote, [day_ms], end, coarse=coarse)
        if end < now_ms:
            self._days[key] = bar
            if len(self._days) > _KEPT_DAYS:
                self._days.popitem(last=False)
        return bar


def volume_scale(base: str) -> float:
    """Units of the base a minute: a few thousand dollars' worth, more for the coins that everybody has."""
    code, thousandfold = _coin(base)
    return (250_000 if base in ("BTC", "ETH", "SOL") else 15_000) / (currency(code).worth * exp(thousandfold))


def merged(bars: Sequence[Bar]) -> Bar:
    """Bars that follow each other as one."""
    return Bar(
        bars[0].open_ms,
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum(bar.volume for bar in bars),
    )


def _coin(code: str) -> tuple[str, float]:
    """`1000SHIB` is SHIB, a thousand times."""
    if code.startswith("1000") and len(code) > 4:
        return code[4:], log(1000)
    return code, 0.0
