"""Which entries belong together, where a file does not say it: the halves of a convert, one sweep of dust."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from alphapulse.exchanges.history import Event
from alphapulse.types import LedgerEntry, LedgerKind

# The halves of a convert are told up to half a minute apart.
_HALVES = timedelta(minutes=2)
_SWEEP = timedelta(seconds=1)


def joined(events: Sequence[Event]) -> list[Event]:
    """`events` are oldest first. What belongs together gets one `reference`: the id of its first entry."""
    references = dict(_converts(events)) | dict(_dust(events))
    return [_with_reference(event, references) for event in events]


def _with_reference(event: Event, references: dict[str, str]) -> Event:
    if isinstance(event, LedgerEntry) and event.entry_id in references:
        return replace(event, reference=references[event.entry_id])
    return event


def _converts(events: Sequence[Event]) -> Iterator[tuple[str, str]]:
    """The other half is the earliest that lacks one: in another currency, and the other way round."""
    waiting: list[LedgerEntry] = []
    for entry in _without_reference(events, LedgerKind.CONVERT):
        waiting = [other for other in waiting if entry.exchange_at - other.exchange_at <= _HALVES]
        half = next((other for other in waiting if _are_halves(other, entry)), None)
        if half is None:
            waiting.append(entry)
            continue
        waiting.remove(half)
        yield half.entry_id, half.entry_id
        yield entry.entry_id, half.entry_id


def _are_halves(one: LedgerEntry, other: LedgerEntry) -> bool:
    return one.currency != other.currency and (one.amount > 0) is not (other.amount > 0)


def _dust(events: Sequence[Event]) -> Iterator[tuple[str, str]]:
    first: LedgerEntry | None = None
    for entry in _without_reference(events, LedgerKind.DUST):
        if first is None or entry.exchange_at - first.exchange_at > _SWEEP:
            first = entry
        yield entry.entry_id, first.entry_id


def _without_reference(events: Sequence[Event], kind: LedgerKind) -> Iterator[LedgerEntry]:
    for event in events:
        if isinstance(event, LedgerEntry) and event.kind is kind and event.reference is None:
            yield event
