"""A stream of bytes as rows of cells, line by line: what is no CSV file, or is cut off, is said so."""

import csv
import io
from collections.abc import Generator, Iterable, Iterator
from typing import BinaryIO

from alphapulse.exchanges.exports.errors import NotCsv, Unreadable

_OTHER_KINDS = {
    b"PK\x03\x04": "a spreadsheet (.xlsx) or a .zip archive. Unpack it, or save the sheet as CSV (UTF-8)",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet (.xls). Save the sheet as CSV (UTF-8)",
    b"\x1f\x8b": "compressed (.gz). Unpack it",
    b"%PDF": "a PDF. Export it as CSV",
    b"\xff\xfe": "UTF-16 text, as spreadsheets save it. Save it as CSV (UTF-8)",
    b"\xfe\xff": "UTF-16 text, as spreadsheets save it. Save it as CSV (UTF-8)",
}


def lines(stream: BinaryIO) -> Generator[str, None, None]:
    """Raises NotCsv. The stream must be seekable; it is left open, and must stay so until this is closed."""
    start = stream.read(4)
    for magic, what in _OTHER_KINDS.items():
        if start.startswith(magic):
            raise NotCsv(f"This is no CSV file but {what}.")
    stream.seek(0)
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    number = 0
    try:
        for number, line in enumerate(text, 1):
            if "\0" in line:
                raise NotCsv(f"This is no CSV file: line {number} has bytes that are no text.")
            yield line
    except UnicodeDecodeError:
        raise NotCsv(f"This is no UTF-8 text: look at line {number + 1}. Save it as CSV (UTF-8).") from None
    finally:
        text.detach()


def cells(line: str, delimiter: str) -> list[str]:
    """Of one line; a quote that is not closed is none."""
    return next(csv.reader([line], delimiter=delimiter), [])


def rows(text: Iterable[str], delimiter: str, *, width: int, above: int) -> Iterator[tuple[int, list[str]]]:
    """Every row that has something in it, with its line in the file (`above`: lines before the first), `width` cells.

    Raises Unreadable.
    """
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        for found in reader:
            if any(cell.strip() for cell in found):
                yield above + reader.line_num, _fitted(found, width, above + reader.line_num)
    except csv.Error as problem:
        raise Unreadable(
            f"{problem}. The file may be cut off: export it again.", line=above + reader.line_num
        ) from None


def _fitted(found: list[str], width: int, line: int) -> list[str]:
    while len(found) > width and not found[-1].strip():
        found.pop()
    # Details below a row are narrower than the row.
    if len(found) < width and not found[0].strip():
        return found + [""] * (width - len(found))
    if len(found) < width:
        raise Unreadable(
            f"{len(found)} columns where the header has {width}. If it is the last line, the file was cut off: "
            "export it again.",
            line=line,
        )
    if len(found) > width:
        raise Unreadable(f"{len(found)} columns where the header has {width}: a comma too many?", line=line)
    return found
