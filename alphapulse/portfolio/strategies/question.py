"""What can be asked of a strategy, and what it answers. Weights and returns are floats: ratios, never amounts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from alphapulse.portfolio.strategies.history import Returns

# Of a sum of weights, and of a bound.
TOLERANCE = 1e-5


class Strategy(StrEnum):
    GIVEN = "given"
    MARKET_CAP = "market_cap"
    EQUAL = "equal_weight"
    MINIMUM_VARIANCE = "minimum_variance"
    MAXIMUM_SHARPE = "maximum_sharpe"
    RISK_PARITY = "risk_parity"
    HIERARCHICAL_RISK_PARITY = "hierarchical_risk_parity"
    BLACK_LITTERMAN = "black_litterman"


# These need no past. All others learn from returns.
PLAIN = frozenset({Strategy.GIVEN, Strategy.MARKET_CAP, Strategy.EQUAL})


class CannotPropose(Exception):
    """There is no answer; the text says why, and what would help."""


class IncompleteQuestion(CannotPropose):
    """Something that the strategy needs was not given, or does not fit together."""


class HistoryTooShort(CannotPropose):
    """Too few returns are known to learn anything from them."""


class Infeasible(CannotPropose):
    """No weights at all keep all of the constraints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The least and the most of a weight, both allowed."""

    least: float = 0.0
    most: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Assets whose weights together are bounded."""

    name: str
    assets: frozenset[str]
    bounds: Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """`each` is of every asset that `by_asset` does not name. `max_turnover` is the part of the whole that may change
    hands: half of all weights' differences from the current ones, 0 to 1.
    """

    each: Bounds = Bounds()
    by_asset: Mapping[str, Bounds] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    max_turnover: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Somebody's opinion: that `asset` will earn `annual_return` (0.1 is 10 %), or that much more than `over`.

    `confidence`, 0 to 1: at 0 the market is right, at 1 the view is.
    """

    asset: str
    over: str | None = None
    annual_return: float
    confidence: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`weights` are targets for the given ones, sizes of markets for those by market cap and for Black-Litterman: only
    their proportions matter. `current` are today's weights; None: nothing of the assets is held.
    """

    strategy: Strategy
    returns: Returns
    weights: Mapping[str, float] = field(default_factory=dict)
    current: Mapping[str, float] | None = None
    constraints: Constraints = Constraints()
    views: tuple[View, ...] = ()
    risk_free_rate: float = 0.0  # a year

    @property
    def assets(self) -> tuple[str, ...]:
        """In the order of their names: in which order they were given changes nothing."""
        return tuple(sorted(self.returns.assets))


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What the past says of such weights, for a year. `return_error` is the standard error of `annual_return`."""

    annual_return: float
    return_error: float
    annual_volatility: float
    sharpe: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`weights` sum to 1. `estimate` is of them, `estimate_now` of what is held; None where too little is known."""

    weights: Mapping[str, float]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    estimate: Estimate | None
    estimate_now: Estimate | None = None
