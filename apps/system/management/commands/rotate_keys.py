"""`python manage.py rotate_keys`: seals everything anew with the first key of CREDENTIAL_KEYS."""

from collections import Counter
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.core.durations import counted
from apps.core.encryption import first_key_id
from apps.core.management.explained import ExplainedCommand
from apps.system.services import rotation

TOLD_EVERY = 100  # rows
SHOWN = 20  # rows that cannot be opened, by name

EXAMPLES = """
Examples:
  python manage.py rotate_keys --check    says how many rows each key has sealed, and which none opens
  python manage.py rotate_keys            seals anew what another key than the first has sealed

It may be run while everything else runs, interrupted at any time, and run again: each row is done or not. What
somebody enters at the same time stays. First give every process the new key BEHIND the old one, so that all can read
what it seals; then put it in front; then run this; then take the old key away, when --check finds nothing under it.
Exit status: 0 all is sealed with the first key; 1 something is not (yet); 2 wrong usage.
"""


class Command(ExplainedCommand):
    help = "Re-encrypt credentials and two-factor secrets with the first key of CREDENTIAL_KEYS."
    examples = EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing: say what each key has sealed")

    def handle(self, *args: Any, **options: Any) -> None:
        problems = list(rotation.unreadable()) if options["check"] else self._rotate()
        self._tell_keys()
        for step in problems[:SHOWN]:
            self.stderr.write(self.style.ERROR(f"{step.name}: {step.problem}"))
        if problems:
            raise CommandError(
                f"{counted(len(problems), 'row')} cannot be opened: put the key that sealed them back into "
                "CREDENTIAL_KEYS, or enter them anew."
            )
        if left := rotation.left():
            raise CommandError(f"{counted(left, 'row')} not sealed with {first_key_id()!r} yet: run rotate_keys.")

    def _rotate(self) -> list[rotation.Step]:
        """The rows that could not be opened."""
        there_are = rotation.left()
        self._tell(f"{counted(there_are, 'row')} to be sealed with {first_key_id()!r}")
        problems, done = [], Counter[bool]()
        try:
            for number, step in enumerate(rotation.seal_all_anew(), start=1):
                done[step.is_moved] += 1
                problems += [step] if step.problem else []
                if number % TOLD_EVERY == 0:
                    self._tell(f"{number:,} of {there_are:,}")
        except KeyboardInterrupt:
            raise CommandError(f"Interrupted. {done[True]:,} rows are done; run it again for the others.") from None
        self._tell(f"{counted(done[True], 'row')} sealed anew")
        return problems

    def _tell_keys(self) -> None:
        for name, keys in rotation.by_key().items():
            told = ", ".join(f"{rows:,} with {key_id!r}" for key_id, rows in sorted(keys.items()))
            self._tell(f"{name}: {told or 'none'}")

    def _tell(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
