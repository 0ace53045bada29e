"""A file as events: read line by line, whole or not at all. Given a stream; opens nothing, asks nobody."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timezone
from itertools import chain, groupby, islice
from typing import BinaryIO

from alphapulse.exchanges.exports import belonging, binance, bybit, kraken, text
from alphapulse.exchanges.exports.cells import Numbers, zone_in
from alphapulse.exchanges.exports.columns import UNNAMED
from alphapulse.exchanges.exports.errors import ExportError, NeedsMore, NotCsv, OtherExchange, Unreadable
from alphapulse.exchanges.exports.formats import Format, recognise, unknown_header
from alphapulse.exchanges.exports.row import Columns, Row, Sheet
from alphapulse.exchanges.exports.shapes import Left
from alphapulse.exchanges.exports.symbols import Symbols
from alphapulse.exchanges.fingerprint import with_ids
from alphapulse.exchanges.history import Event, key
from alphapulse.exchanges.twins import numbered
from alphapulse.types import FundingPayment, LedgerEntry, Market, Order, SyncKind, Trade, Transfer

FORMATS: Sequence[Format] = (*binance.FORMATS, *bybit.FORMATS, *kraken.FORMATS)
CODES = {"binance": binance.CODES, "kraken": kraken.CODES}

KINDS: dict[type, SyncKind] = {
    Trade: SyncKind.TRADES,
    Order: SyncKind.CLOSED_ORDERS,
    Transfer: SyncKind.TRANSFERS,
    FundingPayment: SyncKind.FUNDING_PAYMENTS,
    LedgerEntry: SyncKind.LEDGER,
}

# Above the header there may be a line about the account, or `sep=;`.
_HEAD = 5
_DELIMITERS = (",", ";", "\t")
_PROGRESS_EVERY = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the person says of the file, because it does not say it itself. Empty: it does."""

    format: str = ""
    zone: timezone | None = None
    has_decimal_comma: bool = False


NO_CHOICES = Choices()


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A file that was read to its end: its events, oldest first; `left` and `notes` count rows by reason."""

    format: Format
    events: Sequence[Event]
    rows: int
    left: Counter[str]
    notes: Counter[str]

    def by_kind(self) -> dict[SyncKind, list[Event]]:
        found: dict[SyncKind, list[Event]] = {}
        for event in self.events:
            found.setdefault(KINDS[type(event)], []).append(event)
        return found


def read_export(
    stream: BinaryIO,
    *,
    exchange_id: str,
    markets: Iterable[Market],
    file_name: str = "",
    choices: Choices = NO_CHOICES,
    on_progress: Callable[[int], None] = lambda rows: None,
) -> Export:
    """Everything in the file, or ExportError, which names what is wrong and where. `on_progress` gets the rows so far.

    Every event has an id: the exchange's own, or one of ours where the file knows none.
    """
    with closing(text.lines(stream)) as lines:
        head = list(islice(lines, _HEAD))
        format, columns, above, delimiter = _header(head, file_name, choices.format)
        if format.exchange_id != exchange_id:
            raise OtherExchange(
                f"This is {format.title}, a file of {format.exchange_id}; the account is one of {exchange_id}."
            )
        sheet = Sheet(
            columns=columns,
            at=format.at,
            zone=_zone(format, columns, file_name, choices.zone),
            numbers=Numbers(has_decimal_comma=choices.has_decimal_comma, is_comma_unclear=delimiter != ","),
            symbols=Symbols(markets, CODES.get(exchange_id)),
        )
        rows = text.rows(chain(head[above:], lines), delimiter, width=len(columns.names), above=above)
        return _read(format, sheet, (Row(sheet, line, cells) for line, cells in _told(rows, on_progress)))


def _read(format: Format, sheet: Sheet, rows: Iterable[Row]) -> Export:
    events: list[Event] = []
    seen = Seen()
    left: Counter[str] = Counter()
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007
        for item in format.shape.read(row):
            if isinstance(item, Left):
                left[item.reason] += 1
            elif event := seen.new(item, row.line):
                events.append(event)
            else:
                left["told twice in this file"] += 1
    whole = with_ids(_in_order(events))
    return Export(format=format, events=belonging.joined(whole), rows=count, left=left, notes=sheet.notes)


class Seen:
    """The lines of a file by the ids of what they tell."""

    def __init__(self) -> None:
        self._lines: dict[tuple[SyncKind, tuple[str, ...]], tuple[int, Event]] = {}

    def new(self, event: Event, line: int) -> Event | None:
        """The event; None where it was told before, as where two exports became one file.

        One transaction may pay an address twice, and who trades with himself has one id twice: the second is called
        `key:2`, as those of the API are.
        """
        *_, identity = key(event)
        if identity == UNNAMED:
            return event
        number, called = 1, event
        while (known := self._lines.setdefault((KINDS[type(event)], key(called)), (line, event)))[1] != event:
            if not _may_be_two(event, known[1]):
                raise Unreadable(f"the id {identity!r} stands in line {known[0]} too, for something else.", line=line)
            number += 1
            called = numbered(event, number)
        return called if known[0] == line else None


def _may_be_two(event: Event, other: Event) -> bool:
    if isinstance(event, Trade) and isinstance(other, Trade):
        return event.side is not other.side
    return isinstance(event, Transfer)


def _in_order(events: Iterable[Event]) -> Iterator[Event]:
    """Oldest first; those of one moment by what they say, so that the order of rows in a file means nothing."""
    for _, same in groupby(sorted(events, key=_time), key=_time):
        yield from sorted(same, key=repr)


def _time(event: Event) -> datetime:
    return event.exchange_at or datetime.min.replace(tzinfo=UTC)


def _header(head: Sequence[str], file_name: str, wanted: str) -> tuple[Format, Columns, int, str]:
    """The format, its columns, how many lines lie above the first row, and what stands between the columns."""
    if wanted and wanted not in {format.name for format in FORMATS}:
        names = ", ".join(format.name for format in FORMATS)
        raise ExportError(f"There is no format {wanted!r}. There are: {names}.")
    if not any(line.strip("\ufeff \t\r\n") for line in head):
        raise NotCsv("This file is empty.")
    for number, line in enumerate(head):
        for delimiter in _DELIMITERS:
            columns = Columns(text.cells(line, delimiter))
            if found := recognise(columns, FORMATS, file_name=file_name, wanted=wanted):
                return found, columns, number + 1, delimiter
    first = next(line for line in head if line.strip())
    raise unknown_header([name.strip() for name in text.cells(first, ",")], FORMATS)


def _zone(format: Format, columns: Columns, file_name: str, said: timezone | None) -> timezone | None:
    """The header's word, then the person's, then the file name's."""
    found = columns.zone(format.at) or (UTC if format.is_utc else None) or said or zone_in(file_name)
    if found is None:
        raise NeedsMore(
            f"Neither the column {columns.name(format.at)!r} nor the file's name says in which time zone the times "
            "are. Say --utc-offset +00:00 (or whatever was chosen for the export)."
        )
    return found


def _told(rows: Iterable[tuple[int, list[str]]], on_progress: Callable[[int], None]) -> Iterator[tuple[int, list[str]]]:
    for count, row in enumerate(rows, 1):
        yield row
        if count % _PROGRESS_EVERY == 0:
            on_progress(count)
