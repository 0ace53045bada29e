"""How far the exchange's clock is from ours: the round trip's midpoint, the median of several."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSample:
    sent_at: datetime
    received_at: datetime
    exchange_at: datetime

    @property
    def offset(self) -> timedelta:
        """Exchange minus us, if the answer was made in the middle of the round trip."""
        return self.exchange_at - (self.sent_at + (self.received_at - self.sent_at) / 2)


def clock_offset(samples: Sequence[ClockSample]) -> timedelta:
    """The median offset. Add it to our clock to have the exchange's. Needs at least one sample."""
    return timedelta(seconds=median(sample.offset.total_seconds() for sample in samples))
