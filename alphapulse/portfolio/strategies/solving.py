"""The strategies themselves. Importing this takes seconds and 200 MB: compute workers alone do."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.linalg import LinAlgError
from numpy.typing import NDArray
from skfolio import RiskMeasure
from skfolio.exceptions import SkfolioError
from skfolio.moments import EquilibriumMu, LedoitWolf
from skfolio.optimization import HierarchicalRiskParity, MeanRisk, ObjectiveFunction, RiskBudgeting
from skfolio.prior import BlackLitterman, EmpiricalPrior

from alphapulse.portfolio.strategies import wording
from alphapulse.portfolio.strategies.demands import refuse
from alphapulse.portfolio.strategies.question import (
    PLAIN,
    Answer,
    CannotPropose,
    Estimate,
    HistoryTooShort,
    IncompleteQuestion,
    Infeasible,
    Question,
    Strategy,
    View,
)
from alphapulse.portfolio.strategies.region import Region, Weights, region_of

# What markets are usually taken to pay for risk, in Black and Litterman's own words.
RISK_AVERSION = 2.5
# Of a year, and less than any coin's: money in money, which no covariance can be learned of.
STILL = 1e-6
STEPS = 1_000_000  # a weight is told to six places

_NO_RATIO = {
    Strategy.MAXIMUM_SHARPE: "No mix within the constraints has earned",
    Strategy.BLACK_LITTERMAN: "By the market's weights and the views no mix within the constraints will earn",
}

Solver = Callable[[Question, Region], Weights]


def solve(question: Question) -> Answer:
    """Raises CannotPropose and its children, each in words."""
    refuse(question)
    region = region_of(question)
    region.nearest(_equal(question, region))  # whether there is anything within at all
    if question.strategy not in PLAIN:
        _refuse_too_little(question)
    raw = _solved(question, region)
    weights = rounded(raw)
    told = dict(zip(question.assets, weights.tolist(), strict=True))
    estimate = _estimate(question, weights)
    return Answer(
        weights=told,
        reasons=wording.reasons(question, told),
        warnings=wording.warnings(question, estimate),
        estimate=estimate,
        estimate_now=None if region.current is None else _estimate(question, region.current),
    )


def rounded(weights: Weights) -> Weights:
    """To six places, summing to 1: what is left over goes to those that lost most by rounding."""
    exact = np.clip(weights, 0.0, 1.0) / np.clip(weights, 0.0, 1.0).sum() * STEPS
    whole = np.floor(exact)
    left = round(STEPS - whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:left]] += 1
    return np.asarray(whole / STEPS, dtype=np.float64)


def _solved(question: Question, region: Region) -> Weights:
    if len(question.assets) == 1:
        return np.ones(1)
    try:
        return STRATEGIES[question.strategy](question, region)
    except (SkfolioError, LinAlgError) as problem:
        raise CannotPropose(
            "The solver found no answer: constraints or views may leave next to nothing. Allow more, or leave out what "
            f"hardly moves. It says: {problem}"
        ) from problem


def _refuse_too_little(question: Question) -> None:
    if not question.returns.are_enough:
        raise HistoryTooShort(question.returns.why_too_few())
    yearly = _table(question).std().to_numpy() * np.sqrt(question.returns.per_year)
    if still := [asset for asset, risk in zip(question.assets, yearly, strict=True) if risk < STILL]:
        raise IncompleteQuestion(
            f"The price of {', '.join(still)} does not move: leave it out, as it is the money itself."
        )


# --- Those that need no past: a target, and the nearest to it that the constraints allow ----------------------------


def _proportions(question: Question, region: Region) -> Weights:
    return region.nearest(_given(question))


def _given(question: Question) -> Weights:
    weights = np.array([question.weights.get(asset, 0.0) for asset in question.assets])
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _equal(question: Question, region: Region) -> Weights:
    return region.nearest(np.full(len(question.assets), 1 / len(question.assets)))


# --- Those that learn from it ---------------------------------------------------------------------------------------


def _minimum_variance(question: Question, region: Region) -> Weights:
    return _within(question, region, prior_estimator=_past())


def _maximum_sharpe(question: Question, region: Region) -> Weights:
    return _best_ratio(question, region, _past())


def _black_litterman(question: Question, region: Region) -> Weights:
    market = _given(question) if question.weights else _held(question)
    equilibrium = EquilibriumMu(risk_aversion=RISK_AVERSION, weights=market, covariance_estimator=LedoitWolf())
    prior = EmpiricalPrior(mu_estimator=equilibrium, covariance_estimator=LedoitWolf())
    if question.views:
        _refuse_contradictions(question)
        prior = BlackLitterman(
            views=[_equation(view, question) for view in question.views],
            view_confidences=[view.confidence for view in question.views],
            prior_estimator=prior,
        )
    return _best_ratio(question, region, prior)


def _held(question: Question) -> Weights:
    """Where no market is given, what is held counts as what the market holds."""
    held = question.current or {}
    return np.array([held.get(asset, 0.0) for asset in question.assets])


def _refuse_contradictions(question: Question) -> None:
    """Of views that are trusted wholly each must say something that the others do not."""
    certain = [view for view in question.views if view.confidence == 1]
    said = [[(asset == view.asset) - (asset == view.over) for asset in question.assets] for view in certain]
    if certain and np.linalg.matrix_rank(np.array(said, dtype=np.float64)) < len(certain):
        raise IncompleteQuestion(
            "Views that are trusted wholly say the same, or contradict each other: leave one out, or trust them less."
        )


def _equation(view: View, question: Question) -> str:
    names = dict(zip(question.assets, _columns(question), strict=True))
    left = names[view.asset] if view.over is None else f"{names[view.asset]} - {names[view.over]}"
    return f"{left} == {view.annual_return / question.returns.per_year:.12f}"


def _risk_parity(question: Question, region: Region) -> Weights:
    return region.nearest(_fitted(RiskBudgeting(prior_estimator=_past()), question))


def _hierarchical(question: Question, region: Region) -> Weights:
    return region.nearest(_fitted(HierarchicalRiskParity(prior_estimator=_past()), question))


STRATEGIES: Mapping[Strategy, Solver] = {
    Strategy.GIVEN: _proportions,
    Strategy.MARKET_CAP: _proportions,
    Strategy.EQUAL: _equal,
    Strategy.MINIMUM_VARIANCE: _minimum_variance,
    Strategy.MAXIMUM_SHARPE: _maximum_sharpe,
    Strategy.RISK_PARITY: _risk_parity,
    Strategy.HIERARCHICAL_RISK_PARITY: _hierarchical,
    Strategy.BLACK_LITTERMAN: _black_litterman,
}


# --- The library ----------------------------------------------------------------------------------------------------


def _past() -> Any:
    """Means as they were; a covariance drawn towards simpler ones, as few returns show correlations that are none."""
    return EmpiricalPrior(covariance_estimator=LedoitWolf())


def _best_ratio(question: Question, region: Region, prior: Any) -> Weights:
    free = question.risk_free_rate / question.returns.per_year
    if region.best_return(prior.fit(_table(question)).return_distribution_.mu) <= free:
        raise Infeasible(f"{_NO_RATIO[question.strategy]} more than the risk-free rate: no ratio is the best.")
    return _within(
        question,
        region,
        prior_estimator=prior,
        objective_function=ObjectiveFunction.MAXIMIZE_RATIO,
        risk_measure=RiskMeasure.STANDARD_DEVIATION,
        risk_free_rate=free,
    )


def _within(question: Question, region: Region, **options: Any) -> Weights:
    # The library counts a function's arguments, and would count a method's `self`.
    beside = lambda weights: region.beside_bounds(weights)  # noqa: E731
    limits = {"min_weights": region.least, "max_weights": region.most, "add_constraints": beside}
    return _fitted(MeanRisk(**limits, **options), question)


def _fitted(model: Any, question: Question) -> Weights:
    return np.asarray(model.fit(_table(question)).weights_, dtype=np.float64)


def _table(question: Question) -> Any:
    """Columns are named by us: an asset may be called 1INCH, which is no name in an equation."""
    order = [question.returns.assets.index(asset) for asset in question.assets]
    return pd.DataFrame(_matrix(question)[:, order], columns=_columns(question))


def _matrix(question: Question) -> NDArray[np.float64]:
    return np.array(question.returns.rows, dtype=np.float64).reshape(-1, len(question.assets))


def _columns(question: Question) -> list[str]:
    return [f"A{number}" for number in range(len(question.assets))]


def _estimate(question: Question, weights: Weights) -> Estimate | None:
    """Of these weights, held all the time, in the returns that are known."""
    if not question.returns.are_enough:
        return None
    earned, years = _table(question).to_numpy() @ weights, question.returns.per_year
    volatility = float(earned.std(ddof=1)) * years**0.5
    annual = float(earned.mean()) * years
    return Estimate(
        annual_return=annual,
        return_error=volatility * (years / len(earned)) ** 0.5,
        annual_volatility=volatility,
        sharpe=(annual - question.risk_free_rate) / volatility if volatility > STILL else None,
    )
