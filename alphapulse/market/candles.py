"""What candles say together: which of them are closed, what is missing between them, and coarser ones made of finer.

Nothing here invents a candle: where none was traded, or told, there is none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby, pairwise

from alphapulse import money
from alphapulse.market import timeframes
from alphapulse.types import Candle, Ohlcv


@dataclass(frozen=True, slots=True, order=True)
class Hole:
    """No candle opens in [since, until), and there are candles on both sides of it."""

    since: datetime
    until: datetime


def candles(bars: Iterable[Ohlcv], *, symbol: str, timeframe: str, as_of: datetime) -> list[Candle]:
    """An exchange's bars, oldest first, and which had ended when it was asked (`as_of`, the exchange's clock)."""
    return [
        Candle(
            symbol=symbol,
            timeframe=timeframe,
            opened_at=bar.opened_at,
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume,
            is_closed=timeframes.ends(bar.opened_at, timeframe) <= as_of,
        )
        for bar in sorted(bars, key=lambda bar: bar.opened_at)
    ]


def holes(opened: Iterable[datetime], timeframe: str) -> list[Hole]:
    """What is missing between these opening times. Before the first and after the last nothing is known."""
    return [
        Hole(timeframes.ends(before, timeframe), after)
        for before, after in pairwise(sorted(set(opened)))
        if timeframes.ends(before, timeframe) < after
    ]


def resample(finer: Sequence[Candle], timeframe: str, *, since: datetime, as_of: datetime) -> list[Candle]:
    """Coarser candles of one symbol's finer ones (oldest first), from the first that begins at `since` or later.

    All finer ones must be given that there are between `since` and the end of the last coarse one, as of `as_of`. A
    coarse candle is made where at least one of them is. Raises ValueError where the timeframes do not fit.
    """
    if finer and not timeframes.divides(finer[0].timeframe, timeframe):
        raise ValueError(f"candles of {finer[0].timeframe} make none of {timeframe}")
    grouped = groupby(finer, key=lambda candle: timeframes.floor(candle.opened_at, timeframe))
    return [_merged(opened_at, timeframe, list(parts), as_of) for opened_at, parts in grouped if since <= opened_at]


def _merged(opened_at: datetime, timeframe: str, parts: Sequence[Candle], as_of: datetime) -> Candle:
    volume = Decimal(0)
    for part in parts:
        volume = money.add(volume, part.volume)
    return Candle(
        symbol=parts[0].symbol,
        timeframe=timeframe,
        opened_at=opened_at,
        open=parts[0].open,
        high=max(part.high for part in parts),
        low=min(part.low for part in parts),
        close=parts[-1].close,
        volume=volume,
        is_closed=timeframes.ends(opened_at, timeframe) <= as_of and all(part.is_closed for part in parts),
    )
