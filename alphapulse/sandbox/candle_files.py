"""Candle files played instead of a walk: `BASE-QUOTE[-SETTLE]_TIMEFRAME.csv[.gz]`.

Columns `timestamp_ms,open,high,low,close,volume`. The file's first day is the day the sandbox started (its time of
day is kept, so candles stay on their edges); at its end it is played backwards, and forwards again.
"""

import csv
import gzip
import io
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import ceil, exp, floor, log
from pathlib import Path
from typing import NamedTuple

from alphapulse.sandbox.candle_edges import TIMEFRAMES
from alphapulse.sandbox.clock import DAY_MS
from alphapulse.sandbox.walk import GRID_MS

_NAME = re.compile(r"^([A-Z0-9]+)-([A-Z0-9]+)(?:-[A-Z0-9]+)?_(\w+)\.csv(?:\.gz)?$")
_QUOTES_FIRST = ("USDT", "USDC", "BTC", "ETH")


class Row(NamedTuple):
    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class PlayedPath:
    """The path of a price: from each candle's open over its extremes to its close, in straight lines of its log."""

    def __init__(self, rows: Sequence[Row], step_ms: int, started_ms: int) -> None:
        self._rows = _without_gaps(rows, step_ms)
        self._step_ms = step_ms
        shift = (started_ms - rows[0].open_ms) // max(DAY_MS, step_ms) * max(DAY_MS, step_ms)
        self._first_ms = rows[0].open_ms + shift

    def log_at(self, at_ms: int) -> float:
        slot, rest = divmod(at_ms - self._first_ms, self._step_ms)
        return _along(self._knots(slot), rest / self._step_ms)

    def log_points(self, first: int, last: int, step_ms: int) -> list[float]:
        """At whole multiples of `step_ms`, from number `first` to number `last`."""
        points: list[float] = []
        slot, knots = None, self._knots(0)
        for at_ms in range(first * step_ms, last * step_ms + 1, step_ms):
            now, rest = divmod(at_ms - self._first_ms, self._step_ms)
            if now != slot:
                slot, knots = now, self._knots(now)
            points.append(_along(knots, rest / self._step_ms))
        return points

    def bar(self, open_ms: int, close_ms: int) -> tuple[float, float, float, float, float]:
        """Open, high, low, close and volume, of whole candles exactly those in the file."""
        begin, end = (open_ms - self._first_ms) / self._step_ms, (close_ms - self._first_ms) / self._step_ms
        parts = [
            (slot, max(0.0, begin - slot), min(1.0, end - slot))
            for slot in range(floor(begin), max(floor(begin) + 1, ceil(end)))
        ]
        spans = [self._span(slot, start, stop) for slot, start, stop in parts]
        volume = sum(self._row(slot)[0].volume * (stop - start) for slot, start, stop in parts)
        return spans[0][0], max(span[1] for span in spans), min(span[2] for span in spans), spans[-1][3], volume

    def _span(self, slot: int, start: float, stop: float) -> tuple[float, float, float, float]:
        """Open, high, low and close of a part of a candle."""
        row, backwards = self._row(slot)
        if (start, stop) == (0.0, 1.0):
            ends = (row.close, row.open) if backwards else (row.open, row.close)
            return ends[0], row.high, row.low, ends[1]
        knots = self._knots(slot)
        inner = [knot for knot, place in ((knots[1], 0.25), (knots[2], 0.75)) if start <= place <= stop]
        path = [_along(knots, start), *inner, _along(knots, stop)]
        return exp(path[0]), exp(max(path)), exp(min(path)), exp(path[-1])

    def _row(self, slot: int) -> tuple[Row, bool]:
        """The candle played then, and whether it runs backwards."""
        place = slot % (2 * len(self._rows))
        if place < len(self._rows):
            return self._rows[place], False
        return self._rows[2 * len(self._rows) - 1 - place], True

    def _knots(self, slot: int) -> tuple[float, float, float, float]:
        """The log price at the candle's begin, after a quarter, after three quarters, at its end."""
        row, backwards = self._row(slot)
        extremes = (row.low, row.high) if row.close >= row.open else (row.high, row.low)
        knots = log(row.open), log(extremes[0]), log(extremes[1]), log(row.close)
        return knots[::-1] if backwards else knots


def _along(knots: tuple[float, float, float, float], part: float) -> float:
    if part < 0.25:
        return knots[0] + (knots[1] - knots[0]) * part * 4
    if part < 0.75:
        return knots[1] + (knots[2] - knots[1]) * (part - 0.25) * 2
    return knots[2] + (knots[3] - knots[2]) * (part - 0.75) * 4


def _without_gaps(rows: Sequence[Row], step_ms: int) -> list[Row]:
    """A candle that is missing stands still at the close before it."""
    filled: list[Row] = []
    for row, following in pairwise([*rows, rows[-1]._replace(open_ms=rows[-1].open_ms + step_ms)]):
        filled.append(row)
        for missing_ms in range(row.open_ms + step_ms, following.open_ms, step_ms):
            filled.append(Row(missing_ms, row.close, row.close, row.close, row.close, 0.0))
    return filled


def played_paths(folder: Path, started_ms: int) -> dict[str, tuple[str, PlayedPath]]:
    """Base currency -> (quote currency, its path). Of several files of a base the best known quote and the finest
    timeframe are played. Raises ValueError for a folder without candle files, or a file that is not one."""
    found: dict[str, tuple[tuple[int, int], str, Path]] = {}
    for path in sorted(folder.glob("*_*.csv*")):
        name = _NAME.match(path.name)
        if name is None or name[3] not in TIMEFRAMES or TIMEFRAMES[name[3]] % (4 * GRID_MS):
            raise ValueError(f"{path.name}: not the name of a candle file, such as BTC-USDT_5m.csv.gz")
        base, quote, step_ms = name[1], name[2], TIMEFRAMES[name[3]]
        preference = (_QUOTES_FIRST.index(quote) if quote in _QUOTES_FIRST else 9, step_ms)
        if base not in found or preference < found[base][0]:
            found[base] = (preference, quote, path)
    if not found:
        raise ValueError(f"{folder}: no candle files there")
    _refuse_circles({base: quote for base, (_preference, quote, _path) in found.items()})
    return {
        base: (quote, PlayedPath(_read(path), preference[1], started_ms))
        for base, (preference, quote, path) in found.items()
    }


def _refuse_circles(quotes: dict[str, str]) -> None:
    for base in quotes:
        seen, code = {base}, quotes[base]
        while code in quotes:
            if code in seen:
                raise ValueError(f"the candle files price {base} by way of itself")
            seen.add(code)
            code = quotes[code]


def _read(path: Path) -> list[Row]:
    raw = path.read_bytes()
    text = gzip.decompress(raw).decode() if path.suffix == ".gz" else raw.decode()
    try:
        rows = [_row(line) for line in csv.DictReader(io.StringIO(text))]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name}: not a candle file ({error})") from None
    ordered = [row for row in rows if row.low > 0]
    if len(ordered) < 2 or not _is_ascending(row.open_ms for row in ordered):
        raise ValueError(f"{path.name}: two candles or more, in the order of time, are needed")
    return ordered


def _row(line: dict[str, str]) -> Row:
    prices = [float(line[name]) for name in ("open", "high", "low", "close", "volume")]
    return Row(int(line["timestamp_ms"]), *prices)


def _is_ascending(times: Iterable[int]) -> bool:
    return all(before < after for before, after in pairwise(times))
