"""Two times: wall time for whoever signs, counts or bans, market time for whatever has a price."""

import time
from collections.abc import Callable
from dataclasses import dataclass

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


def system_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Clock:
    """`speed` stretches market time from `started_ms` on; wall time is never touched."""

    started_ms: int
    speed: float = 1.0
    now_ms: Callable[[], int] = system_ms

    def wall_ms(self) -> int:
        return self.now_ms()

    def market_ms(self) -> int:
        return self.to_market(self.now_ms())

    def to_market(self, wall_ms: int) -> int:
        if self.speed == 1.0:
            return wall_ms
        return self.started_ms + int((wall_ms - self.started_ms) * self.speed)

    def to_wall(self, market_ms: int) -> int:
        """When, on the wall, the market was (or will be) at `market_ms`."""
        if self.speed in (0.0, 1.0):
            return market_ms
        return self.started_ms + int((market_ms - self.started_ms) / self.speed)
