"""What tells one event from another where the exchange's own id is lost, as in most of its exports.

A file may know a trade's second, side, price and amount, and no id. It gets one of ours, so that the same file twice is
the same rows; and when the exchange later tells the trade itself, with its id, the two are known to be one.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from alphapulse.exchanges.history import Event, Same, key, renamed
from alphapulse.money import plain, size
from alphapulse.types import FundingPayment, Order, Trade, Transfer

PREFIX = "file:"


def fingerprint(event: Event) -> str:
    """Equal for two descriptions of one event, whatever their ids, to the second; 32 hexadecimal digits.

    A transfer with a transaction id is told by that, however the two describe its time and amount.
    """
    return hashlib.sha256("|".join(_marks(event)).encode()).hexdigest()[:32]


def with_ids(events: Iterable[Same]) -> list[Same]:
    """Those whose id is empty get one: the fingerprint, and which of its equals it is. The rest are as they were.

    Give a file's rows at once: equal rows (two fills of the same size in the same second) are counted.
    """
    seen: Counter[str] = Counter()
    return [event if key(event)[-1] else _named(event, seen) for event in events]


def stand_in_id(name: str) -> str:
    """An id of ours made of the word that only the file has for a row; "" of ""."""
    return f"{PREFIX}{name}:1" if name else ""


def number_of(event: Event) -> int:
    """Which of its equals an event with an id of ours is, from 1; 0: its id is the exchange's own."""
    own = key(event)[-1]
    return int(own.rpartition(":")[2]) if own.startswith(PREFIX) else 0


def _named(event: Same, seen: Counter[str]) -> Same:
    mark = fingerprint(event)
    seen[mark] += 1
    return renamed(event, f"{PREFIX}{mark}:{seen[mark]}")


def _marks(event: Event) -> Sequence[str]:
    if isinstance(event, Trade):
        return (event.symbol, _second(event.exchange_at), event.side, plain(event.price), plain(event.amount))
    if isinstance(event, Order):
        price, amount = (plain(value) if value is not None else "" for value in (event.price, event.amount))
        return (event.symbol, _second(event.exchange_at), event.side, price, amount)
    if isinstance(event, Transfer):
        if event.txid:
            return (event.kind, event.currency, event.txid)
        return (event.kind, event.currency, _second(event.exchange_at), plain(size(event.amount)))
    if isinstance(event, FundingPayment):
        return (event.symbol, event.currency, _second(event.exchange_at), plain(event.amount))
    # Not its kind: files and answers name the same reward differently.
    return (event.currency, _second(event.exchange_at), plain(event.amount))


def _second(at: datetime | None) -> str:
    return str(int(at.timestamp())) if at else ""
