"""`python manage.py import_history`: what happened before the API tells it, from the exchange's own CSV files."""

from argparse import ArgumentTypeError
from collections import Counter
from datetime import timezone
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from alphapulse.exchanges.exports import cells
from alphapulse.exchanges.exports.errors import ExportError
from alphapulse.exchanges.exports.reading import FORMATS, Choices, Export
from apps.core.clock import now
from apps.core.management.explained import ExplainedCommand
from apps.exchanges.management.naming import account_named
from apps.exchanges.models import ExchangeAccount
from apps.ledger.services.imports import Imported, import_export, read_for

PROGRESS_EVERY = 10_000

EXAMPLES = f"""
Examples:
  python manage.py import_history Binance-Spot-Trade-History.csv --account main --dry-run     says what would happen
  python manage.py import_history *.csv --account main
  python manage.py import_history statement.csv --account main --utc-offset +01:00

Rows get the keys that the API's rows have, so that nothing counts twice, in whatever order files and syncs come, and
however often. Where a file has no ids (Binance's spot trades), its rows are matched by second, symbol, side, price and
amount, and give way to the exchange's own when those come. What the exchange itself has told is never changed.

Every file is read to its end before anything is stored: with a mistake in one of them, nothing is. What a file tells
that another one tells better (trades in a statement) is skipped, and counted; an operation that nobody has seen yet is
kept as kind "other", and named. Interrupted? The same command again adds what is missing.

The format is recognised by the header row:
{chr(10).join(f"  {format.name:<28}{format.title}" for format in FORMATS)}

Exit status: 0 imported, or nothing was new; 1 not imported; 2 wrong usage.
"""


class Command(ExplainedCommand):
    help = "Read an exchange's own CSV exports into an account's history."
    examples = EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a CSV file of the exchange's")
        parser.add_argument("--account", required=True, metavar="LABEL|ID", help="the account's label, or its id")
        parser.add_argument("--workspace", help="where two workspaces have an account of that label")
        parser.add_argument("--dry-run", action="store_true", help="say what would be new, and store nothing")
        parser.add_argument("--format", default="", metavar="NAME", help="where two formats have the same header")
        parser.add_argument("--utc-offset", type=_offset, metavar="+HH:MM", help="of times that do not say it")
        parser.add_argument("--decimal-comma", action="store_true", help="1,5 is one and a half (from a spreadsheet)")

    def handle(self, *args: Any, **options: Any) -> None:
        account = account_named(options["account"], options["workspace"])
        choices = Choices(
            format=options["format"], zone=options["utc_offset"], has_decimal_comma=options["decimal_comma"]
        )
        exports = {path: self._read(account, path, choices) for path in options["files"]}
        for path, export in exports.items():
            self._tell(path, export, self._import(account, path, export, is_trial=options["dry_run"]))
        if options["dry_run"]:
            self.stdout.write("This was a dry run: nothing was stored.")

    def _read(self, account: ExchangeAccount, path: Path, choices: Choices) -> Export:
        try:
            with path.open("rb") as stream:
                return read_for(
                    account,
                    stream,
                    file_name=path.name,
                    choices=choices,
                    on_progress=lambda rows: self._progress(path, rows, "read"),
                )
        except (ExportError, OSError) as problem:
            reason = problem.strerror if isinstance(problem, OSError) else problem
            raise CommandError(f"{path}: {reason}\nNothing was stored.") from None

    def _import(self, account: ExchangeAccount, path: Path, export: Export, *, is_trial: bool) -> Imported:
        return import_export(
            account,
            export,
            file_name=path.name,
            at=now(),
            is_trial=is_trial,
            on_progress=lambda rows: self._progress(path, rows, "looked up" if is_trial else "stored"),
        )

    def _progress(self, path: Path, rows: int, done: str) -> None:
        if rows % PROGRESS_EVERY == 0:
            self.stderr.write(f"{path.name}: {rows:,} rows {done}")

    def _tell(self, path: Path, export: Export, imported: Imported) -> None:
        self.stdout.write(f"{path.name}: {export.format.title}, {export.rows:,} rows{_span(export)}")
        for kind in imported.kinds:
            line = f"  {kind.replace('_', ' ')}: {imported.new[kind]:,} new, {imported.known(kind):,} known already"
            self.stdout.write(self.style.SUCCESS(line))
        self._count("skipped", export.left)
        self._count("look at", export.notes)

    def _count(self, what: str, reasons: Counter[str]) -> None:
        for reason, number in reasons.most_common():
            self.stdout.write(f"  {what}: {number:,} x {reason}")


def _span(export: Export) -> str:
    times = [event.exchange_at for event in export.events if event.exchange_at]
    return f", {min(times):%Y-%m-%d} to {max(times):%Y-%m-%d} (UTC)" if times else ""


def _offset(text: str) -> timezone:
    try:
        return cells.offset(text)
    except ValueError as problem:
        raise ArgumentTypeError(str(problem)) from None
