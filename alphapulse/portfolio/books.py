"""Profit and loss out of what happened: lots in, lots out, and what that brought in one currency. Pure.

Every change of a balance is one of these lines, so of each asset: what all bookings moved is what should be there, and
the balance less that is the residual. When everything has a price, what the open lots cost is what was deposited, and
gained, less what was withdrawn at its cost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from alphapulse.money import ZERO, negated, size
from alphapulse.portfolio.bookings import Booking, Move, Why
from alphapulse.portfolio.lots import EXACT, POOLS, Given, Lot, Method, Pool, give, part
from alphapulse.portfolio.worths import Value, Valued


class Item(StrEnum):
    """What a line tells. `realised`: worth less cost of what was given away, for whatever, fees included. What left
    to the outside is no gain: it went at its worth (`withdrawn`), and took its cost along."""

    REALISED = "realised"
    CONTRACTS = "contracts"
    FUNDING = "funding"
    REWARD = "reward"
    AIRDROP = "airdrop"
    INTEREST = "interest"
    REBATE = "rebate"
    FEES = "fees"
    OTHER = "other"
    DEPOSITED = "deposited"
    WITHDRAWN = "withdrawn"
    WITHDRAWN_COST = "withdrawn_cost"


FLOWS = (Item.DEPOSITED, Item.WITHDRAWN, Item.WITHDRAWN_COST)
GAINS = tuple(item for item in Item if item not in FLOWS)

_ITEMS: Mapping[Why, Item] = {
    Why.DEPOSIT: Item.DEPOSITED,
    Why.WITHDRAWAL: Item.WITHDRAWN,
    Why.CONTRACT: Item.CONTRACTS,
    Why.FUNDING: Item.FUNDING,
    Why.REWARD: Item.REWARD,
    Why.AIRDROP: Item.AIRDROP,
    Why.INTEREST: Item.INTEREST,
    Why.REBATE: Item.REBATE,
    Why.FEE: Item.FEES,
    Why.OTHER: Item.OTHER,
}


class Missing(StrEnum):
    """Why a number is not whole."""

    NO_PRICE = "nothing tells its price then"
    NO_COST = "it was acquired for a price that nobody knows"
    NOT_ACQUIRED = "nothing tells where it came from"


class Gap(NamedTuple):
    """What is in no line's value: so much of an asset, and why."""

    at: datetime
    account: int
    asset: str
    amount: Decimal
    why: Why
    missing: Missing


class LineKey(NamedTuple):
    """`day`: of UTC."""

    day: date
    account: int
    asset: str
    item: Item


class Sum(NamedTuple):
    """So much of the asset, and what that was in the books' currency. Gains and losses have their sign."""

    amount: Decimal
    value: Decimal


@dataclass(frozen=True, slots=True)
class Held:
    """What the lots of an asset come to: `cost` of the `amount`, and how much has no known cost."""

    amount: Decimal
    cost: Decimal
    without_cost: Decimal


@dataclass(slots=True)
class Books:
    """`moved`: what all bookings changed of an asset in an account."""

    method: Method
    currency: str
    lines: dict[LineKey, Sum] = field(default_factory=dict)
    moved: dict[tuple[int, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    held: dict[str, Held] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)

    def total(self, *items: Item) -> Decimal:
        """Of these; of all gains and losses where none is named."""
        total = ZERO
        for key, line in self.lines.items():
            if key.item in (items or GAINS):
                total = EXACT.add(total, line.value)
        return total

    @property
    def cost(self) -> Decimal:
        """Of all that is held."""
        total = ZERO
        for held in self.held.values():
            total = EXACT.add(total, held.cost)
        return total


def keep_books(valued: Iterable[Valued], *, method: Method, currency: str) -> Books:
    """`valued` as `worths.value` gives it, in its order."""
    return _Keeper(method, currency).keep(valued)


class _Keeper:
    def __init__(self, method: Method, currency: str) -> None:
        self._books = Books(method, currency)
        self._pools: defaultdict[str, Pool] = defaultdict(POOLS[method])
        self._sums: dict[tuple[date, int, str, Item], list[Decimal]] = {}

    def keep(self, valued: Iterable[Valued]) -> Books:
        for each in valued:
            moves = zip(each.booking.moves, each.values, strict=True)
            # What was given makes room for what was got.
            for move, value in moves if len(each.values) == 1 else sorted(moves, key=_is_in):
                self._keep(each.booking, move, value)
        self._books.lines = {LineKey(*key): Sum(*sums) for key, sums in self._sums.items()}
        self._books.held = {asset: _held(pool.all()) for asset, pool in self._pools.items()}
        self._books.held[self._books.currency] = self._own_currency()
        return self._books

    def _own_currency(self) -> Held:
        """It costs what it is, so nobody needs to know where it came from."""
        amount = ZERO
        for (_, asset), moved in self._books.moved.items():
            if asset == self._books.currency:
                amount = EXACT.add(amount, moved)
        return Held(amount, amount, ZERO)

    def _keep(self, booking: Booking, move: Move, value: Value) -> None:
        where = booking.account, move.asset
        self._books.moved[where] = EXACT.add(self._books.moved[where], move.amount)
        if booking.why is Why.OWN:
            return
        if value is None:
            self._miss(booking, move.asset, size(move.amount), Missing.NO_PRICE)
        elif booking.why in _ITEMS:
            is_gain = _ITEMS[booking.why] in GAINS
            signed = negated(value) if move.amount < 0 and is_gain else value
            self._line(booking, move.asset, _ITEMS[booking.why], move.amount, signed)
        if move.asset == self._books.currency:
            self._own(booking, move)
        elif move.amount > 0:
            self._pools[move.asset].add(Lot(move.amount, value))
        else:
            self._give(booking, move, value)

    def _own(self, booking: Booking, move: Move) -> None:
        if booking.why is Why.WITHDRAWAL:
            self._line(booking, move.asset, Item.WITHDRAWN_COST, move.amount, size(move.amount))

    def _give(self, booking: Booking, move: Move, value: Value) -> None:
        amount = size(move.amount)
        given = give(self._pools[move.asset], amount)
        self._miss_costs(booking, move.asset, given)
        if booking.why is Why.WITHDRAWAL:
            self._line(booking, move.asset, Item.WITHDRAWN_COST, move.amount, given.cost)
        elif value is not None and given.amount:
            brought = value if given.amount == amount else part(value, given.amount, amount)
            gain = EXACT.subtract(brought, given.cost)
            self._line(booking, move.asset, Item.REALISED, negated(given.amount), gain)

    def _miss_costs(self, booking: Booking, asset: str, given: Given) -> None:
        if given.without_cost:
            self._miss(booking, asset, given.without_cost, Missing.NO_COST)
        if given.uncovered:
            self._miss(booking, asset, given.uncovered, Missing.NOT_ACQUIRED)

    def _miss(self, booking: Booking, asset: str, amount: Decimal, missing: Missing) -> None:
        self._books.gaps.append(Gap(booking.at, booking.account, asset, amount, booking.why, missing))

    def _line(self, booking: Booking, asset: str, item: Item, amount: Decimal, value: Decimal) -> None:
        key = booking.at.date(), booking.account, asset, item
        if sums := self._sums.get(key):
            sums[:] = EXACT.add(sums[0], amount), EXACT.add(sums[1], value)
        else:
            self._sums[key] = [amount, value]


def _is_in(valued: tuple[Move, Value]) -> bool:
    return valued[0].amount > 0


def _held(lots: Iterable[Lot]) -> Held:
    amount, cost, without_cost = ZERO, ZERO, ZERO
    for lot in lots:
        if lot.cost is None:
            without_cost = EXACT.add(without_cost, lot.amount)
        else:
            amount, cost = EXACT.add(amount, lot.amount), EXACT.add(cost, lot.cost)
    return Held(amount, cost, without_cost)


def residual(balance: Decimal, moved: Decimal) -> Decimal:
    """What of a balance its history does not explain."""
    return EXACT.subtract(balance, moved)
