"""What a row may be: the words in which formats are described. Which columns make an event: `columns.py`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from alphapulse.exchanges.exports.row import Row
from alphapulse.exchanges.history import Event


@dataclass(frozen=True, slots=True)
class Left:
    """A row that is no event of its own, and why: for people, who are told how many there were."""

    reason: str


Item = Event | Left


class Shape(Protocol):
    def read(self, row: Row) -> Iterator[Item]: ...


@dataclass(frozen=True, slots=True)
class Leave:
    """Rows that are told elsewhere."""

    reason: str

    def read(self, row: Row) -> Iterator[Item]:
        yield Left(self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByWord:
    """Rows of several shapes. The word is what `columns` say, joined by `/`; the first column alone is tried next."""

    columns: Sequence[str]
    words: Mapping[str, Shape]
    otherwise: Shape
    _lower: dict[str, Shape] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lower", {word.lower(): shape for word, shape in self.words.items()})

    def read(self, row: Row) -> Iterator[Item]:
        said = [row.optional(column).lower() for column in self.columns]
        shape = self._lower.get("/".join(said)) or self._lower.get(said[0]) or self.otherwise
        return shape.read(row)


@dataclass(frozen=True, slots=True)
class WithDetails:
    """Below a row there may be others that tell it in more detail: those begin with an empty cell."""

    shape: Shape
    reason: str

    def read(self, row: Row) -> Iterator[Item]:
        return self.shape.read(row) if row.cells[0].strip() else iter((Left(self.reason),))
