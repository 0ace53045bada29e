"""`python manage.py purge_account`: what is left of a deleted account, exported to files and taken out for good."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.core.clock import now
from apps.core.durations import counted
from apps.core.management.explained import ExplainedCommand
from apps.exchanges.models import ExchangeAccount
from apps.exchanges.services import purging
from apps.exchanges.services.export import MANIFEST, Export
from apps.exchanges.services.purging import PurgeRefused

EXAMPLES = """
Examples:
  python manage.py purge_account 7 --export /srv/exports          exports, verifies, and says what would be deleted
  python manage.py purge_account 7 --export /srv/exports --yes    and then deletes it

A deleted account has no credentials any more, and its history stays and counts in profit and loss. Purging takes that
away too: there is no way back but the files. DIR/account-7/ gets a file of JSON lines for each table, and at the end
manifest.json, with the number of rows and the SHA-256 of each file. Everything is written through to the disk and read
again before anything is deleted; amounts are exact decimals as strings.

Killed, say the same again: an export that is whole is kept, and the deleting, in transactions of 1,000 rows, goes on
where it was. Two entries of the audit, at the beginning and the end, have the manifest's SHA-256; what the audit says
of the account stays for ever. Whoever reads the files reads the account's history: they are closed to other users.

Exit status: 0 done, 1 refused (an account that was not deleted before, an export that cannot be written or is not
whole), 2 wrong usage.
"""


class Command(ExplainedCommand):
    help = "Export all that is left of a deleted account to files, and delete it from the database."
    examples = EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", type=int, metavar="ID", help="the account's id, as the audit has it")
        parser.add_argument("--export", required=True, type=Path, metavar="DIR", help="where the files are to go")
        parser.add_argument("--yes", action="store_true", help="really delete it; without: the export alone")

    def handle(self, *args: Any, **options: Any) -> None:
        account = _account(options["account"])
        try:
            made = purging.exported(account, options["export"], at=now())
            self._tell_export(made)
            if not options["yes"]:
                self.stdout.write(f"Nothing of {account} was deleted: say --yes if that is meant.")
                return
            purging.purge(account, made, at=now(), on_progress=self._tell_progress)
        except PurgeRefused as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(self.style.SUCCESS(f"Purged {account}, account {options['account']}."))

    def _tell_export(self, made: Export) -> None:
        rows = {name: told["rows"] for name, told in made.manifest["files"].items()}
        for name, number in rows.items():
            self.stdout.write(f"{name}: {counted(number, 'row')}")
        self.stdout.write(f"Exported and verified: {made.folder / MANIFEST}, SHA-256 {made.digest}")

    def _tell_progress(self, table: str, rows: int) -> None:
        self.stderr.write(f"{table}: {counted(rows, 'row')} deleted")


def _account(pk: int) -> ExchangeAccount:
    account = ExchangeAccount.objects.select_related("workspace").filter(pk=pk).first()
    if account is not None:
        return account
    if entry := purging.purged_before(pk):
        told = entry.details
        raise CommandError(
            f"{entry.name} was purged at {entry.at:%Y-%m-%d %H:%M:%S} UTC; it was exported to {told['export']}, "
            f"whose manifest has the SHA-256 {told['manifest_sha256']}."
        )
    raise CommandError(f"There is no account {pk}.")
