"""Features: numbers made of closes, for conditions, for models, for people who look.

A feature is data: a name, one of FUNCTIONS, its parameters and a version. `feature_values` computes them; here is what
there is, without arithmetic: every process knows the names, few compute.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

Parameters = Mapping[str, int]

LONGEST_WINDOW = 5000


class UnknownFeature(ValueError):
    """No such function, no such parameter, or a value that it cannot take; the message says which."""


@dataclass(frozen=True, slots=True)
class Function:
    """`look_back` is how many bars before its own a value needs."""

    what: str
    parameters: Parameters
    look_back: Callable[[Parameters], int]
    needs_reference: bool = False
    needs_funding: bool = False


@dataclass(frozen=True, slots=True)
class Feature:
    """`returns` with `{"bars": 5}`: what a row of features says, checked by `feature`. `name` is its function's."""

    name: str
    function: Function
    parameters: Parameters

    @property
    def look_back(self) -> int:
        return self.function.look_back(self.parameters)


def feature(function: str, parameters: Mapping[str, object]) -> Feature:
    """Parameters that are not given have their defaults. Raises UnknownFeature in words."""
    known = FUNCTIONS.get(function)
    if known is None:
        raise UnknownFeature(f"{function[:40]!r} is no feature function; there are: {', '.join(FUNCTIONS)}.")
    if strange := sorted(set(parameters) - set(known.parameters)):
        raise UnknownFeature(
            f"{function} has no parameter {strange[0][:40]!r}; its parameters: {', '.join(known.parameters)}."
        )
    for name, value in parameters.items():
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LONGEST_WINDOW:
            raise UnknownFeature(f"{function}: {name} has to be a whole number from 1 to {LONGEST_WINDOW}.")
    whole = {name: int(str(parameters.get(name, default))) for name, default in known.parameters.items()}
    if problem := _contradiction(whole):
        raise UnknownFeature(f"{function}: {problem}")
    return Feature(function, known, MappingProxyType(whole))


def _contradiction(whole: Parameters) -> str:
    """Of parameters that are each in order, in words; empty if there is none."""
    if "fast" in whole and whole["fast"] >= whole["slow"]:
        return "fast has to be shorter than slow."
    if "skip" in whole and whole["skip"] >= whole["bars"]:
        return "skip has to be shorter than bars."
    return "a window has at least 2 bars." if whole.get("window", 2) < 2 else ""


FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        "returns": Function("close against the close so many bars ago", {"bars": 1}, lambda p: p["bars"]),
        "log_returns": Function("the same, as a logarithm", {"bars": 1}, lambda p: p["bars"]),
        "volatility": Function(
            "realised: the deviation of one-bar log returns, for a year",
            {"window": 30},
            lambda p: p["window"],
        ),
        "zscore": Function("how many deviations the close is from its mean", {"window": 30}, lambda p: p["window"] - 1),
        "correlation": Function(
            "of one-bar log returns with those of the reference symbol",
            {"window": 30},
            lambda p: p["window"],
            needs_reference=True,
        ),
        "momentum": Function(
            "the return from so many bars ago until `skip` bars ago",
            {"bars": 30, "skip": 1},
            lambda p: p["bars"],
        ),
        "regime": Function(
            "1 rising, -1 falling, 0 neither: a fast mean against a slow one",
            {"fast": 20, "slow": 100},
            lambda p: p["slow"],
        ),
        "funding": Function(
            "the mean of the funding rates in the window",
            {"window": 24},
            lambda p: p["window"] - 1,
            needs_funding=True,
        ),
    }
)
