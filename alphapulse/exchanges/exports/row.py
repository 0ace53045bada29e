"""One row of a file, asked by column name: what it says, or an error that names the line and the column."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timezone
from decimal import Decimal
from typing import TypeVar

from alphapulse.exchanges.exports import cells
from alphapulse.exchanges.exports.cells import Numbers
from alphapulse.exchanges.exports.errors import Unreadable
from alphapulse.exchanges.exports.symbols import Symbols

T = TypeVar("T")


def column_key(name: str) -> str:
    """`Date(UTC+8)`, `Type¹`, `User_ID`: headings differ in marks that mean nothing; the time zone is read apart."""
    return "".join(letter for letter in cells.without_zone(name).lower() if letter.isascii() and letter.isalnum())


class Columns:
    """A header row. A column is asked for as `Name`, or `Name|Other name` where exports differ; of two, the first."""

    def __init__(self, header: Sequence[str]) -> None:
        self.names = [name.strip() for name in header]
        self._places: dict[str, int] = {}
        for place, name in enumerate(self.names):
            self._places.setdefault(column_key(name), place)
        self._found: dict[str, int | None] = {}

    def place(self, column: str) -> int | None:
        if column not in self._found:
            keys = [column_key(name) for name in column.split("|")]
            self._found[column] = next((self._places[key] for key in keys if key in self._places), None)
        return self._found[column]

    def has(self, column: str) -> bool:
        return self.place(column) is not None

    def name(self, column: str) -> str:
        place = self.place(column)
        return column if place is None else self.names[place]

    def zone(self, column: str) -> timezone | None:
        """The time zone that the column's own name tells."""
        name = self.name(column)
        return UTC if column_key(name).startswith("utc") else cells.zone_in(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What all rows of one file share. `notes` counts what the person should know, by its words."""

    columns: Columns
    at: str
    zone: timezone | None
    numbers: Numbers
    symbols: Symbols
    notes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Row:
    """`line` counts from 1, as editors do. Empty cells, and the dashes that stand for nothing, are empty."""

    sheet: Sheet
    line: int
    cells: Sequence[str]

    def text(self, column: str) -> str:
        if not (found := self.optional(column)):
            raise self.refuse(column, "it is empty.")
        return found

    def optional(self, column: str) -> str:
        place = self.sheet.columns.place(column) if column else None
        text = "" if place is None else self.cells[place].strip()
        return "" if cells.is_nothing(text) else text

    def amount(self, column: str) -> Decimal:
        return self._read(column, self.sheet.numbers.amount)

    def optional_amount(self, column: str) -> Decimal | None:
        return self.amount(column) if self.optional(column) else None

    def with_unit(self, column: str, units: Iterable[str] = ()) -> tuple[Decimal, str]:
        """An amount, and its currency where it is written beside it."""
        return self._read(column, lambda text: self.sheet.numbers.with_unit(text, units))

    def at(self) -> datetime:
        return self._read(self.sheet.at, lambda text: cells.moment(text, self.sheet.zone))

    def has_seconds(self) -> bool:
        return self.optional(self.sheet.at).count(":") > 1

    def word(self, column: str, words: Mapping[str, T]) -> T:
        """What the cell's word stands for, in whatever case. An unknown one is refused."""
        text = self.text(column)
        if text.lower() not in words:
            raise self.refuse(column, f"{text!r} is none of: {', '.join(words)}.")
        return words[text.lower()]

    def note(self, words: str) -> None:
        self.sheet.notes[words] += 1

    def refuse(self, column: str, problem: str) -> Unreadable:
        return Unreadable(problem, line=self.line, column=self.sheet.columns.name(column))

    def _read(self, column: str, read: Callable[[str], T]) -> T:
        text = self.text(column)
        try:
            return read(text)
        except (ValueError, ArithmeticError) as problem:
            raise self.refuse(column, str(problem)) from None
