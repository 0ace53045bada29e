"""ccxt's dictionaries to our types. Pure; ccxt runs with `number = str`, so amounts arrive as the text they were.

Every function raises BadResponse, naming the row, for what is no amount or lacks what it must have.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from alphapulse import money
from alphapulse.exchanges.errors import BadResponse
from alphapulse.money import ZERO, NotMoney, optional_decimal, to_decimal
from alphapulse.types import (
    Balance,
    FundingRate,
    Market,
    Ohlcv,
    Order,
    OrderStatus,
    Position,
    PositionSide,
    Side,
    Ticker,
)

T = TypeVar("T")
Raw = Mapping[str, Any]

_NOT_CURRENCIES = frozenset({"info", "free", "used", "total", "debt", "timestamp", "datetime"})

# ccxt's five, and what leaks through its parsers. The one place where a status is translated.
ORDER_STATUSES: Mapping[str, OrderStatus] = {
    "open": OrderStatus.OPEN,
    "closed": OrderStatus.CLOSED,
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
    "cancelled": OrderStatus.CANCELED,
    # Being cancelled is not cancelled: it may still fill.
    "canceling": OrderStatus.OPEN,
    "cancelling": OrderStatus.OPEN,
    "pending_cancel": OrderStatus.OPEN,
    "pending_new": OrderStatus.OPEN,
    "pending": OrderStatus.OPEN,
    "new": OrderStatus.OPEN,
    "live": OrderStatus.OPEN,
    "active": OrderStatus.OPEN,
    "untriggered": OrderStatus.OPEN,
    "triggered": OrderStatus.OPEN,
    "partially_filled": OrderStatus.OPEN,
    "partiallyfilled": OrderStatus.OPEN,
    "filled": OrderStatus.CLOSED,
    "partiallyfilledcanceled": OrderStatus.CANCELED,
    "mmp_canceled": OrderStatus.CANCELED,
    "deactivated": OrderStatus.CANCELED,
    "expired_in_match": OrderStatus.EXPIRED,
    "failed": OrderStatus.REJECTED,
}

# ccxt's numbers for how a market's precision is written.
DECIMAL_PLACES, SIGNIFICANT_DIGITS, TICK_SIZE = 2, 3, 4


def entries(raw: object) -> list[Any]:
    """What ccxt found in an answer: orders, tickers, or currencies without the summaries that it adds."""
    if isinstance(raw, Mapping):
        return [value for key, value in raw.items() if key not in _NOT_CURRENCIES]
    return list(raw) if isinstance(raw, list) else []


def balances(raw: Raw, *, receipt_prefix: str = "", receipt_exceptions: Iterable[str] = ()) -> tuple[Balance, ...]:
    """What is held or owed, without unrealised PnL, which positions tell; rows of nothing are left out.

    So are receipts (`receipt_prefix`) for coins that lie elsewhere.
    """
    read = (
        named(f"balance of {currency}", _balance, currency, row)
        for currency, row in raw.items()
        if currency not in _NOT_CURRENCIES and isinstance(row, Mapping)
        if not _is_receipt(currency, receipt_prefix, receipt_exceptions)
    )
    return tuple(balance for balance in read if balance.free or balance.used or balance.total or balance.debt)


def receipts(raw: Raw, *, receipt_prefix: str, receipt_exceptions: Iterable[str] = ()) -> tuple[Balance, ...]:
    """Only the receipts, each as the coin that it stands for."""
    coins = {
        currency.removeprefix(receipt_prefix): row
        for currency, row in raw.items()
        if _is_receipt(currency, receipt_prefix, receipt_exceptions)
    }
    return balances(coins)


def _is_receipt(currency: str, prefix: str, exceptions: Iterable[str]) -> bool:
    return bool(prefix) and currency.startswith(prefix) and currency not in exceptions


def _balance(currency: str, row: Raw) -> Balance:
    free, used, total = (optional_decimal(row.get(name)) for name in ("free", "used", "total"))
    debt = optional_decimal(row.get("debt")) or ZERO
    if total is None:
        if free is None or used is None:
            raise KeyError("total")
        total = money.add(free, used)
    if total < 0:
        # Spot borrow: the wallet is below zero by what is owed.
        debt, total = max(debt, money.negated(total)), ZERO
    # Under multi-asset margin more may be free than is held.
    if used is None:
        used = max(money.subtract(total, free), ZERO) if free is not None else ZERO
    if free is None:
        free = money.subtract(total, used)
    return Balance(currency=currency, free=max(free, ZERO), used=max(used, ZERO), total=total, debt=max(debt, ZERO))


def positions(raw: Iterable[Raw]) -> tuple[Position, ...]:
    """Open positions; rows of size zero (exchanges list every market) are left out."""
    found = [named(f"position in {row.get('symbol')}", _position, row) for row in raw]
    return tuple(position for position in found if position is not None)


def _position(row: Raw) -> Position | None:
    contracts = money.size(to_decimal(row["contracts"]))
    if not contracts:
        return None
    return Position(
        symbol=text(row, "symbol"),
        side=PositionSide(row["side"]),
        contracts=contracts,
        contract_size=optional_decimal(row.get("contractSize")),
        notional=_size(row.get("notional")),
        entry_price=_price(row.get("entryPrice")),
        mark_price=_price(row.get("markPrice")),
        unrealized_pnl=optional_decimal(row.get("unrealizedPnl")),
        # Gate writes 0 for a cross position.
        leverage=_price(row.get("leverage")),
        liquidation_price=_price(row.get("liquidationPrice")),
        margin_mode=row.get("marginMode"),
    )


def orders(raw: Iterable[Raw]) -> tuple[Order, ...]:
    return tuple(order(row) for row in raw)


def order(row: Raw) -> Order:
    return named(f"order {row.get('id')}", _order, row)


def _order(row: Raw) -> Order:
    return Order(
        order_id=text(row, "id"),
        client_order_id=row.get("clientOrderId") or None,
        symbol=text(row, "symbol"),
        side=Side(row["side"]),
        type=row.get("type"),
        status=order_status(row["status"]),
        amount=optional_decimal(row.get("amount")),
        filled=optional_decimal(row.get("filled")),
        remaining=optional_decimal(row.get("remaining")),
        price=_price(row.get("price")),
        average=_price(row.get("average")),
        cost=optional_decimal(row.get("cost")),
        exchange_at=moment(row.get("timestamp")),
        trigger_price=_price(row.get("triggerPrice")),
    )


def order_status(word: object) -> OrderStatus:
    """Raises KeyError for a word that nobody has seen yet: guessing would close an open order, or keep a dead one."""
    return ORDER_STATUSES[str(word).lower()]


def tickers(raw: Mapping[str, Raw]) -> tuple[Ticker, ...]:
    return tuple(named(f"ticker {row.get('symbol')}", _ticker, row) for row in raw.values())


def _ticker(row: Raw) -> Ticker:
    return Ticker(
        symbol=text(row, "symbol"),
        last=_price(row.get("last")),
        bid=_price(row.get("bid")),
        ask=_price(row.get("ask")),
        percentage=optional_decimal(row.get("percentage")),
        base_volume=optional_decimal(row.get("baseVolume")),
        quote_volume=optional_decimal(row.get("quoteVolume")),
        exchange_at=moment(row.get("timestamp")),
    )


def funding_rates(raw: Mapping[str, Raw]) -> tuple[FundingRate, ...]:
    """Of perpetuals: what expires has a row without a rate, and pays none."""
    read = (named(f"funding rate of {row.get('symbol')}", _funding_rate, row) for row in raw.values())
    return tuple(rate for rate in read if rate is not None)


def _funding_rate(row: Raw) -> FundingRate | None:
    rate, funding_at = optional_decimal(row.get("fundingRate")), moment(row.get("fundingTimestamp"))
    if rate is None or funding_at is None:
        return None
    return FundingRate(symbol=text(row, "symbol"), rate=rate, funding_at=funding_at)


def ohlcv(raw: Iterable[Sequence[Any]]) -> tuple[Ohlcv, ...]:
    """Bars as ccxt lists them: milliseconds and five numbers, none of which may be missing."""
    return tuple(named(f"candle of {next(iter(row), None)}", _ohlcv, row) for row in raw)


def _ohlcv(row: Sequence[Any]) -> Ohlcv:
    opened_at = moment(row[0])
    if opened_at is None or len(row) < 6:
        raise ValueError("it lacks its time, or one of its numbers")
    opened, high, low, close, volume = (to_decimal(value) for value in row[1:6])
    return Ohlcv(opened_at=opened_at, open=opened, high=high, low=low, close=close, volume=volume)


def markets(raw: Iterable[Raw], *, precision_mode: int) -> tuple[Market, ...]:
    return tuple(named(f"market {row.get('symbol')}", _market, row, precision_mode) for row in raw)


def _market(row: Raw, precision_mode: int) -> Market:
    precision, limits = row.get("precision") or {}, row.get("limits") or {}
    return Market(
        market_id=text(row, "id"),
        symbol=text(row, "symbol"),
        type=text(row, "type"),
        # Predictions and the like have neither.
        base=row.get("base") or "",
        quote=row.get("quote") or "",
        settle=row.get("settle") or None,
        # ccxt says None where the exchange lists only what trades.
        is_active=row.get("active") is not False,
        is_inverse=bool(row.get("inverse")),
        contract_size=optional_decimal(row.get("contractSize")),
        amount_step=step(precision.get("amount"), precision_mode),
        price_tick=step(precision.get("price"), precision_mode),
        min_amount=optional_decimal((limits.get("amount") or {}).get("min")),
        min_cost=optional_decimal((limits.get("cost") or {}).get("min")),
    )


def step(precision: object, mode: int) -> Decimal | None:
    """A market's step from ccxt's precision: the step itself, or a count of decimals. Significant digits have none."""
    value = optional_decimal(precision)
    if value is None or mode == SIGNIFICANT_DIGITS:
        return None
    return Decimal(1).scaleb(-int(value)) if mode == DECIMAL_PLACES else value


def moment(milliseconds: object) -> datetime | None:
    """Milliseconds since 1970 as aware UTC; None and 0 are unknown."""
    value = optional_decimal(milliseconds)
    return datetime.fromtimestamp(float(value) / 1000, UTC) if value else None


def _price(value: object) -> Decimal | None:
    """A price of zero is how exchanges write that there is none."""
    return optional_decimal(value) or None


def _size(value: object) -> Decimal | None:
    number = optional_decimal(value)
    return None if number is None else money.size(number)


def text(row: Raw, name: str) -> str:
    """What must be there and be words. Raises KeyError."""
    value = row[name]
    if not isinstance(value, str) or not value:
        raise KeyError(name)
    return value


def named(what: str, parse: Callable[..., T], *given: object) -> T:
    """What `parse` makes of what is given. Raises BadResponse, saying what could not be read and why."""
    try:
        return parse(*given)
    except KeyError as exc:
        raise BadResponse(f"The {what} has no usable {exc}.") from None
    except (NotMoney, ValueError, TypeError, AttributeError, OverflowError, ArithmeticError) as exc:
        raise BadResponse(f"The {what} is not readable: {exc}") from None


def named_twice(rows: Iterable[object]) -> str:
    """The first name that two different balances or positions share: stored, one of them would be lost.

    The same row twice is none. Nor are orders: pages overlap, and the later one is the truer.
    """
    seen: dict[tuple[object, ...], object] = {}
    for row in rows:
        if isinstance(row, Balance):
            name: tuple[object, ...] = (row.currency,)
        elif isinstance(row, Position):
            name = (row.symbol, row.side, row.margin_mode)
        else:
            continue
        if seen.setdefault(name, row) != row:
            return " ".join(str(part) for part in name if part)
    return ""
