"""All that happened to accounts, as one list of bookings by our own names of assets. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial

from alphapulse.money import ZERO, negated
from alphapulse.portfolio.bookings import (
    Booking,
    Event,
    Move,
    Why,
    fee_key,
    is_contract,
    of_entries,
    of_funding,
    of_trade,
    of_transfer,
    rising,
)
from alphapulse.portfolio.contracts import Where, of_fills
from alphapulse.portfolio.lots import EXACT
from alphapulse.portfolio.own_transfers import End, Pair, as_own, pairs
from alphapulse.portfolio.renamings import renamings
from alphapulse.types import FundingPayment, LedgerEntry, Trade, Transfer

# Account, what its exchange calls it, when: which asset that is, and how many of it.
Meaning = Callable[[int, str, datetime], tuple[str, Decimal]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """`own`: recognised as transfers between accounts of ours. `positions`: what fills of contracts left open."""

    bookings: Sequence[Booking]
    own: Sequence[Pair]
    positions: Mapping[Where, Decimal]


def happened(events: Iterable[tuple[int, Event]], meaning: Meaning) -> Happened:
    """Of accounts by their ids, in any order."""
    bookings: list[Booking] = []
    fills: list[tuple[int, Trade]] = []
    entries: defaultdict[int, list[LedgerEntry]] = defaultdict(list)
    ends: list[End] = []
    for account, event in events:
        if isinstance(event, LedgerEntry):
            entries[account].append(event)
        elif isinstance(event, Trade) and is_contract(event.symbol):
            fills.append((account, event))
        elif isinstance(event, Trade):
            bookings += of_trade(account, event)
        elif isinstance(event, FundingPayment):
            bookings += of_funding(account, event)
        else:
            ends += _ends(account, event, meaning, bookings)
    for account, of_account in entries.items():
        renamed, others = renamings(account, of_account, partial(meaning, account))
        bookings += renamed
        bookings += of_entries(account, sorted(others, key=lambda entry: entry.entry_id))
    profits, positions = of_fills(sorted(fills, key=_in_order))
    own = pairs(ends)
    # What arrived lacks just the fee that was told: the amount was told with it, and it was paid once.
    paid_twice = [pair.out.booking for pair in own if pair.lost and pair.lost == pair.out.fee]
    twice = {(each.account, fee_key(each.key)) for each in paid_twice}
    named = [_renamed(each, meaning) for each in [*bookings, *profits] if (each.account, each.key) not in twice]
    return Happened(bookings=[*named, *_moved(ends, own)], own=own, positions=positions)


def _in_order(fill: tuple[int, Trade]) -> tuple[datetime, int, str, int, str]:
    account, trade = fill
    return trade.exchange_at, account, trade.symbol, *rising(trade.trade_id)


def _ends(account: int, transfer: Transfer, meaning: Meaning, others: list[Booking]) -> list[End]:
    ends = []
    for booking in of_transfer(account, transfer):
        if booking.why is Why.FEE:
            others.append(booking)
        else:
            # A fee in another coin says nothing of how much of this one may be lost on the way.
            is_of_it = transfer.fee_currency in (None, "", transfer.currency)
            fee = (transfer.fee or ZERO) if is_of_it else ZERO
            ends.append(End(booking=_renamed(booking, meaning), txid=transfer.txid or "", fee=fee))
    return ends


def _moved(ends: Iterable[End], own: Iterable[Pair]) -> Iterable[Booking]:
    taken = set()
    for pair in own:
        taken |= {pair.out.name, pair.into.name}
        yield from as_own(pair)
    yield from (end.booking for end in ends if end.name not in taken)


def _renamed(booking: Booking, meaning: Meaning) -> Booking:
    def named(move: Move) -> Move:
        asset, pieces = meaning(booking.account, move.asset, booking.at)
        if pieces != 1:
            return Move(asset, EXACT.multiply(move.amount, pieces))
        return move if asset == move.asset else Move(asset, move.amount)

    moves, worth = tuple(map(named, booking.moves)), tuple(map(named, booking.worth))
    # Nearly always it is what it was: no second copy of a hundred thousand.
    is_same = (moves, worth) == (booking.moves, booking.worth)
    return booking if is_same else replace(booking, moves=moves, worth=worth)


def left_with(bookings: Iterable[Booking], gone: Mapping[int, datetime]) -> list[Booking]:
    """What accounts had when they were deleted: from then on it is outside, like any withdrawal."""
    had: defaultdict[tuple[int, str], Decimal] = defaultdict(Decimal)
    for booking in bookings:
        for move in booking.moves if booking.account in gone else ():
            had[booking.account, move.asset] = EXACT.add(had[booking.account, move.asset], move.amount)
    return [
        Booking(
            account=account,
            at=gone[account],
            key=f"gone:{asset}",
            why=Why.WITHDRAWAL,
            moves=(Move(asset, negated(amount)),),
        )
        for (account, asset), amount in sorted(had.items())
        if amount > ZERO
    ]
