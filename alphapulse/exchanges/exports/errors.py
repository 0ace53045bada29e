"""Why a file is not imported, in words for the person who has it. Nothing of such a file is stored.

ExportError
  NotCsv             a spreadsheet, an archive, something else that is no text
  UnknownHeader      no format has these columns; says which are known
  NeedsMore          the file does not say it, so the person must: its format, its time zone
  OtherExchange      it is another exchange's than the account's
  Unreadable         a cell, by line and column
"""


class ExportError(Exception):
    """The text is for people."""


class NotCsv(ExportError):
    pass


class UnknownHeader(ExportError):
    pass


class NeedsMore(ExportError):
    pass


class OtherExchange(ExportError):
    pass


class Unreadable(ExportError):
    def __init__(self, problem: str, *, line: int, column: str = "") -> None:
        where = f"Line {line}, column {column!r}" if column else f"Line {line}"
        super().__init__(f"{where}: {problem}")
        self.line, self.column = line, column
