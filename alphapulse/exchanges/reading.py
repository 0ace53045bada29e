"""What one sync of one account brought home."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alphapulse.exchanges.errors import ExchangeError, NotSupported, PermissionMissing
from alphapulse.exchanges.history import Step
from alphapulse.types import Balance, FundingRate, Market, Ohlcv, Order, Position, Ticker

Row = Balance | Position | Order | Ticker | FundingRate | Market


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One answer about one wallet: all its rows, or the error that kept us from them, never half of each.

    `as_of` is the exchange's clock when our first request for it was sent: `rows` were true then or later.
    Orders: the open ones, and the end of known ones that are no longer among them. A known order that is not in `rows`
    could not be looked up yet: it stays as it was.
    """

    wallet: str
    as_of: datetime
    rows: Sequence[Row] = ()
    error: ExchangeError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """An order that our rows call open: if it is gone from the answer, it is looked up to learn how it ended.

    `last_seen` is what we knew of it: what is left when the exchange no longer knows the order at all.
    """

    wallet: str
    order_id: str
    symbol: str
    last_seen: Order | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BarsWanted:
    """All bars of a symbol and timeframe that open in [since, until): as many as one answer holds, or fewer."""

    symbol: str
    timeframe: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BarsRead:
    """All of them that there were at `as_of`, the exchange's clock when it was asked; or the error, and none.

    `newer`: it told none of them, but later ones; the newest of these.
    """

    wanted: BarsWanted
    as_of: datetime
    rows: Sequence[Ohlcv] = ()
    newer: datetime | None = None
    error: ExchangeError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one job: readings, steps of histories or bars (some may be errors), or one error for all."""

    readings: Sequence[Reading] = ()
    steps: Sequence[Step] = ()
    bars: Sequence[BarsRead] = ()
    error: ExchangeError | None = None

    @property
    def errors(self) -> list[ExchangeError]:
        return [error for error in (self.error, *(part.error for part in self._parts)) if error is not None]

    @property
    def _parts(self) -> Sequence[Reading | Step | BarsRead]:
        return [*self.readings, *self.steps, *self.bars]

    @property
    def is_served(self) -> bool:
        """Was anything answered as it was asked?"""
        return self.error is None and len(self.errors) < max(1, len(self._parts))

    @property
    def verdict(self) -> ExchangeError | None:
        """What is to be reported. That a key may not read one wallet, or that there is no such wallet, is normal."""
        serious = [error for error in self.errors if not isinstance(error, PermissionMissing | NotSupported)]
        if serious:
            return serious[0]
        return None if self.is_served else self.errors[0]
