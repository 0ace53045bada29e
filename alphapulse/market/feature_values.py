"""What features say: each value comes from the bars of its window alone, always summed in the same order.

So what is computed bar after bar equals, to the last digit, what is computed at once. Windows are lengths of time on
the timeframe's own grid: a hole in the candles is a hole in the window, never a jump from one side of it to the other.
Where too little is there, the value is None.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate, repeat
from math import isfinite, sqrt
from statistics import fmean

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from alphapulse.market import timeframes
from alphapulse.market.features import Feature, Parameters
from alphapulse.types import Candle

Floats = NDArray[np.float64]

# Of a window's bars, so many must be there: two holes in ten are borne, three are not.
LEAST_OF_A_WINDOW = 0.8
_YEAR = timedelta(days=365)
# Windows are copied side by side to be summed in one order; so many rows at a time.
_ROWS = 2048


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a feature is made of, on one grid: `opened_at` without gaps, NaN where there is no closed candle.

    `reference`: the closes of another symbol; `funding`: the rate that fell due in each bar, NaN where none did. A
    function that needs one of these gets it.
    """

    timeframe: str
    opened_at: Sequence[datetime]
    close: Floats
    reference: Floats | None = None
    funding: Floats | None = None


def grid(first: datetime, last: datetime, timeframe: str) -> list[datetime]:
    """The opening times from `first` to `last`, both included."""
    bars = timeframes.count(first, last, timeframe)
    return list(accumulate(repeat(timeframe, bars), timeframes.step, initial=first))


def closes(candles: Sequence[Candle], opened_at: Sequence[datetime]) -> Floats:
    """A symbol's closes on a grid; NaN where it has no closed candle."""
    known = {candle.opened_at: float(candle.close) for candle in candles if candle.is_closed}
    return np.array([known.get(at, np.nan) for at in opened_at], dtype=np.float64)


def funding(rates: Iterable[tuple[datetime, Decimal]], opened_at: Sequence[datetime], timeframe: str) -> Floats:
    """The rate that fell due in each bar, their mean where it was several; NaN where none did."""
    due: dict[datetime, list[float]] = {}
    for funding_at, rate in sorted(rates):
        due.setdefault(timeframes.floor(funding_at, timeframe), []).append(float(rate))
    return np.array([fmean(due[at]) if at in due else np.nan for at in opened_at], dtype=np.float64)


def compute(feature: Feature, inputs: Inputs) -> list[float | None]:
    """A value for each bar of the grid; None where its window holds too little."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values = _FUNCTIONS[feature.name](inputs, feature.parameters)
    return [float(value) if isfinite(value) else None for value in values.tolist()]


# --- What each function says ----------------------------------------------------------------------------------------


def _returns(inputs: Inputs, p: Parameters) -> Floats:
    return inputs.close / _earlier(inputs.close, p["bars"]) - 1


def _log_returns(inputs: Inputs, p: Parameters) -> Floats:
    return _steps(inputs.close, p["bars"])


def _volatility(inputs: Inputs, p: Parameters) -> Floats:
    bars_a_year = _YEAR / timedelta(minutes=timeframes.minutes(inputs.timeframe))
    return _over_windows(_deviation, p["window"], _steps(inputs.close)) * sqrt(bars_a_year)


def _zscore(inputs: Inputs, p: Parameters) -> Floats:
    mean = _over_windows(_mean, p["window"], inputs.close)
    return (inputs.close - mean) / _over_windows(_deviation, p["window"], inputs.close)


def _correlation(inputs: Inputs, p: Parameters) -> Floats:
    return _over_windows(_correlated, p["window"], _steps(inputs.close), _steps(_given(inputs.reference)))


def _momentum(inputs: Inputs, p: Parameters) -> Floats:
    return _earlier(inputs.close, p["skip"]) / _earlier(inputs.close, p["bars"]) - 1


def _regime(inputs: Inputs, p: Parameters) -> Floats:
    """1 rising, -1 falling, 0 neither: how far the averages are apart, in what the price moves in a slow window."""
    fast, slow = (_over_windows(_mean, p[name], inputs.close) for name in ("fast", "slow"))
    usual = _over_windows(_deviation, p["slow"], _steps(inputs.close)) * sqrt(p["slow"])
    apart = (fast - slow) / slow / usual
    return np.where(np.isnan(apart), np.nan, np.sign(apart) * (np.abs(apart) > 0.25))


def _funding(inputs: Inputs, p: Parameters) -> Floats:
    """Few bars have one, so one is enough."""
    return _over_windows(_mean, p["window"], _given(inputs.funding), least=0)


# --- Windows --------------------------------------------------------------------------------------------------------


def _given(column: Floats | None) -> Floats:
    if column is None:
        raise ValueError("This feature needs a reference or funding rates, and was given none.")
    return column


def _earlier(values: Floats, bars: int) -> Floats:
    """Each bar's value so many bars before; NaN where the series had not begun."""
    return np.concatenate([np.full(min(bars, len(values)), np.nan), values[: max(len(values) - bars, 0)]])


def _steps(close: Floats, bars: int = 1) -> Floats:
    return np.log(close / _earlier(close, bars))


def _over_windows(
    reduce: Callable[..., Floats], window: int, *columns: Floats, least: float = LEAST_OF_A_WINDOW
) -> Floats:
    """`reduce` of each bar's window, its own bar last; NaN where fewer than `least` of its bars have all values."""
    length = len(columns[0])
    values = np.full(length, np.nan)
    if length < window:
        return values
    views = [sliding_window_view(column, window) for column in columns]
    for start in range(0, length - window + 1, _ROWS):
        rows = [np.ascontiguousarray(view[start : start + _ROWS]) for view in views]
        present = ~np.logical_or.reduce([np.isnan(row) for row in rows])
        enough = present.sum(axis=1) >= max(least * window, 1)
        found = reduce(present, *rows)
        values[start + window - 1 : start + window - 1 + len(found)] = np.where(enough, found, np.nan)
    return values


def _mean(present: NDArray[np.bool_], rows: Floats) -> Floats:
    """From the least on: so the mean of what is all the same is exactly that, and nothing deviates from it."""
    least = np.where(present, rows, np.inf).min(axis=1)
    mean: Floats = least + np.where(present, rows - least[:, None], 0.0).sum(axis=1) / present.sum(axis=1)
    return mean


def _deviation(present: NDArray[np.bool_], rows: Floats) -> Floats:
    away = np.where(present, rows - _mean(present, rows)[:, None], 0.0)
    deviation: Floats = np.sqrt((away * away).sum(axis=1) / (present.sum(axis=1) - 1))
    return deviation


def _correlated(present: NDArray[np.bool_], ours: Floats, theirs: Floats) -> Floats:
    a, b = (np.where(present, rows - _mean(present, rows)[:, None], 0.0) for rows in (ours, theirs))
    found: Floats = (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return np.clip(found, -1.0, 1.0)


_FUNCTIONS: Mapping[str, Callable[[Inputs, Parameters], Floats]] = {
    "returns": _returns,
    "log_returns": _log_returns,
    "volatility": _volatility,
    "zscore": _zscore,
    "correlation": _correlation,
    "momentum": _momentum,
    "regime": _regime,
    "funding": _funding,
}
