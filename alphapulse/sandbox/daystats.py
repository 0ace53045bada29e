"""The last 24 hours of a market, cheap enough to be asked for thousands at once."""

from dataclasses import dataclass
from itertools import pairwise
from math import exp

from alphapulse.sandbox.clock import DAY_MS
from alphapulse.sandbox.currencies import NUMERAIRE
from alphapulse.sandbox.prices import Prices, volume_scale
from alphapulse.sandbox.walk import GRID_MS

_COARSE = 6  # a point every 16 minutes
_STEP_MS = GRID_MS << _COARSE
_USUAL_STEP = 0.0032  # what the finer path goes in a minute, seen from points 16 minutes apart
_MINUTES = DAY_MS / 60_000


@dataclass(frozen=True, slots=True)
class DayStats:
    """`volume` is in the base currency. The extremes are those of points 16 minutes apart, and of now."""

    open: float
    high: float
    low: float
    last: float
    volume: float

    @property
    def quote_volume(self) -> float:
        return self.volume * (self.high + self.low + self.last) / 3


class Days:
    """Keeps what is behind the last whole step; the price now is added at each question."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._window: tuple[int, int] = (0, 0)
        self._points: dict[str, list[float]] = {}
        self._past: dict[tuple[str, str], DayStats] = {}

    def stats(self, base: str, quote: str, now_ms: int) -> DayStats:
        window = (now_ms // _STEP_MS, self._prices.moved)
        if window != self._window:
            self._window = window
            self._points.clear()
            self._past.clear()
        past = self._past.get((base, quote))
        if past is None:
            past = self._past[base, quote] = self._made(base, quote)
        last = self._prices.price(base, quote, now_ms)
        return DayStats(past.open, max(past.high, last), min(past.low, last), last, past.volume)

    def _made(self, base: str, quote: str) -> DayStats:
        end = self._window[0]
        begin = end - DAY_MS // _STEP_MS + 1  # the first point that is not older than a day
        points = self._log_points(base, begin, end)
        if quote != NUMERAIRE:
            under = self._log_points(quote, begin, end)
            points = [above - below for above, below in zip(points, under, strict=True)]
        travelled = sum(abs(after - before) for before, after in pairwise(points))
        volume = volume_scale(base) * _MINUTES * (0.2 + travelled / len(points) / _USUAL_STEP)
        return DayStats(exp(points[0]), exp(max(points)), exp(min(points)), exp(points[-1]), volume)

    def _log_points(self, code: str, begin: int, end: int) -> list[float]:
        known = self._points.get(code)
        if known is None:
            known = self._points[code] = self._prices.log_points(code, begin, end, _COARSE)
        return known
