"""What a planted past is made of, and how one row of its JSON is read: every field taken, none left over."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from alphapulse.sandbox.control_words import Refused, as_amount
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.markets import Market, MarketKind
from alphapulse.sandbox.orders import OrderType, Side
from alphapulse.sandbox.positions import PositionSide

Json = dict[str, Any]
ZERO = Decimal(0)
EARLIEST_MS = 1_500_000_000_000  # July 2017: nobody's past is older
WALLETS = {
    "binance": ("spot", "funding", "futures", "delivery", "margin", "earn", "earn-locked"),
    "bybit": ("unified", "fund"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PastMove:
    """One line of the account's book to be."""

    kind: str
    wallet: str
    currency: str
    amount: Decimal
    market: str = ""
    details: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastEvent:
    """Lines that belong together."""

    at_ms: int
    moves: tuple[PastMove, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastFill:
    """`fee` None: what the market takes. An empty currency: where the market takes it from."""

    at_ms: int
    price: Decimal
    amount: Decimal
    fee: Decimal | None
    fee_currency: str
    is_maker: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PastOrder:
    """Closed since `closed_ms`: filled when the fills make up its amount, canceled when they do not."""

    market: Market
    side: Side
    type: OrderType
    price: Decimal
    amount: Decimal
    at_ms: int
    closed_ms: int
    client_order_id: str
    position_side: PositionSide
    wallet: str  # empty: its market's usual one
    fills: tuple[PastFill, ...]


Happening = PastEvent | PastOrder


class Row:
    """Takes a row's fields one by one; what is left at the end was not understood."""

    def __init__(self, exchange: Exchange, fields: Json) -> None:
        self.exchange = exchange
        self._fields = dict(fields)
        self.kind = str(self._fields.pop("kind", ""))
        self._now_ms = exchange.clock.wall_ms()

    def has(self, name: str) -> bool:
        return self._fields.get(name) is not None

    def text(self, name: str, default: str | None = None) -> str:
        value = self._fields.pop(name, default)
        if value is None:
            raise Refused(f"a {self.kind} needs {name!r}")
        return str(value)

    def amount(self, name: str, default: Decimal | None = None, *, signed: bool = False) -> Decimal:
        value = self._fields.pop(name, default)
        if value is None:
            raise Refused(f"a {self.kind} needs {name!r}")
        number = as_amount(value)
        if number < 0 and not signed:
            raise Refused(f"{name!r} of a {self.kind} is written without a sign, not as {number}")
        return number

    def optional_amount(self, name: str) -> Decimal | None:
        value = self._fields.pop(name, None)
        return None if value is None else as_amount(value)

    def flag(self, name: str) -> bool:
        return bool(self._fields.pop(name, False))

    def rows(self, name: str) -> list[Json]:
        value = self._fields.pop(name, None)
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise Refused(f"a {self.kind} needs {name!r}, a list of objects")
        return value

    def at_ms(self, name: str = "at", default: int | None = None) -> int:
        """Milliseconds, or a time in ISO's way; neither before July 2017 nor in the future."""
        value = self._fields.pop(name, default)
        if value is None:
            raise Refused(f"a {self.kind} needs {name!r}")
        at_ms = value if isinstance(value, int) else _iso_ms(str(value))
        if not EARLIEST_MS <= at_ms <= self._now_ms:
            raise Refused(f"{value!r} is no time of the past")
        return at_ms

    def wallet(self, name: str = "wallet", default: str | None = None) -> str:
        wallet = self.text(name, default or self.exchange.wallets[MarketKind.SPOT])
        if wallet not in WALLETS[self.exchange.id]:
            raise Refused(f"{self.exchange.id} has no wallet {wallet!r}; it has {', '.join(WALLETS[self.exchange.id])}")
        return wallet

    def market(self, default_kind: MarketKind = MarketKind.SPOT) -> Market:
        kind, name = MarketKind(self.text("market_kind", default_kind)), self.text("market")
        market = self.exchange.markets.get(kind, name)
        if market is None:
            raise Refused(f"no market {name!r} of kind {kind}")
        return market

    def details(self, *names: str) -> dict[str, str]:
        return {name: str(self._fields.pop(name)) for name in names if self._fields.get(name) is not None}

    def end(self) -> None:
        if self._fields:
            raise Refused(f"a {self.kind} knows nothing of {', '.join(sorted(self._fields))}")


def _iso_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text!r} is no time; give milliseconds or 2026-01-31T12:00:00Z") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
