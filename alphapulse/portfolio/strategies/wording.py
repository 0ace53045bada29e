"""Why these weights, and what to beware of: in words."""

from collections.abc import Iterator, Mapping

from alphapulse.portfolio.strategies.question import PLAIN, TOLERANCE, Constraints, Estimate, Question, Strategy

IDEAS: Mapping[Strategy, str] = {
    Strategy.GIVEN: "The weights that were given, made to sum to one.",
    Strategy.MARKET_CAP: "Each asset by the size of its market, as it was given.",
    Strategy.EQUAL: "The same of each asset.",
    Strategy.MINIMUM_VARIANCE: "The mix that varies least, by the past's covariances with their chance toned down.",
    Strategy.MAXIMUM_SHARPE: "The mix that would have earned most for its risk.",
    Strategy.RISK_PARITY: "Each asset carries the same part of the whole's risk.",
    Strategy.HIERARCHICAL_RISK_PARITY: "Risk is divided among groups of assets that move together, then within each.",
    Strategy.BLACK_LITTERMAN: "Returns as the market's weights imply them, moved by views as far as they are trusted.",
}
# Their best is sought within the constraints. The others' is moved to the nearest that is within.
SOUGHT_WITHIN = frozenset({Strategy.MINIMUM_VARIANCE, Strategy.MAXIMUM_SHARPE, Strategy.BLACK_LITTERMAN})
EXPECTS_RETURNS = frozenset({Strategy.MAXIMUM_SHARPE, Strategy.BLACK_LITTERMAN})


def reasons(question: Question, weights: Mapping[str, float]) -> tuple[str, ...]:
    told = [IDEAS[question.strategy]]
    if question.strategy not in PLAIN:
        told.append(_learned(question))
    binding = list(_binding(question, weights))
    if binding and question.strategy not in SOUGHT_WITHIN:
        told.append("The constraints do not allow just that: these are the nearest weights that they allow.")
    return (*told, *binding)


def _learned(question: Question) -> str:
    past = question.returns
    means = "" if question.strategy is not Strategy.MAXIMUM_SHARPE else "; expected returns are the means of that time"
    return (
        f"Learned from {len(past.rows)} returns of all {len(question.assets)} assets, from {past.since:%Y-%m-%d} to "
        f"{past.until:%Y-%m-%d}; covariances are shrunk (Ledoit-Wolf){means}."
    )


def _binding(question: Question, weights: Mapping[str, float]) -> Iterator[str]:
    """Constraints that the weights touch, other than zero and one."""
    limits = question.constraints
    for asset, weight in weights.items():
        bounds = limits.by_asset.get(asset, limits.each)
        yield from _touched(asset, weight, bounds.least, bounds.most)
    for group in limits.groups:
        together = sum(weights[asset] for asset in sorted(group.assets))
        yield from _touched(f"The group {group.name}", together, group.bounds.least, group.bounds.most)
    yield from _turned(limits, weights, question.current)


def _touched(name: str, weight: float, least: float, most: float) -> Iterator[str]:
    if least > 0 and weight <= least + TOLERANCE:
        yield f"{name} is at its least, {100 * least:g} %."
    elif most < 1 and weight >= most - TOLERANCE:
        yield f"{name} is at its most, {100 * most:g} %."


def _turned(limits: Constraints, weights: Mapping[str, float], current: Mapping[str, float] | None) -> Iterator[str]:
    limit = limits.max_turnover
    if limit is not None and current is not None and turnover(weights, current) >= limit - TOLERANCE:
        yield f"The limit of turnover, {100 * limit:g} %, is used up."


def turnover(weights: Mapping[str, float], current: Mapping[str, float]) -> float:
    """The part of the whole that changes hands."""
    return sum(abs(weights.get(asset, 0.0) - current.get(asset, 0.0)) for asset in {*weights, *current}) / 2


def warnings(question: Question, estimate: Estimate | None) -> tuple[str, ...]:
    told = []
    if estimate is None:
        told.append(f"Risk and return are not estimated: {question.returns.why_too_few()}")
    elif estimate.return_error > abs(estimate.annual_return):
        told.append(
            f"The expected return is uncertain by {100 * estimate.return_error:.0f} % either way (one standard error): "
            "it may as well be none."
        )
    if question.strategy in EXPECTS_RETURNS:
        told.append("Weights that follow from expected returns change much when these are a little wrong.")
    return tuple(told)
