"""One ccxt call, page by page, each answer checked to be one."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from alphapulse.exchanges.answers import at, rows_in
from alphapulse.exchanges.catalogue import Call, Paging
from alphapulse.exchanges.errors import BadResponse

# More pages than any account has: a cursor that never ends is the exchange's mistake.
MOST_PAGES = 100


async def pages(client: Any, method: str, arguments: Sequence[object], call: Call) -> AsyncIterator[tuple[Any, object]]:
    """What the ccxt method made of each page, and the rows it was made of. Raises BadResponse for what is no answer."""
    params = dict(call.params)
    if call.paging:
        params[call.paging.limit_param] = call.paging.per_page
    for number in range(1, MOST_PAGES + 1):
        client.last_answer = None
        page = await getattr(client, method)(*arguments, dict(params))
        answer = client.last_answer
        if answer is None:
            raise BadResponse("Nothing was asked of the exchange, so its answer cannot be believed.")
        rows = rows_in(answer.document, call.rows)
        yield page, rows
        cursor = _next(call.paging, answer.document, rows, number) if call.paging else None
        if call.paging is None or not cursor:
            return
        params[call.paging.cursor_param] = cursor
    raise BadResponse(f"The answer has more than {MOST_PAGES} pages.")


def _next(paging: Paging, document: object, rows: Any, number: int) -> object:
    if not rows or (paging.more_at and at(document, paging.more_at) is not True):
        return None
    if paging.of_field:
        return number + 1 if any(int(row[paging.of_field]) > number * paging.per_page for row in rows) else None
    if paging.cursor_at:
        return at(document, paging.cursor_at)
    if len(rows) < paging.per_page:
        return None
    return rows[-1][paging.cursor_field] if paging.cursor_field else number + 1
