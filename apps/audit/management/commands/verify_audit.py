"""`python manage.py verify_audit`: was anything of the audit changed or taken away?"""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.audit.services.verifying import Verdict, verify
from apps.core.durations import counted
from apps.core.management.explained import ExplainedCommand

EXAMPLES = """
Examples:
  python manage.py verify_audit --log var/logs/worker-control.log
  docker compose logs --no-color | python manage.py verify_audit --log -
  python manage.py verify_audit --log march.log --log april.log

Every minute the entries that were committed are chained (each digest covers the one before), and a seal says how long
the chain is and how it ends, with an HMAC whose key (AUDIT_SEAL_KEYS) the database does not know. A seal is a row and a
line of the log. This finds
  - an entry that was changed, or deleted from the middle: by the chain
  - a chain that was written anew to fit: by the seals
  - a tail that was deleted: by the seals, and with its seals: by the log (--log; without it that cannot be found)
and says which entries and when. What is younger than the newest seal is not sealed yet: a minute at most.

Exit status: 0 all in order, 1 something is wrong (a line for each), 2 wrong usage.
"""


class Command(ExplainedCommand):
    help = "Verify the audit: finds entries that were changed or deleted, and says which and when."
    examples = EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--log",
            action="append",
            default=[],
            metavar="FILE",
            help="a log with seals in it, best from another machine; may be repeated; `-` is standard input",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        verdict = verify(_lines(options["log"]))
        for problem in verdict.problems:
            self.stdout.write(self.style.ERROR(problem))
        if options["log"] and not verdict.logged:
            raise CommandError("There is no seal in the log: is LOG_LEVEL above INFO, or is it another's log?")
        if verdict.problems:
            raise CommandError(f"{counted(len(verdict.problems), 'problem')} in the audit. {_looked_at(verdict)}")
        self.stdout.write(self.style.SUCCESS(f"All in order. {_looked_at(verdict)}"))
        if not options["log"]:
            self.stdout.write("Without --log, a tail that was deleted together with its seals cannot be found.")


def _looked_at(verdict: Verdict) -> str:
    until = f", the newest of {verdict.sealed_at}" if verdict.sealed_at else ""
    return (
        f"Entries: {verdict.entries} chained, {verdict.waiting} waiting for the next seal; "
        f"{counted(verdict.seals, 'seal')} in the table{until}, {verdict.logged} in the log."
    )


def _lines(files: Iterable[str]) -> Iterator[str]:
    for name in files:
        if name == "-":
            yield from sys.stdin
            continue
        try:
            with open(name, encoding="utf-8", errors="replace") as file:
                yield from file
        except OSError as problem:
            raise CommandError(f"The log cannot be read: {problem}.") from None
