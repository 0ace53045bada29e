"""A format: how its header row is recognised, and how its rows are read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alphapulse.exchanges.exports.errors import NeedsMore, UnknownHeader
from alphapulse.exchanges.exports.row import Columns
from alphapulse.exchanges.exports.shapes import Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """`header` are the columns that it must have; others may stand beside them. `at` is the column of the time.

    `is_utc`: its times are UTC although the file does not say so. `named`: a word in the names of its files, where two
    formats have the same header. `where`: how people get it.
    """

    exchange_id: str
    name: str
    title: str
    header: Sequence[str]
    at: str
    shape: Shape
    is_utc: bool = False
    named: str = ""

    def fits(self, columns: Columns) -> bool:
        return all(columns.has(column) for column in self.header)


def recognise(columns: Columns, formats: Iterable[Format], *, file_name: str = "", wanted: str = "") -> Format | None:
    """The format of which the header has most; None if it is no format's. `wanted` chooses between equals.

    Raises NeedsMore where two formats share the header and neither `wanted` nor the file's name says which it is.
    """
    fitting = [format for format in formats if format.fits(columns)]
    most = max((len(format.header) for format in fitting), default=0)
    best = [format for format in fitting if len(format.header) == most]
    named = [format for format in best if format.named and format.named in file_name.lower()]
    chosen = [format for format in best if format.name == wanted] or (named if len(best) > 1 else best)
    if len(chosen) == 1 or not best:
        return next(iter(chosen), None)
    raise NeedsMore(
        f"This header is that of {' and of '.join(format.title for format in best)}, and the file's name does not say "
        f"which. Say --format {' or --format '.join(format.name for format in best)}."
    )


def unknown_header(header: Sequence[str], formats: Iterable[Format]) -> UnknownHeader:
    """Says what was found, and what would have been known."""
    known = "\n".join(f"  {format.title} ({format.name}): {', '.join(format.header)}" for format in formats)
    found = ", ".join(header) or "nothing"
    return UnknownHeader(f"No format has this header: {found}\nKnown are, by the columns that they must have:\n{known}")
