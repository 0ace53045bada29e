"""Different rows of one answer that share a name: each gets one of its own. Pure."""

from collections.abc import Sequence

from alphapulse.exchanges.errors import BadResponse
from alphapulse.exchanges.history import Event, Same, key, renamed
from alphapulse.exchanges.parse_history import Raw
from alphapulse.types import LedgerEntry, Side, Trade, Transfer

Rows = Sequence[tuple[Raw, Event]]


def told_apart(found: Rows, *, has_ids: bool) -> list[Event]:
    """The events of one answer's rows. What has no name of its own is numbered: of equal keys, the second is `key:2`.

    One transaction may pay an address twice, and a list without ids may have equal rows. Numbers follow the order of
    the answer. Who trades with himself has two trades with one id: the sale is the second.

    Raises BadResponse where an exchange's own id names two different things.
    """
    bought = {key(event) for _, event in found if isinstance(event, Trade) and event.side is Side.BUY}
    rows: dict[tuple[str, ...], list[Raw]] = {}
    events: dict[tuple[str, ...], Event] = {}
    for row, event in found:
        same = rows.setdefault(key(event), [])
        if isinstance(event, Trade):
            event = numbered(event, 2 if event.side is Side.SELL and key(event) in bought else 1)
        elif (isinstance(event, Transfer) and row not in same) or (isinstance(event, LedgerEntry) and not has_ids):
            same.append(row)
            event = numbered(event, len(same))
        if events.setdefault(key(event), event) != event:
            raise BadResponse(f"The answer lists {' '.join(key(event))} twice, and differently.")
    return list(events.values())


def numbered(event: Same, number: int) -> Same:
    """The event as which of its equals it is, from 1."""
    return event if number == 1 else renamed(event, f"{key(event)[-1]}:{number}")
