"""What contracts brought, in the currency they settle in: as exchanges settle it, against the average entry. Pure.

No method of lots changes it: an exchange pays the profit into the wallet by its own average, and that is what the
balance shows. Of a position that was opened before the history begins, the first fills look like an opening; the
difference to the position as it is now is told as a residual (`books.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from alphapulse.money import ZERO, size
from alphapulse.portfolio.bookings import Booking, Move, Why, fee_of
from alphapulse.portfolio.lots import EXACT, part
from alphapulse.types import Side, Trade

Where = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Open:
    """A position: long is positive. `entry` is what it cost at its average, never negative."""

    amount: Decimal = ZERO
    entry: Decimal = ZERO

    def after(self, amount: Decimal, cost: Decimal) -> tuple[Open, Decimal]:
        """With a fill of a signed amount: what is open then, and what that brought before the sign of an inverse."""
        closing = min(size(amount), size(self.amount)) if self.amount * amount < 0 else ZERO
        if not closing:
            return Open(self.amount + amount, EXACT.add(self.entry, cost)), ZERO
        entry, price = part(self.entry, closing, size(self.amount)), part(cost, closing, size(amount))
        brought = EXACT.subtract(price, entry) if self.amount > 0 else EXACT.subtract(entry, price)
        left = self.amount + amount
        is_flipped = size(amount) > size(self.amount)
        return Open(left, EXACT.subtract(*((cost, price) if is_flipped else (self.entry, entry)))), brought


def settles_in(symbol: str) -> str:
    return symbol.partition(":")[2].partition("-")[0]


def is_inverse(symbol: str) -> bool:
    """It settles in what it is of: fewer coins buy the same contracts when they are dearer."""
    return settles_in(symbol) == symbol.partition("/")[0]


def follows_its_price(symbol: str) -> bool:
    """What it earns follows from its entry and its price: not so of quantos, and of options that are paid in coins."""
    base, _, rest = symbol.partition("/")
    quote, _, settled = rest.partition(":")
    settle, *terms = settled.split("-")
    return settle == quote or (settle == base and len(terms) < 2)


def of_fills(fills: Iterable[tuple[int, Trade]]) -> tuple[list[Booking], dict[Where, Decimal]]:
    """Fills of contracts by account, in their order; and what is open after them, in contracts or what fills count."""
    known: defaultdict[Where, Open] = defaultdict(Open)
    bookings: list[Booking] = []
    for account, trade in fills:
        where = account, trade.symbol
        known[where], brought = known[where].after(_signed(trade), trade.cost)
        bookings += _bookings(account, trade, brought)
    return bookings, {where: position.amount for where, position in known.items() if position.amount}


def _signed(trade: Trade) -> Decimal:
    return trade.amount if trade.side is Side.BUY else trade.amount.copy_negate()


def _bookings(account: int, trade: Trade, brought: Decimal) -> Iterator[Booking]:
    profit = brought.copy_negate() if is_inverse(trade.symbol) else brought
    if profit:
        key = f"profit:{trade.symbol}:{trade.trade_id}"
        move = Move(settles_in(trade.symbol), profit)
        yield Booking(account=account, at=trade.exchange_at, key=key, why=Why.CONTRACT, moves=(move,))
    yield from fee_of(account, trade)
