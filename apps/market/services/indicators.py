"""Indicators of stored candles, from far enough back that each value is that of the whole series.

The whole series is all that is stored of it: bar after bar, as if there were no time in the holes between them. While
its older candles are still being read there is no number that they would change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from alphapulse.market import candles, indicators, timeframes
from alphapulse.market.candles import Hole
from alphapulse.types import Candle
from apps.market.models import CandleSeries
from apps.market.services.candles import candles_of, series_behind

_FIRST_DAY = datetime(2009, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicated:
    """For each request its outputs, a value or None for each closed bar. Bars missing between them are named."""

    bars: Sequence[Candle]
    outputs: Mapping[str, Mapping[str, indicators.Values]]
    holes: Sequence[Hole]


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    exchange_id: str
    environment: str
    symbol: str
    timeframe: str

    @property
    def series(self) -> CandleSeries | None:
        """Whose candles the newest ones are."""
        return series_behind(
            exchange_id=self.exchange_id, environment=self.environment, symbol=self.symbol, timeframe=self.timeframe
        )

    def grows_back(self) -> bool:
        """Whether older candles than there are may come yet."""
        series = self.series
        return series is not None and series.due_at is not None and series.is_behind

    def candles(self, since: datetime, until: datetime) -> list[Candle]:
        found = candles_of(self.exchange_id, self.environment, self.symbol, self.timeframe, since, until)
        return [candle for candle in found if candle.is_closed]


def indicated(where: Where, requests: Sequence[indicators.Request], since: datetime, until: datetime) -> Indicated:
    """Of the bars that open in [since, until). No bars: none are stored there."""
    bars = where.candles(since, until)
    if not bars:
        return Indicated(bars=[], outputs={}, holes=[])
    needs = [request.warm_up for request in requests]
    whole = None in needs
    earlier = _before(where, bars[0].opened_at, None if whole else max(filter(None, needs), default=0))
    series = indicators.Series.of([*earlier, *bars])
    grows = where.grows_back()

    def outputs(request: indicators.Request) -> dict[str, indicators.Values]:
        unsure = _unsure(request, len(earlier), len(bars)) if grows else 0
        return _of_bars(indicators.compute(request, series), len(bars), unsure)

    return Indicated(
        bars=bars,
        outputs={str(request): outputs(request) for request in requests},
        holes=candles.holes((bar.opened_at for bar in bars), where.timeframe),
    )


def _before(where: Where, first: datetime, bars: int | None) -> list[Candle]:
    """So many bars before `first`, or more, if there are; None: all. Holes are made up for from further back."""
    for reach in () if bars is None else (bars, 2 * bars):
        # Further back no time is so early: a thousand months' warm-up has no date.
        if reach < timeframes.count(_FIRST_DAY, first, where.timeframe):
            near = where.candles(timeframes.step(first, where.timeframe, -reach), first)
            if len(near) >= (bars or 0):
                return near
    return where.candles(_FIRST_DAY, first)


def _unsure(request: indicators.Request, earlier: int, bars: int) -> int:
    """How many of the bars have too few before them for what is still to come to make no difference."""
    return bars if request.warm_up is None else min(max(request.warm_up - earlier, 0), bars)


def _of_bars(outputs: Mapping[str, indicators.Values], bars: int, unsure: int) -> dict[str, indicators.Values]:
    return {name: [None] * unsure + values[len(values) - bars + unsure :] for name, values in outputs.items()}
