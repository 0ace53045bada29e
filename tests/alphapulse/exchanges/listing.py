"""An exchange's list of what happened, played by the rules that real ones have: a clock, late rows, pages, bounds."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from alphapulse.exchanges import windows
from alphapulse.exchanges.facts import History
from alphapulse.exchanges.history import Cursor
from alphapulse.exchanges.windows import Ask

START = datetime(2025, 1, 1, tzinfo=UTC)


def at(milliseconds: int) -> datetime:
    return START + timedelta(milliseconds=milliseconds)


@dataclass(frozen=True, kw_only=True)
class Happened:
    """`late`: so long after `ms` it shows."""

    number: int
    ms: int
    late: int = 0


@dataclass(kw_only=True)
class Listing:
    """Answers requests at `now` (milliseconds from START); `takes` is how long a request is on its way."""

    history: History
    events: list[Happened]
    is_newest_first: bool = True
    has_open_start: bool = False
    has_open_end: bool = False
    now: int = 0
    takes: int = 1
    requests: int = field(default=0, init=False)

    def step(self, cursor: Cursor, requests: int) -> tuple[list[Happened], Cursor, bool]:
        """What one step brings. Raises BadResponse where there is no way on."""
        found: list[Happened] = []
        for _ in range(requests):
            ask = windows.next_ask(self.history, cursor, now=at(self.now))
            self.now += self.takes
            self.requests += 1
            rows, document = self._answer(ask)
            ids = [(row.number, at(row.ms)) for row in rows]
            told = windows.told(self.history, ask.page, document, [{"id": row.number} for row in rows], ids)
            cursor, is_caught_up = windows.after(self.history, ask, told)
            found += rows
            if is_caught_up:
                return found, cursor, True
        return found, cursor, False

    def _answer(self, ask: Ask) -> tuple[list[Happened], object]:
        pages, size = self.history.pages, self.history.per_page
        visible = sorted((e for e in self.events if e.ms + e.late <= self.now), key=lambda e: (e.ms, e.number))
        if pages and pages.id_field:
            return [e for e in visible if e.number >= int(ask.page)][:size], None
        rows = [e for e in visible if self._is_within(e, ask)]
        if self.is_newest_first:
            rows.reverse()
        if pages is None:
            return rows[:size], None
        if pages.cursor_at:
            rest = rows[self._place(rows, ask.page) :]
            return rest[:size], {"next": str(rest[size - 1].number) if len(rest) > size else ""}
        skipped = int(ask.page or 0) if pages.counts_rows else (int(ask.page or 1) - 1) * size
        return rows[skipped : skipped + size], None

    def _is_within(self, event: Happened, ask: Ask) -> bool:
        assert ask.since is not None
        assert ask.until is not None
        assert self.history.window is None or ask.until - ask.since <= self.history.window
        since, until = (int((bound - START) / timedelta(milliseconds=1)) for bound in (ask.since, ask.until))
        after = event.ms > since if self.has_open_start else event.ms >= since
        before = event.ms < until if self.has_open_end else event.ms <= until
        return after and before

    def _place(self, rows: list[Happened], page: str) -> int:
        """A cursor names a row; what came before it since does not move what is behind."""
        return next((i + 1 for i, row in enumerate(rows) if str(row.number) == page), 0)
