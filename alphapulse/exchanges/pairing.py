"""Which of the exchange's own rows is which of a file's, that knew no id of the exchange's. Pure.

They say the same in other words: a file tells when a balance changed, the exchange when it was asked for; a reward may
be dated to the day that it is for, and to the one on which it was paid.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from alphapulse.exchanges.fingerprint import fingerprint, number_of
from alphapulse.exchanges.history import Event, Same, key
from alphapulse.money import size
from alphapulse.types import FundingPayment, LedgerEntry, LedgerKind, Order, Trade, Transfer

Group = tuple[list[Same], list[Same]]

# By how much the two may differ about when it happened.
_LEDGER_MOST = timedelta(hours=36)
_APART: Mapping[type, timedelta] = {
    Trade: timedelta(0),
    Order: timedelta(0),
    FundingPayment: timedelta(minutes=1),
    LedgerEntry: timedelta(minutes=2),
    # Begun, confirmed, credited: each says another of these.
    Transfer: timedelta(days=2),
}
_PAID_OUT = frozenset({LedgerKind.REWARD, LedgerKind.INTEREST, LedgerKind.AIRDROP, LedgerKind.REBATE})


def most_apart(kind: type[Event]) -> timedelta:
    """No two rows of this type are one that are further apart; with the parts of a second that files leave away."""
    return (_LEDGER_MOST if kind is LedgerEntry else _APART[kind]) + timedelta(seconds=1)


def pairs(stand_ins: Iterable[Same], told: Iterable[Same]) -> list[tuple[Same, Same]]:
    """Each of a file's rows with the exchange's own row of the same event, where there is one. Each row once.

    Those nearest in time are paired first; of equal ones, lower numbers before higher.
    """
    found: list[tuple[Same, Same]] = []
    left, free = list(stand_ins), list(told)
    for likeness in (_transaction, _words):
        new = [pair for group in _alike(left, free, likeness) for pair in _nearest(*group)]
        ours, theirs = ({id(pair[side]) for pair in new} for side in (0, 1))
        left = [event for event in left if id(event) not in ours]
        free = [event for event in free if id(event) not in theirs]
        found += new
    return found


def _transaction(event: Event) -> Hashable:
    return (event.kind, event.currency, event.txid) if isinstance(event, Transfer) and event.txid else None


def _words(event: Event) -> Hashable:
    """What both say, without when; of a trade, that has one second everywhere, with it."""
    if isinstance(event, Transfer):
        return (event.kind, event.currency, size(event.amount))
    if isinstance(event, FundingPayment):
        return (event.symbol, event.currency, event.amount)
    # Not its kind: files and answers name the same reward differently.
    return (event.currency, event.amount) if isinstance(event, LedgerEntry) else fingerprint(event)


def _alike(
    stand_ins: Iterable[Same], told: Iterable[Same], likeness: Callable[[Event], Hashable]
) -> Iterator[Group[Same]]:
    groups: dict[Hashable, Group[Same]] = {}
    for event in stand_ins:
        groups.setdefault(likeness(event), ([], []))[0].append(event)
    for event in told:
        if (group := groups.get(likeness(event))) is not None:
            group[1].append(event)
    return (group for mark, group in groups.items() if mark is not None and group[1])


def _nearest(stand_ins: list[Same], told: list[Same]) -> Iterator[tuple[Same, Same]]:
    stand_ins.sort(key=lambda event: (_second(event), number_of(event)))
    told.sort(key=lambda event: (_second(event), key(event)))
    ours, theirs = set(range(len(stand_ins))), set(range(len(told)))
    for _, one, other in sorted(_distances(stand_ins, told)):
        if one in ours and other in theirs:
            ours.remove(one)
            theirs.remove(other)
            yield stand_ins[one], told[other]


def _distances(stand_ins: Sequence[Event], told: Sequence[Event]) -> Iterator[tuple[timedelta, int, int]]:
    times = [_second(event) for event in told]
    for one, stand_in in enumerate(stand_ins):
        at, most = _second(stand_in), most_apart(type(stand_in))
        for other in range(bisect_left(times, at - most), bisect_right(times, at + most)):
            distance = abs(times[other] - at)
            if distance <= _apart(stand_in, told[other]) and not _are_two_transactions(stand_in, told[other]):
                yield distance, one, other


def _apart(one: Event, other: Event) -> timedelta:
    kinds = {event.kind for event in (one, other) if isinstance(event, LedgerEntry)}
    # What is bought with a card is dated to when it was wished for, and to when the bank had paid.
    is_dated_twice = bool(kinds & _PAID_OUT) or kinds == {LedgerKind.FIAT}
    return _LEDGER_MOST if is_dated_twice else _APART[type(one)]


def _are_two_transactions(one: Event, other: Event) -> bool:
    if not isinstance(one, Transfer) or not isinstance(other, Transfer):
        return False
    return bool(one.txid and other.txid) and one.txid != other.txid


def _second(event: Event) -> datetime:
    assert event.exchange_at is not None, "files and histories say when things happened"
    return event.exchange_at.replace(microsecond=0)
