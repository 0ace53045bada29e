"""How much of an exchange's published limit we may spend, as arithmetic. The counters live elsewhere."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A published limit: `limit` units of weight per `window`, counted by the exchange per IP, or per API key.

    `host` is where it is counted (Binance counts spot and futures apart), `also_at` other hosts that share the count,
    `used_header` the header that says how much the exchange thinks we used in the running window.
    """

    name: str
    limit: int
    window: timedelta = timedelta(minutes=1)
    host: str = ""
    also_at: tuple[str, ...] = ()
    used_header: str = ""
    is_per_key: bool = False

    def is_counted_at(self, host: str) -> bool:
        return host == self.host or host in self.also_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What part of a quota the syncs may use. The rest is for orders, and for the owner's other tools."""

    for_orders: float = 0.10
    for_others: float = 0.0

    def of(self, limit: int) -> int:
        return self._part(limit, 1 - self.for_orders - self.for_others)

    def with_orders(self, limit: int) -> int:
        """What orders and cancels may use: all but what is the others'."""
        return self._part(limit, 1 - self.for_others)

    def unproven(self, limit: int) -> int:
        """What may be spent of a window whose count is lost.

        We had never granted more than `of(limit)` of it, so half of the orders' part is there whatever was spent.
        """
        return self._part(limit, self.for_orders / 2)

    @staticmethod
    def _part(limit: int, share: float) -> int:
        # 0.1 is no exact number: 60 * (1 - 0.1 - 0.2) is 41.99...
        return max(0, int(limit * share + 1e-9))


def window_start(now: datetime, window: timedelta) -> int:
    """The running window's start in whole seconds since 1970: exchanges count in windows aligned to the clock."""
    seconds = int(window.total_seconds())
    return int(now.timestamp()) // seconds * seconds


def left_of_window(now: datetime, window: timedelta) -> float:
    """Which part of the running window is still to come: 1 at its beginning, near 0 at its end."""
    return 1 - (now.timestamp() - window_start(now, window)) / int(window.total_seconds())


def windows_between(first: datetime, last: datetime, window: timedelta) -> list[int]:
    """The starts of all windows that something sent between the two times may fall into."""
    return list(range(window_start(first, window), int(last.timestamp()) + 1, int(window.total_seconds())))
