"""Orders, trades and why an order was refused, in the engine's own words: each exchange translates them."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from alphapulse.sandbox.markets import Market
from alphapulse.sandbox.positions import PositionSide

ZERO = Decimal(0)


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    LIMIT = "limit"
    MARKET = "market"


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class OrderStatus(StrEnum):
    UNTRIGGERED = "untriggered"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"


OPEN_STATUSES = frozenset({OrderStatus.UNTRIGGERED, OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED})


class Reason(StrEnum):
    """Why the engine refuses. Each exchange has a code and a sentence for each."""

    INSUFFICIENT_BALANCE = "insufficient balance"
    DUPLICATE_CLIENT_ID = "duplicate client order id"
    UNKNOWN_ORDER = "unknown order"
    PRICE_FILTER = "price is off the tick or not positive"
    PERCENT_PRICE = "price is too far from the market"
    LOT_SIZE = "amount is off the step, too small or too large"
    MIN_NOTIONAL = "amount times price is too small"
    WOULD_TAKE = "a post-only order would take"
    WOULD_TRIGGER = "the trigger lies behind the market already"
    REDUCE_ONLY = "nothing to reduce"
    POSITION_SIDE = "position side does not fit the position mode"
    TOO_MANY_ORDERS = "too many open orders"


class Rejection(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Trigger:
    """The order sleeps until the market's price is at or beyond `price`."""

    price: Decimal
    when_rising: bool

    def is_reached(self, low: Decimal, high: Decimal) -> bool:
        return high >= self.price if self.when_rising else low <= self.price


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """A wish. Either `amount` (base) or, for a market order, `cost` (quote to spend or to receive)."""

    market: Market
    side: Side
    type: OrderType
    amount: Decimal | None = None
    cost: Decimal | None = None
    price: Decimal | None = None
    client_order_id: str = ""
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    position_side: PositionSide = PositionSide.BOTH
    trigger: Trigger | None = None
    wallet: str = ""  # where it trades from, if not from its market's usual one
    extra: dict[str, str] = field(default_factory=dict)  # what an exchange wants to see again (its own type names)


@dataclass(slots=True, kw_only=True)
class Order:
    """`amount` is zero for a market order by cost until it is filled. `locked` is what it holds of the wallet."""

    id: int
    account: str
    market: Market
    side: Side
    type: OrderType
    amount: Decimal
    quote_amount: Decimal
    price: Decimal
    client_order_id: str
    time_in_force: TimeInForce
    post_only: bool
    reduce_only: bool
    position_side: PositionSide
    trigger: Trigger | None
    created_ms: int
    updated_ms: int
    extra: dict[str, str]
    wallet: str = ""
    status: OrderStatus = OrderStatus.NEW
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    locked: Decimal = ZERO
    checked_ms: int = 0  # market time up to which the path of the price has been looked at
    working_ms: int = 0
    trades: list["Trade"] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    @property
    def is_working(self) -> bool:
        return self.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)

    @property
    def is_buy(self) -> bool:
        return self.side is Side.BUY

    @property
    def remaining(self) -> Decimal:
        return max(ZERO, self.amount - self.filled)

    @property
    def average(self) -> Decimal:
        return self.market.average(self.filled, self.cost)

    @property
    def signed(self) -> Decimal:
        """What is left to fill, negative for a sale."""
        return self.remaining if self.is_buy else -self.remaining


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    id: int
    order_id: int
    client_order_id: str
    market: Market
    side: Side
    position_side: PositionSide
    price: Decimal
    amount: Decimal
    cost: Decimal
    fee: Decimal
    fee_currency: str
    is_maker: bool
    realised: Decimal  # profit, of derivatives
    at_ms: int
    closed: Decimal = ZERO  # how much of the amount took away from a position
    wallet: str = ""  # as its order's


def new_order(wish: NewOrder, *, order_id: int, account: str, now_ms: int) -> Order:
    return Order(
        id=order_id,
        account=account,
        market=wish.market,
        side=wish.side,
        type=wish.type,
        amount=wish.amount or ZERO,
        quote_amount=wish.cost or ZERO,
        price=(wish.price or ZERO) if wish.type is OrderType.LIMIT else ZERO,
        client_order_id=wish.client_order_id or f"x-{order_id}",
        time_in_force=wish.time_in_force,
        post_only=wish.post_only,
        reduce_only=wish.reduce_only,
        position_side=wish.position_side,
        trigger=wish.trigger,
        created_ms=now_ms,
        updated_ms=now_ms,
        working_ms=now_ms,
        wallet=wish.wallet,
        extra=dict(wish.extra),
    )
