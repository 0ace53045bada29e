"""Returns out of closing prices: only steps that every asset really has, none invented across a hole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

YEAR = timedelta(days=365)
# Fewer say nothing; a covariance needs more of them than it has assets.
FEWEST = 60
FEWEST_PER_ASSET = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Returns:
    """`rows` are simple returns (0.01 is 1 %), one for each step, in the order of `assets`.

    `known` says how many steps each asset alone has: the shortest one holds the others back.
    """

    assets: tuple[str, ...]
    step: timedelta
    rows: tuple[tuple[float, ...], ...]
    known: Mapping[str, int]
    since: datetime | None = None
    until: datetime | None = None

    @property
    def per_year(self) -> float:
        return YEAR / self.step

    @property
    def fewest(self) -> int:
        """How many rows a strategy needs that learns from them."""
        return max(FEWEST, FEWEST_PER_ASSET * len(self.assets))

    @property
    def are_enough(self) -> bool:
        return len(self.rows) >= self.fewest

    def why_too_few(self) -> str:
        if unknown := sorted(asset for asset, known in self.known.items() if not known):
            return (
                f"No returns are known of {', '.join(unknown)}, and {self.fewest} of all assets together are needed: "
                "leave it out, or ask for a longer past or another currency."
            )
        shortest = min(self.known, key=lambda asset: (self.known[asset], asset))
        return (
            f"{len(self.rows)} returns are known of all assets together, and {self.fewest} are needed for "
            f"{len(self.assets)} assets. {shortest} has the fewest: {self.known[shortest]}. Ask for a longer past, or "
            "leave it out."
        )


Closes = Mapping[datetime, Decimal]


def returns_of(closes: Mapping[str, Closes], step: timedelta) -> Returns:
    """Of closes by the time their candles opened. A close of nothing makes no return."""
    assets = tuple(sorted(closes))
    own = {asset: _steps(closes[asset], step) for asset in assets}
    shared = sorted(set.intersection(*(set(steps) for steps in own.values()))) if own else []
    return Returns(
        assets=assets,
        step=step,
        rows=tuple(tuple(own[asset][at] for asset in assets) for at in shared),
        known={asset: len(steps) for asset, steps in own.items()},
        since=shared[0] - step if shared else None,
        until=shared[-1] if shared else None,
    )


def _steps(closes: Closes, step: timedelta) -> Mapping[datetime, float]:
    """By the time at which each step's last candle opened."""
    return {
        at: float(close / before) - 1 for at, close in closes.items() if (before := closes.get(at - step)) and close > 0
    }


def no_history(assets: Sequence[str], step: timedelta) -> Returns:
    """For strategies that need none."""
    return Returns(assets=tuple(sorted(assets)), step=step, rows=(), known=dict.fromkeys(assets, 0))
