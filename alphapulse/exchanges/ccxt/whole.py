"""Did every row of an answer come through? ccxt leaves out, merges or guesses what it cannot read."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from alphapulse.exchanges import parse
from alphapulse.exchanges.answers import may_be_empty
from alphapulse.exchanges.errors import BadResponse
from alphapulse.exchanges.facts import Call, Holding
from alphapulse.money import NotMoney, to_decimal
from alphapulse.types import Position, SyncKind

# Where each row of an answer is a row of ours (ccxt leaves out positions of size zero): many that come to none are no
# empty wallet, but an answer that ccxt cannot read.
_ROW_FOR_ROW = (SyncKind.BALANCES, SyncKind.ORDERS, SyncKind.TICKERS, SyncKind.FUNDING_RATES)


def check_emptiness(kind: SyncKind, call: Call, page: object, answered: object) -> None:
    """Raises BadResponse where nothing was read of an answer that does not say "nothing there"."""
    if parse.entries(page):
        return
    if kind in _ROW_FOR_ROW and isinstance(answered, list) and answered:
        raise BadResponse(f"None of the answer's {len(answered)} rows could be read.")
    if not call.rows and not may_be_empty(answered):
        raise BadResponse("The answer holds nothing that could be a list of rows, not even an empty one.")


def check_balances(holding: Holding, page: object, answered: object, code_of: Callable[[str], str | None]) -> None:
    """Every row that holds something is among what ccxt read, under a name of its own."""
    read = page if isinstance(page, Mapping) else {}
    seen: dict[str, list[object]] = {}
    for name, row in _named_rows(holding, answered):
        amounts = [row.get(field) for field in holding.amounts]
        if all(_is_nothing(amount) for amount in amounts) and any(amount not in (None, "") for amount in amounts):
            continue
        code = code_of(name) if isinstance(name, str) and name else None
        if not code or code not in read:
            raise BadResponse(f"The balance of {name or 'a currency without a name'} could not be read.")
        if seen.setdefault(code, amounts) != amounts and not holding.is_summed:
            raise BadResponse(f"The answer lists {code} twice, and differently.")


def check_positions(size_field: str, rows: Sequence[object], answered: object) -> None:
    """As many positions came of the answer as it has rows with a size."""
    listed = list(answered.values()) if isinstance(answered, Mapping) else answered
    assert isinstance(listed, list)
    sizes = [_size(row, size_field) for row in listed]
    expected, found = sum(1 for size in sizes if size), sum(1 for row in rows if isinstance(row, Position))
    if expected != found:
        raise BadResponse(f"The answer has {expected} open positions, of which {found} could be read.")


def _named_rows(holding: Holding, answered: object) -> list[tuple[Any, Mapping[str, Any]]]:
    if holding.name and isinstance(answered, list):
        return [(row.get(holding.name), row) for row in answered if isinstance(row, Mapping)]
    if not holding.name and isinstance(answered, Mapping):
        return [(name, row if isinstance(row, Mapping) else {}) for name, row in answered.items()]
    return []


def _is_nothing(amount: object) -> bool:
    try:
        return amount in (None, "") or not to_decimal(amount)
    except NotMoney:
        return False


def _size(row: object, field: str) -> Decimal:
    try:
        return to_decimal(row.get(field) if isinstance(row, Mapping) else None)
    except NotMoney:
        raise BadResponse(f"A position in the answer has no usable {field}.") from None
