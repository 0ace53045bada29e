"""A random walk that can be asked for any moment, in any order, without its history.

Midpoint displacement (Levy's construction of Brownian motion) over a dyadic tree: the value between two
known points is their mean plus noise that depends on the seed, the name and the place in the tree alone.
One value costs one descent; a range costs one operation per point.
"""

from array import array
from collections.abc import Sequence
from functools import lru_cache
from hashlib import shake_128
from itertools import pairwise
from math import sqrt
from struct import unpack

GRID_MS = 15_000  # between two points of the grid the path is a straight line: candles hold every extreme
_LEVELS = 25  # one tree spans 2^25 grid steps, 16 years
_BLOCK = 6  # 2^6 nodes share one hash
_YEAR_STEPS = 365 * 24 * 3600 * 1000 // GRID_MS
_CAP_STEPS = 60 * 24 * 3600 * 1000 // GRID_MS  # swings longer than 60 days do not grow: prices stay lifelike
_UNIFORM = sqrt(3.0) / 2**31  # 32 uniform bits to zero mean and unit variance


@lru_cache(maxsize=32_768)
def _noise(seed: int, name: str, level: int, block: int) -> Sequence[float]:
    digest = shake_128(f"{seed}/{name}/{level}/{block}".encode()).digest(4 << _BLOCK)
    return array("d", [(bits - 2**31) * _UNIFORM for bits in unpack(f"<{1 << _BLOCK}I", digest)])


class Walk:
    """A path of mean zero whose steps have `volatility` (per square root of a year)."""

    def __init__(self, seed: int, name: str, volatility: float) -> None:
        self._seed = seed
        self._name = name
        step = volatility / sqrt(_YEAR_STEPS)
        self._sigma = [step * sqrt(min(1 << level, _CAP_STEPS)) / 2 for level in range(_LEVELS + 1)]

    def segment(self, index: int) -> tuple[float, float]:
        """The values at grid points `index` and `index + 1`."""
        left = right = 0.0  # the ends of every tree lie at the mean
        for level in range(_LEVELS, 0, -1):
            node = index >> level
            block = _noise(self._seed, self._name, level, node >> _BLOCK)
            middle = (left + right) / 2 + self._sigma[level] * block[node & ((1 << _BLOCK) - 1)]
            if (index >> (level - 1)) & 1:
                left = middle
            else:
                right = middle
        return left, right

    def points(self, first: int, last: int, *, coarse: int = 0) -> list[float]:
        """The values at points `first` to `last`, both included, of the grid whose step is 2^coarse as long."""
        depth = _LEVELS - coarse
        low, high = first >> depth, (last >> depth) + 1
        values = [0.0] * (high - low + 1)
        for level in range(_LEVELS, coarse, -1):
            values = self._refined(values, level, low)
            low *= 2
            below = level - 1 - coarse
            keep_low, keep_high = first >> below, (last >> below) + 1
            values = values[keep_low - low : keep_high - low + 1]
            low = keep_low
        return values[: last - first + 1]

    def _refined(self, values: list[float], level: int, low: int) -> list[float]:
        noise = self._noise_range(level, low, low + len(values) - 1)
        sigma = self._sigma[level]
        fine = [0.0] * (2 * len(values) - 1)
        fine[::2] = values
        middles = zip(pairwise(values), noise, strict=True)
        fine[1::2] = [(left + right) / 2 + sigma * bit for (left, right), bit in middles]
        return fine

    def _noise_range(self, level: int, start: int, stop: int) -> list[float]:
        noise: list[float] = []
        for block in range(start >> _BLOCK, (stop - 1 >> _BLOCK) + 1):
            noise.extend(_noise(self._seed, self._name, level, block))
        offset = (start >> _BLOCK) << _BLOCK
        return noise[start - offset : stop - offset]
