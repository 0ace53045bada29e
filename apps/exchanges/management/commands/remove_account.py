"""`python manage.py remove_account`: an account, its credentials and everything that was read of it, erased."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.core.clock import now
from apps.core.management.explained import ExplainedCommand
from apps.exchanges.management.naming import account_named
from apps.exchanges.models import ExchangeAccount
from apps.exchanges.services import remove_account

EXAMPLES = """
Examples:
  python manage.py remove_account --account old            says what would be erased
  python manage.py remove_account --account old --yes      erases it

There is no way back. To stop the syncs and keep what was read, disable the account in the admin instead; over REST its
owner can delete it, which erases the credentials at once and keeps the history. Such a one is erased here by its id.
The audit's entries about it stay. Exit status: 0 erased, 1 not erased, 2 wrong usage.
"""


class Command(ExplainedCommand):
    help = "Erase an exchange account: its credentials, its rows, its history."
    examples = EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", required=True, metavar="LABEL|ID", help="the account's label, or its id")
        parser.add_argument("--workspace", help="where two workspaces have an account of that label")
        parser.add_argument("--yes", action="store_true", help="really")

    def handle(self, *args: Any, **options: Any) -> None:
        account = account_named(options["account"], options["workspace"], among=ExchangeAccount.objects.all())
        name = f"{account} of {account.workspace}, account {account.pk}"
        if not options["yes"]:
            raise CommandError(
                f"This would erase {name}: its credentials, its balances, positions and orders, and its history. "
                "Say --yes if that is meant. Nothing was erased."
            )
        remove_account(account, at=now())
        self.stdout.write(self.style.SUCCESS(f"Erased {name}."))
