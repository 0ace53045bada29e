"""Profit and loss, calculated once for each change of what it is made from, and kept.

Few rows are calculated by who asks; many by a compute worker (`portfolio.keep_books`), while who asks is told the last
statement as what it is, or that there is none yet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from alphapulse.portfolio.lots import Method
from apps.portfolio.models import Statement
from apps.portfolio.services.bookkeeping import LEASE, is_wanted, made_from, try_to_keep
from apps.portfolio.services.happenings import accounts_of
from apps.portfolio.services.priced_from import in_words
from apps.users.models import Workspace

# So many rows take less than half a second.
AT_ONCE = 1000
# A worker that was asked and has not begun for so long is asked again.
PATIENCE = timedelta(minutes=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A statement as it is found: `is_current` while it is made from what there is now; `is_wanted`: a worker shall
    calculate it now, for it is not, or may have fewer gaps by now. `error`: why it cannot be, until `again_at`.
    `read_back`: symbols whose candles it needs, and which are still being read."""

    statement: Statement
    is_current: bool
    is_wanted: bool
    rows: int
    error: str = ""
    again_at: datetime | None = None
    read_back: Sequence[str] = ()

    def reasons(self) -> Iterator[str]:
        """Why it is not what it will be, in words."""
        if not self.is_current:
            yield self._why_not_current
        yield from in_words(self.read_back)

    @property
    def _why_not_current(self) -> str:
        if self.error and self.again_at:
            return f"It could not be calculated anew. {self.error} It is tried again at {self.again_at:%H:%M} UTC."
        return "Something has happened, or prices have come, since: it is being calculated anew."


def statement_of(
    workspace: Workspace,
    environment: str,
    *,
    currency: str,
    method: Method,
    is_at_par: bool,
    now: datetime,
    part: str = "days",
) -> Sight:
    """Calculated here where that is quick; else as it was last calculated, perhaps never.

    `part`: what will be told of it, `days` or `flows`; both are megabytes of a long past.
    """
    names = {"environment": environment, "currency": currency, "method": method.value, "is_at_par": is_at_par}
    statement, _ = Statement.objects.light(part).get_or_create(workspace=workspace, **names)
    accounts = accounts_of(workspace, environment)
    found = made_from(statement, accounts)
    rows, wanted = found.rows, is_wanted(statement, found.letters, now)
    if wanted and rows <= AT_ONCE and not _has_failed(statement, now):
        try_to_keep(statement, now)
        found, wanted = made_from(statement, accounts), False
    # What few rows cost nobody need rest from.
    rests = _has_failed(statement, now) or (rows > AT_ONCE and statement.rests(now))
    return Sight(
        statement=statement,
        is_current=statement.made_from == found.letters,
        is_wanted=wanted and not rests,
        rows=rows,
        error=statement.error if _has_failed(statement, now) else "",
        again_at=statement.rests_until,
        read_back=found.read_back,
    )


def _has_failed(statement: Statement, now: datetime) -> bool:
    """And is not to be tried again yet."""
    return bool(statement.error) and statement.rests(now)


def ask(statement: Statement, now: datetime) -> bool:
    """Whether a worker is to be asked now: nobody has been lately, and nobody is at it."""
    lately = Q(asked_at__gte=now - PATIENCE) | Q(begun_at__gt=now - LEASE)
    return bool(Statement.objects.filter(pk=statement.pk).exclude(lately).update(asked_at=now))
