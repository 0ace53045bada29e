"""Which request of a history comes next, and how far it has been read after the answer. Pure; times are passed in.

A history is read in windows of time that the exchange allows, each page by page; or, where its rows have ids that rise,
from id to id. Nothing is skipped, because
- windows overlap by a millisecond, whether the exchange means its bounds to be in or out;
- a window counts only when all of it was read, in whatever order the exchange tells it;
- what is younger than `late` does not count: it may not all be there yet, and is read again next time;
- an answer that is full, and cannot go on, makes the window shorter.
So rows come twice, and their keys tell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alphapulse.exchanges.answers import at
from alphapulse.exchanges.errors import BadResponse
from alphapulse.exchanges.facts import History, Pages
from alphapulse.exchanges.history import Cursor

OVERLAP = timedelta(milliseconds=1)

# Until the first page of the oldest window has been asked for, and the next ones, it must not fall out of what is kept.
_MARGIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request at `asked_at` (the exchange's clock): the window's bounds (none where rows go by id), and the page.

    `cursor` is where we are while it is under way: inside the window.
    """

    cursor: Cursor
    asked_at: datetime
    since: datetime | None = None
    until: datetime | None = None
    page: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What counts of an answer: how many raw rows it has, the word for the next page if there is one.

    Where rows go by id: `ids`, each with its time.
    """

    count: int
    next_page: str = ""
    ids: Sequence[tuple[int, datetime]] = ()


def next_ask(history: History, cursor: Cursor, *, now: datetime) -> Ask:
    if history.pages and history.pages.id_field:
        return Ask(cursor=cursor, asked_at=now, page=cursor.page or str(history.pages.first))
    inside = _inside(history, cursor, now)
    assert inside.window_until is not None
    since = inside.reached_at - OVERLAP - history.changes_for
    if history.window:
        since = max(since, inside.window_until - history.window)
    if history.keeps:
        since = max(since, now - history.keeps)
    return Ask(cursor=inside, asked_at=now, since=since, until=inside.window_until, page=inside.page)


def _inside(history: History, cursor: Cursor, now: datetime) -> Cursor:
    """The cursor in the window that was begun, or in a new one."""
    oldest = now - history.keeps if history.keeps else None
    if cursor.window_until and (oldest is None or cursor.window_until > oldest):
        return cursor
    start = max(cursor.reached_at, oldest + _MARGIN) if oldest else cursor.reached_at
    start = min(start, now)
    until = min(start - OVERLAP + history.window, now) if history.window else now
    return Cursor(reached_at=start, window_until=until)


def after(history: History, ask: Ask, told: Told) -> tuple[Cursor, bool]:
    """The cursor behind an answer, and whether nothing is left to be read now. Raises BadResponse: no way to go on."""
    if ask.until is None:
        return _after_ids(history, ask, told)
    settled = ask.asked_at - history.late
    if told.next_page:
        if told.next_page == ask.page:
            raise BadResponse("The answer says that there is more, and names the page that it is.")
        if not ask.page and ask.until > settled:
            # Late rows would push the others from page to page: first what no longer moves.
            return _until_settled(history, ask, settled)
        return replace(ask.cursor, page=told.next_page), False
    if history.pages is None and told.count >= history.per_page:
        return _halved(history, ask, settled)
    reached = ask.until if ask.page else min(ask.until, settled)
    return Cursor(reached_at=max(reached, ask.cursor.reached_at)), ask.until >= ask.asked_at


def _until_settled(history: History, ask: Ask, settled: datetime) -> tuple[Cursor, bool]:
    """The window with an earlier end; where little is left of it, it is asked for again later, and not for ever."""
    start = ask.cursor.reached_at
    if settled - start <= history.late:
        return Cursor(reached_at=start), True
    return Cursor(reached_at=start, window_until=settled), False


def _halved(history: History, ask: Ask, settled: datetime) -> tuple[Cursor, bool]:
    assert ask.until is not None
    start = ask.cursor.reached_at
    if ask.until > settled:
        return _until_settled(history, ask, settled)
    half = start + (ask.until - start) // timedelta(milliseconds=2) * timedelta(milliseconds=1)
    if half <= start:
        raise BadResponse(
            f"There are {history.per_page} rows or more at {start:%Y-%m-%d %H:%M:%S.%f} UTC, which is all that an "
            "answer holds, and there is no way to ask for the rest."
        )
    return Cursor(reached_at=start, window_until=half), False


def _after_ids(history: History, ask: Ask, told: Told) -> tuple[Cursor, bool]:
    asked_for, settled = int(ask.page), ask.asked_at - history.late
    rows = sorted(told.ids)
    if rows and rows[0][0] < asked_for:
        raise BadResponse(f"The answer begins with id {rows[0][0]}, where {asked_for} or a later one was asked for.")
    # Behind these nothing shows any more: what is younger may still lack rows with lower ids.
    counting = [(id_, time) for id_, time in rows if time <= settled]
    is_caught_up = told.count < history.per_page or len(counting) < len(rows)
    reached = settled if is_caught_up else counting[-1][1]
    page = str(_next_id(counting, is_full=not is_caught_up)) if counting else ask.page
    return Cursor(reached_at=max(reached, ask.cursor.reached_at), page=page), is_caught_up


def _next_id(rows: Sequence[tuple[int, datetime]], *, is_full: bool) -> int:
    """Behind these. Who trades with himself has one id twice: the answer may have ended between the two."""
    (first, _), (last, _) = rows[0], rows[-1]
    return last if is_full and first < last else last + 1


def told(
    history: History, page: str, document: object, rows: Sequence[object], ids: Sequence[tuple[int, datetime]] = ()
) -> Told:
    """What counts of an answer: `rows` are its raw ones, in its own order; `ids` and times where they go by id."""
    if history.pages is None or history.pages.id_field:
        return Told(count=_counted(rows, history.parts), ids=ids)
    return Told(count=len(rows), next_page=_next_page(history.per_page, history.pages, page, document, rows))


def _counted(rows: Sequence[object], parts: str) -> int:
    return sum(len(row[parts]) for row in rows if isinstance(row, Mapping)) if parts else len(rows)


def _next_page(per_page: int, pages: Pages, page: str, document: object, rows: Sequence[object]) -> str:
    if not rows:
        return ""
    if pages.cursor_at:
        return str(at(document, pages.cursor_at) or "")
    if len(rows) < per_page:
        return ""
    if pages.after_field:
        return str(_field(rows[-1], pages.after_field))
    return str(int(page or 0) + len(rows)) if pages.counts_rows else str(int(page or 1) + 1)


def _field(row: object, name: str) -> object:
    if not isinstance(row, Mapping) or row.get(name) in (None, ""):
        raise BadResponse(f"A row of the answer has no {name}.")
    return row[name]
