"""`python manage.py sync_status`: how current everything is, and what is wrong."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.core.management.base import CommandParser

from apps.core.clock import now
from apps.core.durations import ago, in_words
from apps.core.management.explained import ExplainedCommand
from apps.exchanges.management.naming import account_named
from apps.sync.models import SyncState
from apps.sync.services.status import (
    NOT_CURRENT,
    TROUBLED,
    Standing,
    StateLine,
    blocked_lanes,
    in_short,
    is_standing_still,
    state_lines,
)
from apps.system.services.status import alarms

HEADINGS = ("account", "exchange", "environment", "kind", "last success", "next due", "failures", "breaker")

ALARMING = TROUBLED | {Standing.HELD_BACK}

EXAMPLES = """
Examples:
  python manage.py sync_status                     everything, one line per account and kind
  python manage.py sync_status --failing           only what is not current, with the reason and what to do
  python manage.py sync_status --account main --json

Lines without an account (-) are an exchange's own: its prices and its markets. On top: ops events that are open, and
exchanges that are not asked at the moment (why, until when). "Held back" is what is not read though nothing is wrong
with it: its exchange is not asked, or it is overdue by more than three intervals. Times are UTC.
Exit status: 0, whatever the state of things; 1 where the account is not known; 2 wrong usage.
"""


class Command(ExplainedCommand):
    help = "Show for each account and kind: last success, next due, failures, breaker, error and what to do."
    examples = EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", metavar="LABEL|ID", help="only this account")
        parser.add_argument("--workspace", help="where two workspaces have an account of that label")
        parser.add_argument(
            "--failing", action="store_true", help="only what is not current: failing, held back, never read, disabled"
        )
        parser.add_argument("--json", action="store_true", help="as JSON, times in UTC, durations in seconds")

    def handle(self, *args: Any, **options: Any) -> None:
        states = SyncState.objects.all()
        if options["account"]:
            states = states.filter(account=account_named(options["account"], options["workspace"]))
        at = now()
        everything = state_lines(states, at)
        lines = [line for line in everything if line.standing in NOT_CURRENT] if options["failing"] else everything
        if options["json"]:
            self.stdout.write(_as_json(lines, at))
        else:
            for alarm in [*alarms(at), *_standstill(everything), *map(str, blocked_lanes(everything, at).values())]:
                self.stdout.write(self.style.ERROR(alarm))
            self._table(lines, at, is_narrowed=bool(options["failing"] or options["account"]))

    def _table(self, lines: Sequence[StateLine], at: datetime, *, is_narrowed: bool) -> None:
        if not lines:
            nothing = "Nothing to show." if is_narrowed else "Nothing is synced yet: `manage.py add_account` adds one."
            self.stdout.write(nothing)
            return
        rows = [HEADINGS, *(_cells(line, at) for line in lines)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
        self.stdout.write(_row(HEADINGS, widths))
        for line, row in zip(lines, rows[1:], strict=True):
            cells = _row(row, widths)
            self.stdout.write(self.style.ERROR(cells) if line.standing in ALARMING else cells)
            if told := _told(line):
                self.stdout.write(f"    {told}")
        self.stdout.write(in_short(lines))


def _standstill(lines: Sequence[StateLine]) -> list[str]:
    if not is_standing_still(lines):
        return []
    return ["Everything is overdue: no worker seems to run. Start the system with `make run`, or its workers and beat."]


def _cells(line: StateLine, at: datetime) -> tuple[str, ...]:
    return (
        line.account or "-",
        line.exchange_id,
        line.environment,
        line.kind,
        ago(line.succeeded_at, at),
        _due(line, at),
        str(line.failures),
        line.breaker,
    )


def _told(line: StateLine) -> str:
    """What is wrong, and what to do."""
    if line.error:
        return f"{line.error} {line.advice}".rstrip()
    if line.standing is Standing.READING_BACK:
        return f"{line.standing}: {line.progress}" if line.progress else line.standing
    return line.standing if line.standing in (Standing.HELD_BACK, Standing.NOT_READ_YET) else ""


def _due(line: StateLine, at: datetime) -> str:
    if line.due_at is None:
        return "not asked"
    return f"{in_words(line.lag)} overdue" if line.lag > timedelta(seconds=1) else ago(line.due_at, at)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _as_json(lines: Sequence[StateLine], at: datetime) -> str:
    document = {"at": at, "states": [asdict(line) for line in lines]}
    return orjson.dumps(document, default=_seconds, option=orjson.OPT_INDENT_2).decode()


def _seconds(value: object) -> float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(f"{type(value).__name__} is not JSON")
