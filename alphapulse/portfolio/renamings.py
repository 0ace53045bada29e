"""A coin that got another name is no other coin: what went under the one and came under the other was not sold. Pure.

Exchanges tell a renaming as an airdrop of the new name, and the old one taken away. Taken for a sale it would realise
what the coin had gained, at a price that there may not be.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from alphapulse.money import negated
from alphapulse.portfolio.bookings import Booking, Move, Why, rising
from alphapulse.portfolio.lots import EXACT
from alphapulse.types import LedgerEntry, LedgerKind

# A swap may be told in two parts, the second once all users have theirs.
WITHIN = timedelta(days=7)
_KINDS = (LedgerKind.AIRDROP, LedgerKind.CONVERT, LedgerKind.OTHER)

# What an exchange calls it, when: which asset that is, and how many of it.
Meaning = Callable[[str, datetime], tuple[str, Decimal]]


def renamings(
    account: int, entries: Iterable[LedgerEntry], meaning: Meaning
) -> tuple[list[Booking], list[LedgerEntry]]:
    """As bookings, by the codes that were told; and the entries that are none.

    Two entries are one where their codes differ and mean the same asset, of which as much came as went.
    """
    bookings: list[Booking] = []
    waiting: dict[tuple[str, Decimal], list[LedgerEntry]] = {}
    others: dict[str, LedgerEntry] = {}
    for entry in sorted(entries, key=lambda entry: (entry.exchange_at, *rising(entry.entry_id))):
        others[entry.entry_id] = entry
        if entry.kind not in _KINDS or not entry.amount:
            continue
        asset, pieces = meaning(entry.currency, entry.exchange_at)
        amount = EXACT.multiply(entry.amount, pieces)
        halves = waiting.get((asset, negated(amount)), [])
        half = next((each for each in halves if _are_one(each, entry)), None)
        if half is None:
            waiting.setdefault((asset, amount), []).append(entry)
            continue
        halves.remove(half)
        bookings += (_booking(account, others.pop(each.entry_id)) for each in (half, entry))
    return bookings, list(others.values())


def _are_one(one: LedgerEntry, other: LedgerEntry) -> bool:
    return one.currency != other.currency and other.exchange_at - one.exchange_at <= WITHIN


def _booking(account: int, entry: LedgerEntry) -> Booking:
    move = Move(entry.currency, entry.amount)
    return Booking(account=account, at=entry.exchange_at, key=f"entry:{entry.entry_id}", why=Why.OWN, moves=(move,))
