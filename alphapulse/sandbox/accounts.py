"""Accounts: keys and what they may do, wallets, positions, orders, and a book of everything that moved money."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from alphapulse.sandbox.markets import Market, MarketKind
from alphapulse.sandbox.orders import Order, Trade
from alphapulse.sandbox.positions import PositionBook

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """`wallets` it may read and trade (empty: all); `ips` it may come from (empty: anywhere)."""

    key: str
    secret: str
    wallets: frozenset[str] = frozenset()
    can_trade: bool = True
    can_withdraw: bool = False
    ips: frozenset[str] = frozenset()
    created_ms: int = 0
    is_enabled: bool = True

    def allows(self, wallet: str) -> bool:
        return not wallet or not self.wallets or wallet in self.wallets

    def allows_ip(self, remote: str) -> bool:
        return not self.ips or remote in self.ips


@dataclass(slots=True)
class Holding:
    """One currency in one wallet. In a derivatives wallet `free` is the wallet balance, unrealised profit not in it."""

    free: Decimal = ZERO
    locked: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


@dataclass(frozen=True, slots=True)
class Debt:
    """What is owed of one currency on margin: the borrowed amount and the interest on it."""

    borrowed: Decimal = ZERO
    interest: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the account's own book.

    Kind is trade, fee, profit, funding, deposit, withdrawal or transfer, or one of those that only a planted past has
    (`past_rows.py`). Lines with one `reference` are one event. `details` are what an exchange tells beside the amount.
    """

    id: int
    kind: str
    wallet: str
    currency: str
    amount: Decimal
    at_ms: int
    market: str = ""
    reference: str = ""
    details: Mapping[str, str] | None = None

    def detail(self, name: str, default: str = "") -> str:
        return self.details.get(name, default) if self.details else default


@dataclass(kw_only=True)
class Account:
    name: str
    uid: int
    exchange_id: str
    created_ms: int
    keys: dict[str, ApiKey] = field(default_factory=dict)
    wallets: dict[str, dict[str, Holding]] = field(default_factory=dict)
    debts: dict[str, Debt] = field(default_factory=dict)
    positions: PositionBook = field(default_factory=PositionBook)
    open_orders: dict[int, Order] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)  # all, oldest first
    client_ids: dict[tuple[MarketKind, str], int] = field(default_factory=dict)  # the latest order of each
    trades: list[Trade] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)  # an exchange's own switches (multi-assets mode, ...)
    updated_ms: int = 0
    funded_ms: int = 0  # market time of the last funding taken into account
    keeps_all: bool = False  # its past was planted: nothing of it is ever dropped
    dropped: int = 0  # lines, trades and orders that were let go to keep the memory small

    def holding(self, wallet: str, currency: str) -> Holding:
        """To be changed in place; made when it is new."""
        return self.wallets.setdefault(wallet, {}).setdefault(currency, Holding())

    def held(self, wallet: str, currency: str) -> Holding:
        """To be read: what is not there is a fresh zero."""
        return self.wallets.get(wallet, {}).get(currency) or Holding()

    def order_by_client_id(self, kind: MarketKind, client_order_id: str) -> Order | None:
        """The latest order with that id, open or not."""
        return self.orders.get(self.client_ids.get((kind, client_order_id), -1))

    def orders_of(self, market: Market) -> Iterator[Order]:
        return (order for order in self.orders.values() if order.market is market)

    def open_orders_of(self, market: Market) -> list[Order]:
        return [order for order in self.open_orders.values() if order.market is market]

    def trades_of(self, market: Market) -> Iterator[Trade]:
        return (trade for trade in self.trades if trade.market is market)
