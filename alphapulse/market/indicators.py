"""Indicators: TA-Lib's functions by name, with their parameters.

What is served for a bar is what TA-Lib says of the whole series. So a part of a series is computed from further back:
`Request.warm_up` says how many bars; None means all that there are. Where TA-Lib has no value yet, there is None.
TA-Lib is loaded at the first call: most processes never make one, and it costs them 80 MB.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import isfinite
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphapulse.types import Candle

Number = int | float
Values = list[float | None]

INPUTS = ("open", "high", "low", "close", "volume")
LONGEST = 1000
MOST_AT_ONCE = 20
_TEXT = re.compile(r"([A-Z0-9_]+)(?:\((.*)\))?", re.ASCII)

# What says where in the part it got, or asks for a series of its own; and what is arithmetic, not an indicator.
_LEFT_OUT = {"MAXINDEX", "MININDEX", "MINMAXINDEX", "MAVP"}
_GROUPS_LEFT_OUT = {"Math Transform"}
_OPERATORS_LEFT_OUT = {"ADD", "DIV", "MULT", "SUB", "CUMSUM"}

# A function that feeds on its own last value forgets where it began, but not at once: after sixty periods what is left
# of it is far below a double's last digit, for every way of smoothing that TA-Lib has but Kaufman's.
_FORGETS_AFTER = 60
_SHORTEST_WARM_UP = 500
_KAUFMAN_FORGETS_AFTER = 8000
_TRIANGULAR, _KAUFMAN, _MESA = 5, 6, 7
# Nor do these forget. Some follow a phase, others divide one running sum by another, and where prices or volumes stand
# still these are roundings, which stay from the first bar on. In a triangular average they add up.
_KEEP_ROUNDINGS = {
    *("BETA", "CMF", "HT_TRENDLINE", "LINEARREG_ANGLE", "LINEARREG_SLOPE"),
    *("MAMA", "PVO", "RVOL", "TRIMA", "VWMA"),
}
_GROUPS_THAT_KEEP_ROUNDINGS = {"Cycle Indicators"}


class UnknownIndicator(ValueError):
    """No such function, no such parameter, or a value that it cannot take; the message says which."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """What TA-Lib says of one of its functions. `parameters` with their defaults."""

    name: str
    title: str
    group: str
    inputs: tuple[str, ...]
    parameters: Mapping[str, Number]
    outputs: tuple[str, ...]
    # Its value depends on where the series begins, for ever: a sum of all volumes, a stop that trails.
    is_path_dependent: bool


@dataclass(frozen=True, slots=True)
class Request:
    """One indicator with all its parameters. As text, `RSI(timeperiod=14)`: the same request is the same text."""

    indicator: Indicator
    parameters: Mapping[str, Number] = field(default_factory=dict)

    def __str__(self) -> str:
        given = ", ".join(f"{name}={value:g}" for name, value in self.parameters.items())
        return f"{self.indicator.name}({given})" if given else self.indicator.name

    @property
    def warm_up(self) -> int | None:
        """How many bars before the first one that is wanted; None: from the series' beginning on."""
        if self.indicator.is_path_dependent or self._keeps_roundings:
            return None
        periods = sum(int(value) for name, value in self.parameters.items() if "period" in name)
        kaufman = self.indicator.name == "KAMA" or _KAUFMAN in self._averages
        own = max(_SHORTEST_WARM_UP, _FORGETS_AFTER * periods) + (_KAUFMAN_FORGETS_AFTER if kaufman else 0)
        return int(_function(self).lookback) + own

    @property
    def _keeps_roundings(self) -> bool:
        known = self.indicator.name in _KEEP_ROUNDINGS or self.indicator.group in _GROUPS_THAT_KEEP_ROUNDINGS
        return known or not self._averages.isdisjoint({_TRIANGULAR, _MESA})

    @property
    def _averages(self) -> set[Number]:
        return {value for name, value in self.parameters.items() if "matype" in name}


def indicators() -> Mapping[str, Indicator]:
    """All of them, by name."""
    return _catalogue()


def parse(text: str) -> Request:
    """`RSI`, `RSI(timeperiod=21)`, `MACD(fastperiod=12, slowperiod=26)`; what is not named has TA-Lib's default."""
    match = _TEXT.fullmatch(text.strip())
    indicator = indicators().get(match[1]) if match else None
    if not match or indicator is None:
        raise UnknownIndicator(
            f"{text[:60]!r} is no indicator. Write it like RSI or MACD(fastperiod=12, slowperiod=26)."
        )
    given = dict(_parameter(indicator, part) for part in (match[2] or "").split(",") if part.strip())
    request = Request(indicator, MappingProxyType({**indicator.parameters, **given}))
    compute(request, Series.of([]))
    return request


def parse_all(text: str) -> list[Request]:
    """`RSI, MACD(fastperiod=12, slowperiod=26)`, the same one once. Raises UnknownIndicator."""
    parts = re.split(r",(?![^()]*\))", text)
    if len(parts) > MOST_AT_ONCE:
        raise UnknownIndicator(f"At most {MOST_AT_ONCE} indicators at once, not {len(parts)}.")
    return list({str(request): request for request in map(parse, parts)}.values())


@dataclass(frozen=True, slots=True)
class Series:
    """A series of finished bars, oldest first, as TA-Lib wants it: an array of doubles for each input."""

    columns: Mapping[str, NDArray[np.float64]]

    @classmethod
    def of(cls, candles: Sequence[Candle]) -> "Series":
        """Only what is closed: a bar that still moves has no last value."""
        closed = [candle for candle in candles if candle.is_closed]
        return cls({name: np.array([float(getattr(c, name)) for c in closed], dtype=np.float64) for name in INPUTS})

    def __len__(self) -> int:
        return len(self.columns["close"])


def compute(request: Request, series: Series) -> dict[str, Values]:
    """Output name -> a value for each bar, None where TA-Lib has none (it is warming up, or it divided by nothing)."""
    outputs = request.indicator.outputs
    # TA-Lib refuses a series without a bar, and with one bar still checks the parameters.
    bars = series.columns if len(series) else {name: np.array([1.0]) for name in INPUTS}
    try:
        found = _function(request)({name: bars[name] for name in INPUTS})
    except Exception as problem:  # TA-Lib raises nothing narrower
        raise UnknownIndicator(f"TA-Lib cannot compute {request}: {problem}") from problem
    arrays = found if isinstance(found, (list, tuple)) else [found]
    return {name: _plain(array)[: len(series)] for name, array in zip(outputs, arrays, strict=True)}


def _plain(array: NDArray[Any]) -> Values:
    return [float(value) if isfinite(value) else None for value in array.tolist()]


def _parameter(indicator: Indicator, part: str) -> tuple[str, Number]:
    name, _, value = (word.strip() for word in part.partition("="))
    default = indicator.parameters.get(name)
    if default is None:
        known = ", ".join(indicator.parameters) or "none"
        raise UnknownIndicator(f"{indicator.name} has no parameter {name[:40]!r}; its parameters: {known}.")
    try:
        number = type(default)(value)
    except ValueError:
        number = None
    if number is None or not isfinite(number) or not -LONGEST <= number <= LONGEST:
        kind = "whole number" if isinstance(default, int) else "number"
        raise UnknownIndicator(f"{indicator.name}: {name} has to be a {kind} up to {LONGEST}, not {value[:40]!r}.")
    return name, number


def _function(request: Request) -> Any:
    from talib.abstract import Function  # type: ignore[attr-defined]  # its stubs know only the instances

    return Function(request.indicator.name, **request.parameters)


@cache
def _catalogue() -> Mapping[str, Indicator]:
    import talib

    names = {
        name
        for group, members in talib.get_function_groups().items()
        if group not in _GROUPS_LEFT_OUT
        for name in members
    }
    return MappingProxyType({name: _described(name) for name in sorted(names - _LEFT_OUT - _OPERATORS_LEFT_OUT)})


def _described(name: str) -> Indicator:
    from talib.abstract import Function  # type: ignore[attr-defined]  # its stubs know only the instances

    info = Function(name).info
    inputs = [name for given in info["input_names"].values() for name in ([given] if isinstance(given, str) else given)]
    return Indicator(
        name=name,
        title=info["display_name"],
        group=info["group"],
        inputs=tuple(inputs),
        parameters=MappingProxyType(dict(info["parameters"])),
        outputs=tuple(info["output_names"]),
        is_path_dependent="Output is path-dependent" in (info["function_flags"] or []),
    )
