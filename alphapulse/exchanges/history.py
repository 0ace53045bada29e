"""How far a history has been read, and what one step of reading it brings. Pure values; nothing here asks anybody.

A **source** is one list that an exchange keeps (spot trades, convert orders), by symbol where it wants one. It is read
from a start on, window by window and page by page, and then goes on for ever: new things happen at its end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from alphapulse.exchanges.errors import ExchangeError
from alphapulse.types import FundingPayment, LedgerEntry, Order, Trade, Transfer

Event = Trade | Order | Transfer | FundingPayment | LedgerEntry
Same = TypeVar("Same", bound=Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Everything from the history's start until `reached_at` (exclusive) has been read.

    Inside a window whose pages are not done, `page` is the exchange's word for the next one and `window_until` the
    window's end; both empty between windows. Where rows have rising ids, `page` is always the next id wanted, and there
    are no windows. It survives a restart as three columns.
    """

    reached_at: datetime
    page: str = ""
    window_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One source (and symbol) to be read on from `cursor`."""

    source: str
    symbol: str
    cursor: Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What became of one `Wanted`: rows and the cursor behind them, to be stored in one transaction; or an error.

    Rows may be there already: pages overlap on purpose. `is_caught_up`: nothing was left when it was asked. With an
    `error` the cursor is the furthest that is proven, and `rows` those up to it (some pages may have come before it).
    """

    source: str
    symbol: str
    cursor: Cursor
    rows: Sequence[Event] = ()
    is_caught_up: bool = False
    error: ExchangeError | None = None


def key(event: Event) -> tuple[str, ...]:
    """What tells an event of one account from all others of its kind: trade and order ids are unique by symbol only."""
    if isinstance(event, Trade):
        return event.symbol, event.trade_id
    if isinstance(event, Order):
        return event.symbol, event.order_id
    if isinstance(event, Transfer):
        return (event.transfer_id,)
    return (event.payment_id if isinstance(event, FundingPayment) else event.entry_id,)


_ID_FIELDS: Mapping[type, str] = {
    Trade: "trade_id",
    Order: "order_id",
    Transfer: "transfer_id",
    FundingPayment: "payment_id",
    LedgerEntry: "entry_id",
}


def renamed(event: Same, name: str) -> Same:
    """The event with another id, which is the last part of its key."""
    changed: dict[str, Any] = {_ID_FIELDS[type(event)]: name}
    return replace(event, **changed)
