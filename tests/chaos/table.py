"""The result as a table that a terminal can show."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HEAD = ("fault", "what was promised", "what happened", "recovery")
WIDTHS = (26, 38, 56, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    fault: str
    promise: str
    story: str
    recovery: float | None
    held: bool


def table(rows: Sequence[Row]) -> str:
    rule = "-+-".join("-" * width for width in WIDTHS)
    lines = [_line(HEAD), rule]
    for row in rows:
        story = row.story if row.held else f"BROKEN: {row.story}"
        recovery = "" if row.recovery is None else f"{row.recovery:.1f} s"
        lines += [*_wrapped((row.fault, row.promise, story, recovery)), rule]
    broken = sum(not row.held for row in rows)
    return "\n".join([*lines, f"{len(rows) - broken} held, {broken} broken"])


def _wrapped(cells: Iterable[str]) -> list[str]:
    columns = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, WIDTHS, strict=True)]
    height = max(map(len, columns))
    return [_line([column[n] if n < len(column) else "" for column in columns]) for n in range(height)]


def _line(cells: Sequence[str]) -> str:
    return " | ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()
