"""What exchanges say, in ccxt's words: frozen, amounts as Decimal, times as aware UTC.

`None` means that the exchange did not say; it never stands for zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Environment(StrEnum):
    """Where an account's orders are real. Nothing is ever shared or summed across the two."""

    LIVE = "live"
    SANDBOX = "sandbox"


class SyncKind(StrEnum):
    """What is kept in sync: what an account has, what happened to it, and what belongs to an exchange.

    `sweep` looks for trades in markets where none are expected, at exchanges that tell them by market alone. `candles`
    are read on like histories, of the symbols that somebody watches.
    """

    BALANCES = "balances"
    POSITIONS = "positions"
    ORDERS = "orders"
    TRADES = "trades"
    CLOSED_ORDERS = "closed_orders"
    TRANSFERS = "transfers"
    FUNDING_PAYMENTS = "funding_payments"
    LEDGER = "ledger"
    SWEEP = "sweep"
    TICKERS = "tickers"
    FUNDING_RATES = "funding_rates"
    MARKETS = "markets"
    CANDLES = "candles"


# Read whole at every sync: what an account has now.
ACCOUNT_KINDS = (SyncKind.BALANCES, SyncKind.POSITIONS, SyncKind.ORDERS)
# Read window by window, and then on: what happened to an account.
HISTORY_KINDS = (
    SyncKind.TRADES,
    SyncKind.CLOSED_ORDERS,
    SyncKind.TRANSFERS,
    SyncKind.FUNDING_PAYMENTS,
    SyncKind.LEDGER,
)
# All that is read of an account.
KINDS_OF_ACCOUNT = (*ACCOUNT_KINDS, *HISTORY_KINDS, SyncKind.SWEEP)
# Read whole, for all accounts of an exchange.
EXCHANGE_KINDS = (SyncKind.MARKETS, SyncKind.TICKERS, SyncKind.FUNDING_RATES)


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class PositionSide(StrEnum):
    LONG = "long"
    SHORT = "short"


class OrderStatus(StrEnum):
    """ccxt's five, and two of ours for orders that are no longer among the open ones.

    `gone`: how it ended is not known yet, it is being looked up. `unknown`: the exchange no longer knows it.
    """

    OPEN = "open"
    CLOSED = "closed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One currency in one wallet. `total` is what is owned; `debt` (borrowed, not negative) is not taken off it.

    Unrealised PnL is never part of it: positions tell it, once.
    """

    currency: str
    free: Decimal
    used: Decimal
    total: Decimal
    debt: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """`contracts` is a count (never negative), `contract_size` says of what; `notional` is in the settle currency."""

    symbol: str
    side: PositionSide
    contracts: Decimal
    contract_size: Decimal | None
    notional: Decimal | None
    entry_price: Decimal | None
    mark_price: Decimal | None
    unrealized_pnl: Decimal | None
    leverage: Decimal | None
    liquidation_price: Decimal | None
    margin_mode: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    order_id: str
    client_order_id: str | None
    symbol: str
    side: Side
    type: str | None
    status: OrderStatus
    amount: Decimal | None
    filled: Decimal | None
    remaining: Decimal | None
    price: Decimal | None
    average: Decimal | None
    cost: Decimal | None
    exchange_at: datetime | None
    # It sleeps until the market is there.
    trigger_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A fill. `trade_id` is unique within its symbol only; the fee may be in a third currency, a rebate is negative."""

    trade_id: str
    order_id: str | None
    symbol: str
    side: Side
    price: Decimal
    amount: Decimal
    cost: Decimal
    fee: Decimal | None
    fee_currency: str | None
    is_maker: bool | None
    exchange_at: datetime


class TransferKind(StrEnum):
    """Into the exchange, out of it, or between two wallets of one account."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    INTERNAL = "internal"


class TransferStatus(StrEnum):
    PENDING = "pending"
    OK = "ok"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """`amount` arrived (deposit) or left (withdrawal) without the fee, which is paid on top of it."""

    transfer_id: str
    kind: TransferKind
    currency: str
    amount: Decimal
    fee: Decimal | None
    fee_currency: str | None
    status: TransferStatus
    from_wallet: str | None
    to_wallet: str | None
    network: str | None
    address: str | None
    txid: str | None
    exchange_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingPayment:
    """What a perpetual's position got (positive) or paid (negative)."""

    payment_id: str
    symbol: str
    currency: str
    amount: Decimal
    exchange_at: datetime


class LedgerKind(StrEnum):
    """What moves money beside trades, transfers and funding."""

    CONVERT = "convert"
    DUST = "dust"
    REWARD = "reward"
    AIRDROP = "airdrop"
    INTEREST = "interest"
    REBATE = "rebate"
    FIAT = "fiat"
    FEE = "fee"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One currency's change by one event: what was got is positive. A convert is two entries with one `reference`."""

    entry_id: str
    kind: LedgerKind
    currency: str
    amount: Decimal
    reference: str | None
    exchange_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticker:
    symbol: str
    last: Decimal | None
    bid: Decimal | None
    ask: Decimal | None
    percentage: Decimal | None
    base_volume: Decimal | None
    quote_volume: Decimal | None
    exchange_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingRate:
    """What longs pay to shorts at `funding_at`, as a part of the notional; until then it is what is expected."""

    symbol: str
    rate: Decimal
    funding_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ohlcv:
    """One bar as an exchange tells it: `opened_at`, and the five numbers."""

    opened_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Candle(Ohlcv):
    """A bar of a symbol and timeframe. One that is not closed may still change: never calculate with its close."""

    symbol: str
    timeframe: str
    is_closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """`market_id` is the exchange's own name and the key: the same ticker may be another coin elsewhere or later."""

    market_id: str
    symbol: str
    type: str
    base: str
    quote: str
    settle: str | None
    is_active: bool
    is_inverse: bool
    contract_size: Decimal | None
    amount_step: Decimal | None
    price_tick: Decimal | None
    min_amount: Decimal | None
    min_cost: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A user's keys. Never printed: `repr` hides every field."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyReport:
    """What a key may do, as the exchange says. `None` is what it does not tell.

    `exchange_uid`: which of the exchange's accounts it belongs to, in the exchange's words.
    """

    wallets: tuple[str, ...]
    wallets_not_permitted: tuple[str, ...]
    can_trade: bool | None
    can_withdraw: bool | None
    ip_restricted: bool | None
    expires_at: datetime | None
    warnings: Sequence[str] = ()
    exchange_uid: str | None = None
