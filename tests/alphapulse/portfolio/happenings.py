"""What happens to accounts in these tests, with as few words as possible."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from alphapulse.portfolio.bookings import Booking, of_trade
from alphapulse.portfolio.books import Books, keep_books
from alphapulse.portfolio.lots import Method
from alphapulse.portfolio.past_prices import PastPrices, Told
from alphapulse.portfolio.worths import value
from alphapulse.types import LedgerEntry, LedgerKind, Side, Trade, Transfer, TransferKind, TransferStatus

MAIN, OTHER = 1, 2
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    """The first day is 2026-01-01."""
    return FIRST + timedelta(days=number - 1)


def trade(
    words: str, on: float, *, fee: str | None = None, number: str = "", symbol: str = "BTC/USDT", cost: str = ""
) -> Trade:
    """`buy 1 at 100`; `fee` is `0.1 BNB`."""
    side, amount, _, price = words.split()
    paid, currency = fee.split() if fee else (None, None)
    return Trade(
        trade_id=number or f"{words} on {on}",
        order_id=None,
        symbol=symbol,
        side=Side(side),
        price=Decimal(price),
        amount=Decimal(amount),
        cost=Decimal(cost) if cost else Decimal(amount) * Decimal(price),
        fee=Decimal(paid) if paid else None,
        fee_currency=currency,
        is_maker=None,
        exchange_at=day(on),
    )


def transfer(
    words: str, on: float, *, fee: str = "", txid: str = "", status: TransferStatus = TransferStatus.OK
) -> Transfer:
    """`deposit 10 USDT`; the fee is in the same currency."""
    kind, amount, currency = words.split()
    return Transfer(
        transfer_id=f"{words} on {on}",
        kind=TransferKind(kind),
        currency=currency,
        amount=Decimal(amount),
        fee=Decimal(fee) if fee else None,
        fee_currency=None,
        status=status,
        from_wallet=None,
        to_wallet=None,
        network=None,
        address=None,
        txid=txid or None,
        exchange_at=day(on),
    )


def entry(kind: str, words: str, on: float, *, reference: str | None = None, entry_id: str = "") -> LedgerEntry:
    """`-10 USDT`."""
    amount, currency = words.split()
    return LedgerEntry(
        entry_id=entry_id or f"{kind} {words} on {on}",
        kind=LedgerKind(kind),
        currency=currency,
        amount=Decimal(amount),
        reference=reference,
        exchange_at=day(on),
    )


def told(base: str, quote: str, price: str, on: float, source: str = "candles") -> Told:
    return Told(base, quote, source, [(day(on), Decimal(price))])


def trades(*rows: Trade, account: int = MAIN) -> list[Booking]:
    return [booking for row in rows for booking in of_trade(account, row)]


def books(
    bookings: Iterable[Booking], method: Method = Method.FIFO, *, prices: Iterable[Told] = (), currency: str = "USDT"
) -> Books:
    valued, _ = value(bookings, PastPrices(prices).into(currency))
    return keep_books(valued, method=method, currency=currency)


def sources(bookings: Iterable[Booking], prices: Iterable[Told], currency: str = "USDT") -> Counter[str]:
    return value(bookings, PastPrices(prices).into(currency))[1]
