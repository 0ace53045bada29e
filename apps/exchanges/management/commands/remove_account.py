"""`python manage.py remove_account`: as its owner deletes it over REST."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.core.clock import now
from apps.core.management.explained import ExplainedCommand
from apps.exchanges.management.naming import account_named
from apps.exchanges.services import archive_account

EXAMPLES = """
Examples:
  python manage.py remove_account --account old            says what would be done
  python manage.py remove_account --account old --yes      does it

Its credentials are erased at once, its syncs end, and it is in no list any more; there is no way back. What happened
to it stays and still counts: `manage.py purge_account ID --export DIR` exports that and takes it out too. To stop the
syncs alone, disable the account in the admin. Exit status: 0 deleted, 1 not deleted, 2 wrong usage.
"""


class Command(ExplainedCommand):
    help = "Delete an exchange account: its credentials are erased, its history stays."
    examples = EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", required=True, metavar="LABEL|ID", help="the account's label, or its id")
        parser.add_argument("--workspace", help="where two workspaces have an account of that label")
        parser.add_argument("--yes", action="store_true", help="really")

    def handle(self, *args: Any, **options: Any) -> None:
        account = account_named(options["account"], options["workspace"])
        name = f"{account} of {account.workspace}, account {account.pk}"
        if not options["yes"]:
            raise CommandError(
                f"This would delete {name}: its credentials would be erased, its history would stay. "
                "Say --yes if that is meant. Nothing was deleted."
            )
        archive_account(account, at=now())
        self.stdout.write(
            self.style.SUCCESS(f"Deleted {name}. What is left: `manage.py purge_account {account.pk} --export DIR`.")
        )
