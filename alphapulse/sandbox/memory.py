"""How long an exchange tells of what happened. What it has forgotten is still true, and only the control tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from alphapulse.sandbox.accounts import Entry
from alphapulse.sandbox.clock import DAY_MS
from alphapulse.sandbox.markets import MarketKind
from alphapulse.sandbox.orders import Order, Trade

Days = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Days, by kind of market or by wallet; what is not named is told for ever. `canceled`: orders without a fill."""

    trades: Mapping[MarketKind, int] = field(default_factory=dict)
    orders: Mapping[MarketKind, int] = field(default_factory=dict)
    canceled: Mapping[MarketKind, int] = field(default_factory=dict)
    transfers: int | None = None
    untold: frozenset[str] = frozenset()  # wallets that no list of transfers names
    wallets: Days = field(default_factory=dict)

    def keeps_trade(self, trade: Trade, now_ms: int) -> bool:
        return _is_within(self.trades.get(trade.market.kind), trade.at_ms, now_ms)

    def keeps_order(self, order: Order, now_ms: int) -> bool:
        if order.is_open:
            return True
        days = self.orders if order.filled else self.canceled
        return _is_within(days.get(order.market.kind), order.created_ms, now_ms)

    def keeps_line(self, entry: Entry, now_ms: int) -> bool:
        """In the book of its wallet."""
        return _is_within(self.wallets.get(entry.wallet), entry.at_ms, now_ms)

    def keeps_transfer(self, left: Entry, arrived: Entry, now_ms: int) -> bool:
        """In the lists of transfers."""
        named = not self.untold & {left.wallet, arrived.wallet}
        return named and _is_within(self.transfers, arrived.at_ms, now_ms)


def _is_within(days: int | None, at_ms: int, now_ms: int) -> bool:
    return days is None or at_ms >= now_ms - days * DAY_MS
