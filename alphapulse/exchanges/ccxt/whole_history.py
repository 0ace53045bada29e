"""Did every row of a history's answer come through? ccxt leaves out what it cannot read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from alphapulse.exchanges.answers import at, may_be_empty, rows_in
from alphapulse.exchanges.errors import BadResponse
from alphapulse.exchanges.facts import History
from alphapulse.exchanges.parse import moment


def raw_rows(history: History, document: object) -> list[Any]:
    """The rows of an answer, in its own order. Raises BadResponse for what is no answer."""
    if history.count_at and str(at(document, history.count_at)) == "0":
        return []
    rows = rows_in(document, history.rows)
    if isinstance(rows, Mapping):
        return list(rows.values())
    assert isinstance(rows, list)
    return rows


def check_whole(history: History, document: object, rows: Sequence[object], read: Sequence[object]) -> None:
    """As many rows were read as the answer has; where nobody knows where it has them, it must have a place for some."""
    if history.rows and len(rows) != len(read):
        raise BadResponse(f"The answer has {len(rows)} rows, of which {len(read)} could be read.")
    if not history.rows and not read and not may_be_empty(document):
        raise BadResponse("The answer holds nothing that could be a list of rows, not even an empty one.")


def rising_ids(history: History, read: Sequence[Mapping[str, Any]]) -> list[tuple[int, datetime]]:
    """The ids of ccxt's dictionaries, with their times, where it is by them that a history goes on."""
    if not history.pages or not history.pages.id_field:
        return []
    return [(int(row["info"][history.pages.id_field]), _time(row)) for row in read]


def _time(row: Mapping[str, Any]) -> datetime:
    found = moment(row.get("timestamp"))
    if found is None:
        raise BadResponse(f"The row {row.get('id')} has no time.")
    return found


def is_skipped(history: History, row: Mapping[str, Any]) -> bool:
    return any(str(row.get(field)) in values for field, values in history.skips.items())
