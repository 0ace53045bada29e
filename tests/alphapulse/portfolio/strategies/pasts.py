"""Returns that never were, from a number: the same each time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from alphapulse.portfolio.strategies.history import Returns, no_history
from alphapulse.portfolio.strategies.question import Question, Strategy

DAY = timedelta(days=1)
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
NAMES = ("BTC", "ETH", "SOL", "1INCH", "XRP", "ADA", "DOGE", "LTC")


def past(risks: Sequence[float], *, days: int = 250, seed: int = 1, drift: float = 0.001) -> Returns:
    """Of as many assets as there are risks (daily), all pulled a little by the first; they earn what they risk."""
    chance = np.random.default_rng(seed)
    moves = chance.normal(drift, 0.02, (days, len(risks)))
    moves += 0.5 * moves[:, :1]
    moves *= np.array(risks) / 0.02
    names = NAMES[: len(risks)]
    return Returns(
        assets=names,
        step=DAY,
        rows=tuple(tuple(float(each) for each in row) for row in moves),
        known=dict.fromkeys(names, days),
        since=BEGIN,
        until=BEGIN + days * DAY,
    )


def question(strategy: Strategy | str, risks: Sequence[float] = (0.02, 0.03, 0.04), **more: Any) -> Question:
    returns = more.pop("returns", None) or past(risks)
    return Question(strategy=Strategy(strategy), returns=returns, **more)


def without_past(strategy: str, assets: Sequence[str], **more: Any) -> Question:
    return Question(strategy=Strategy(strategy), returns=no_history(assets, DAY), **more)
