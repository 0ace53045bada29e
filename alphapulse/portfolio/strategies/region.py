"""The weights that keep all constraints: as the solver wants them, and in words where there are none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray

from alphapulse.portfolio.strategies.question import (
    TOLERANCE,
    Constraints,
    Group,
    IncompleteQuestion,
    Infeasible,
    Question,
)

Weights = NDArray[np.float64]
# Of a sum of numbers that sum to one.
EXACTLY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    assets: tuple[str, ...]
    constraints: Constraints
    current: Weights | None

    @property
    def least(self) -> Weights:
        return np.array([self._bounds(asset).least for asset in self.assets])

    @property
    def most(self) -> Weights:
        return np.array([self._bounds(asset).most for asset in self.assets])

    def _bounds(self, asset: str) -> Any:
        return self.constraints.by_asset.get(asset, self.constraints.each)

    def beside_bounds(self, weights: Any) -> list[Any]:
        """Groups and turnover, for weights that sum to anything: a ratio's solver scales them."""
        whole = cp.sum(weights)
        held = []
        for group in self.constraints.groups:
            together = self.members(group) @ weights
            held += [together >= group.bounds.least * whole, together <= group.bounds.most * whole]
        if self.constraints.max_turnover is not None and self.current is not None:
            moved = cp.norm1(weights - self.current * whole)
            held.append(moved <= 2 * self.constraints.max_turnover * whole)
        return held

    def members(self, group: Group) -> Weights:
        return np.array([float(asset in group.assets) for asset in self.assets])

    def nearest(self, target: Weights) -> Weights:
        """The weights within that differ least from the target. Raises Infeasible, in words."""
        if self._holds(target):
            return target
        found = self._best(lambda weights: cp.Minimize(cp.sum_squares(weights - target)))
        if found is None:
            raise Infeasible(self._why_empty())
        return found

    def _holds(self, weights: Weights) -> bool:
        """Exactly: a solver would only come near to what needs no solving."""
        if (weights < self.least).any() or (weights > self.most).any() or abs(weights.sum() - 1) > EXACTLY:
            return False
        for group in self.constraints.groups:
            together = float(self.members(group) @ weights)
            if not group.bounds.least <= together <= group.bounds.most:
                return False
        limit = self.constraints.max_turnover
        return limit is None or self.current is None or float(np.abs(weights - self.current).sum()) <= 2 * limit

    def best_return(self, expected: Weights) -> float:
        found = self._best(lambda weights: cp.Maximize(expected @ weights))
        if found is None:
            raise Infeasible(self._why_empty())
        return float(expected @ found)

    def _best(self, objective: Callable[[Any], Any]) -> Weights | None:
        weights = cp.Variable(len(self.assets))
        within = [weights >= self.least, weights <= self.most, cp.sum(weights) == 1, *self.beside_bounds(weights)]
        cp.Problem(objective(weights), within).solve(solver=cp.CLARABEL)
        return None if weights.value is None else np.asarray(weights.value, dtype=np.float64)

    def _why_empty(self) -> str:
        least, most = float(self.least.sum()), float(self.most.sum())
        if least > 1:
            return f"The least weights add up to {percent(least)}, more than the whole."
        if most < 1:
            return (
                f"The most weights add up to {percent(most)}, less than the whole: allow more of each, or more assets."
            )
        if alone := [why for group in self.constraints.groups if (why := self._why_not(group))]:
            return " ".join(alone)
        return f"No weights keep all of the constraints. {self._what_would_help()}"

    def _why_not(self, group: Group) -> str:
        """Why no weights within the bounds keep this group's limits, whatever else is asked for; else nothing."""
        inside = self.members(group) > 0
        most = min(float(self.most[inside].sum()), 1 - float(self.least[~inside].sum()))
        least = max(float(self.least[inside].sum()), 1 - float(self.most[~inside].sum()))
        asked, name = group.bounds, f"The group {group.name}"
        if asked.least > most + TOLERANCE:
            return f"{name} is to have {percent(asked.least)} at least: bounds allow {percent(most)}."
        if asked.most < least - TOLERANCE:
            return f"{name} is to have {percent(asked.most)} at most: bounds demand {percent(least)}."
        return ""

    def _what_would_help(self) -> str:
        without = {
            f"the limits of the group {group.name}": replace(
                self.constraints, groups=tuple(other for other in self.constraints.groups if other != group)
            )
            for group in self.constraints.groups
        }
        helps = [words for words, fewer in without.items() if self._holds_with(fewer)]
        if (moved := self._least_turnover()) is not None:
            helps.append(f"the limit of turnover: {percent(moved)} must change hands at least")
        if not helps:
            return "Leaving out one group's limits, or the limit of turnover, would not be enough."
        return f"They could be kept without {' or without '.join(helps)}."

    def _least_turnover(self) -> float | None:
        """That the other constraints demand; None where they contradict each other anyway, or none is limited."""
        if self.constraints.max_turnover is None or self.current is None:
            return None
        free = replace(self, constraints=replace(self.constraints, max_turnover=None))
        nearest = free._best(lambda weights: cp.Minimize(cp.norm1(weights - self.current)))
        return None if nearest is None else float(np.abs(nearest - self.current).sum()) / 2

    def _holds_with(self, fewer: Constraints) -> bool:
        return replace(self, constraints=fewer)._best(lambda weights: cp.Minimize(cp.sum(weights))) is not None


def region_of(question: Question) -> Region:
    """Raises IncompleteQuestion where the constraints speak of what is not there."""
    limits = question.constraints
    named = set(limits.by_asset).union(*(group.assets for group in limits.groups))
    if unknown := sorted(named - set(question.assets)):
        raise IncompleteQuestion(f"There are constraints for {', '.join(unknown)}, which {_is(unknown)} not asked for.")
    if limits.max_turnover is not None and question.current is None:
        raise IncompleteQuestion("Nothing of these assets is held: a turnover cannot be limited.")
    held = question.current
    current = None if held is None else np.array([held.get(asset, 0.0) for asset in question.assets])
    return Region(assets=question.assets, constraints=limits, current=current)


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"
