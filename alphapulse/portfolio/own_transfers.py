"""Which withdrawals and deposits are two ends of one transfer between accounts of ours. Pure.

Recognised by transaction where both tell it, else by amount and time. What is recognised is neither gain nor loss, and
no money from outside; what was lost on the way is a fee.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from alphapulse.money import negated
from alphapulse.portfolio.bookings import Booking, Move, Why
from alphapulse.portfolio.lots import EXACT

# Clocks and words differ: some tell a deposit's first block, some a withdrawal's last.
EARLIER = timedelta(hours=1)
LATER = timedelta(hours=24)
# With one transaction for both, however long an exchange waits for its blocks, or a withdrawal for its owner.
LATER_BY_TXID = timedelta(days=14)
# What a network, or an exchange that tells amounts with their fees, may take off.
MOST_LOST = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """A deposit or withdrawal of one account, booked; `fee`: what is told to have been paid on top of it."""

    booking: Booking
    txid: str = ""
    fee: Decimal = Decimal(0)

    @property
    def move(self) -> Move:
        return self.booking.moves[0]

    @property
    def at(self) -> datetime:
        return self.booking.at

    @property
    def name(self) -> tuple[int, str]:
        return self.booking.account, self.booking.key


class Pair(NamedTuple):
    out: End
    into: End

    @property
    def lost(self) -> Decimal:
        return EXACT.subtract(negated(self.out.move.amount), self.into.move.amount)


def pairs(ends: Iterable[End]) -> list[Pair]:
    """The likeliest first, each end once: by transaction, then the least lost, then the least apart in time."""
    of_asset: defaultdict[str, list[End]] = defaultdict(list)
    for end in ends:
        of_asset[end.move.asset].append(end)
    likely = sorted((pair for of_one in of_asset.values() for pair in _likely(of_one)), key=_unlikeliness)
    found: list[Pair] = []
    taken: set[tuple[int, str]] = set()
    for pair in likely:
        if taken.isdisjoint({pair.out.name, pair.into.name}):
            taken |= {pair.out.name, pair.into.name}
            found.append(pair)
    return found


def _unlikeliness(pair: Pair) -> tuple[bool, Decimal, timedelta, tuple[int, str], tuple[int, str]]:
    return not _same_txid(pair), pair.lost, abs(pair.into.at - pair.out.at), pair.out.name, pair.into.name


def _likely(ends: Sequence[End]) -> Iterator[Pair]:
    into = sorted((end for end in ends if end.move.amount > 0), key=lambda end: end.at)
    times = [end.at for end in into]
    by_txid: defaultdict[str, list[End]] = defaultdict(list)
    for end in into:
        by_txid[end.txid.lower()].append(end)
    for out in (end for end in ends if end.move.amount < 0):
        near = into[bisect_left(times, out.at - EARLIER) : bisect_right(times, out.at + LATER)]
        same = by_txid.get(out.txid.lower(), []) if out.txid else []
        told = [each for each in same if out.at + LATER < each.at <= out.at + LATER_BY_TXID]
        yield from (pair for each in [*near, *told] if _fits(pair := Pair(out, each)))


def _fits(pair: Pair) -> bool:
    out, into = pair
    most = max(out.fee, -out.move.amount * MOST_LOST)
    if out.booking.account == into.booking.account or not 0 <= pair.lost <= most:
        return False
    return not _are_other_transactions(out.txid, into.txid)


def _same_txid(pair: Pair) -> bool:
    return pair.out.txid != "" and pair.out.txid.lower() == pair.into.txid.lower()


# Of a blockchain; what exchanges call payments among their own users is shorter, and not the same at both ends.
_HASH_LENGTH = 40


def _are_other_transactions(one: str, other: str) -> bool:
    return min(len(one), len(other)) >= _HASH_LENGTH and one.lower() != other.lower()


def as_own(pair: Pair) -> tuple[Booking, ...]:
    """What it is instead of a withdrawal and a deposit."""
    asset, arrived = pair.into.move
    out = replace(pair.out.booking, why=Why.OWN, moves=(Move(asset, negated(arrived)),))
    into = replace(pair.into.booking, why=Why.OWN)
    if not pair.lost:
        return out, into
    return out, into, replace(out, key=f"lost:{out.key}", why=Why.FEE, moves=(Move(asset, negated(pair.lost)),))
