"""What strategies demand of a question beside its constraints; who lacks it is refused in words. Light."""

from collections.abc import Collection, Iterable
from math import isfinite

from alphapulse.portfolio.strategies.question import IncompleteQuestion, Question, Strategy, View

TAKES_WEIGHTS = frozenset({Strategy.GIVEN, Strategy.MARKET_CAP, Strategy.BLACK_LITTERMAN})
# Who has no target has none of it; but who has no size was forgotten.
TAKES_ALL_SIZES = frozenset({Strategy.MARKET_CAP, Strategy.BLACK_LITTERMAN})


def refuse(question: Question) -> None:
    """Raises IncompleteQuestion."""
    if question.strategy in TAKES_WEIGHTS:
        _refuse_weights(question)
    if question.strategy is Strategy.BLACK_LITTERMAN:
        _refuse_views(question)


def _refuse_weights(question: Question) -> None:
    weights, name = question.weights, question.strategy.value
    if not weights:
        _refuse_none(question)
        return
    others = sorted(weights.keys() - set(question.assets))
    if others and question.strategy is Strategy.GIVEN:
        raise IncompleteQuestion(f"There are targets of {_listed(others)}, not asked for: name it in assets, too.")
    if not all(isfinite(weight) and weight >= 0 for weight in weights.values()) or not sum(weights.values()):
        raise IncompleteQuestion("Weights must be numbers, must not be negative, and one at least more than zero.")
    missing = sorted(set(question.assets) - weights.keys())
    if missing and question.strategy in TAKES_ALL_SIZES:
        raise IncompleteQuestion(
            f"{name} takes the size of each market in weights: {_listed(missing)} has none. Give it, or leave it out."
        )


def _refuse_none(question: Question) -> None:
    if question.strategy is Strategy.GIVEN:
        raise IncompleteQuestion("given takes its targets in weights, and there are none.")
    if question.strategy is Strategy.MARKET_CAP:
        raise IncompleteQuestion(
            "market_cap takes the size of each market (its capitalisation) in weights, and there are none: nobody here "
            "knows them."
        )
    if not question.current:
        raise IncompleteQuestion(
            "black_litterman starts from what the market holds: give the size of each market in weights. What you hold "
            "yourself would do, but of these assets you hold nothing whose worth is known."
        )


def _refuse_views(question: Question) -> None:
    views = question.views
    named = {asset for view in views for asset in (view.asset, view.over) if asset is not None}
    if unknown := sorted(named - set(question.assets)):
        raise IncompleteQuestion(f"There is a view on {_listed(unknown)}, which is not asked for.")
    if itself := sorted({view.asset for view in views if view.asset == view.over}):
        raise IncompleteQuestion(f"There is a view on {_listed(itself)} over itself: that is always nothing.")
    if twice := sorted(_twice(views)):
        raise IncompleteQuestion(f"There are two views on {_listed(twice)}: which one is meant?")


def _twice(views: Iterable[View]) -> Collection[str]:
    seen: set[frozenset[str | None]] = set()
    found = set()
    for view in views:
        pair = frozenset((view.asset, view.over))
        if pair in seen:
            found.add(view.asset if view.over is None else f"{view.asset} over {view.over}")
        seen.add(pair)
    return found


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
