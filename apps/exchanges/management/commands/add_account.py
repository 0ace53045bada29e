"""`python manage.py add_account`: an exchange account from the command line, its key checked first."""

import sys
from difflib import get_close_matches
from getpass import getpass
from typing import Any

from django.core.management.base import CommandError, CommandParser

from alphapulse.types import Credentials
from apps.core.management.explained import ExplainedCommand
from apps.exchanges import keys
from apps.exchanges.keys import AccountRefused
from apps.exchanges.models import DEFAULT_EGRESS, Environment, ExchangeAccount
from apps.exchanges.services import add_account
from apps.users.models import Workspace

EXAMPLES = """
Examples:
  python manage.py add_account --workspace demo --exchange binance --label main --api-key KEY
      asks for the secret, so that it does not end up in the shell's history
  echo "$SECRET" | python manage.py add_account --workspace demo --exchange kraken --label main --api-key KEY --secret -
  python manage.py add_account --workspace demo --exchange okx --label main --api-key KEY --secret - --password -
      the first line of standard input is the secret, the second the password
  python manage.py add_account --workspace demo --exchange bybit --label rehearsal --environment sandbox --api-key KEY
      an account of the sandbox exchange that `make run` starts; without --environment it is the LIVE exchange

The key is checked against the exchange before anything is stored. Give it the right to read, and nothing else;
never the right to withdraw. Exit status: 0 stored, 1 refused (the reason is on standard error), 2 wrong usage.
"""


class Command(ExplainedCommand):
    help = "Add an exchange account: checks the key against the exchange, says what it may do, stores it encrypted."

    examples = EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", required=True, help="whose account it is, e.g. demo")
        parser.add_argument("--exchange", required=True, help="the exchange's id: binance, bybit, kraken, okx ...")
        parser.add_argument("--label", required=True, help="what you call it; unique in the workspace")
        parser.add_argument("--api-key", required=True)
        parser.add_argument("--secret", help="`-` reads it from standard input; left out, you are asked for it")
        parser.add_argument("--password", default="", help="where the exchange wants one (okx, kucoin); `-` as above")
        parser.add_argument(
            "--environment",
            default=Environment.LIVE.value,
            choices=Environment.values,
            help="live: the exchange itself (by itself so); sandbox: the sandbox exchange",
        )
        parser.add_argument("--egress", default=DEFAULT_EGRESS, help="label of EGRESSES by which its traffic leaves")
        parser.add_argument(
            "--no-check", action="store_true", help="store the key unchecked, where the exchange cannot be reached now"
        )

        parser.add_argument(
            "--may-withdraw", action="store_true", help="store the key even if it has the right to withdraw"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = _workspace(options["workspace"])
        credentials = _credentials(options)
        if not options["no_check"]:
            self.stderr.write(f"Checking the key with {_where(options)} ...")
        try:
            account = add_account(
                workspace=workspace,
                exchange_id=options["exchange"],
                label=options["label"],
                credentials=credentials,
                environment=options["environment"],
                egress=options["egress"],
                check=not options["no_check"],
                may_withdraw=options["may_withdraw"],
            )
        except AccountRefused as refusal:
            raise CommandError(f"Nothing was stored. {refusal}{_hint(options)}") from None
        self._tell(account)

    def _tell(self, account: ExchangeAccount) -> None:
        self.stdout.write(self.style.SUCCESS(f"Added {account} as account {account.pk} of {account.workspace}."))
        if account.environment == Environment.LIVE:
            self.stdout.write(f"It is a LIVE account: {account.exchange_id} itself is asked, not the sandbox.")
        self.stdout.write("The key:")
        for line in keys.in_words(account.permissions):
            self.stdout.write(f"  - {line}")
        if account.exchange_uid:
            self.stdout.write(f"  - belongs to account {account.exchange_uid} there")
        for warning in account.permissions.get("warnings", []):
            self.stderr.write(self.style.WARNING(f"WARNING: {warning}"))
        if not account.is_enabled:
            self.stderr.write(self.style.WARNING(f"WARNING: it is disabled: {account.disabled_reason}"))


def _where(options: dict[str, Any]) -> str:
    if options["environment"] == Environment.SANDBOX:
        return f"the sandbox's {options['exchange']}"
    return f"the LIVE {options['exchange']}"


def _hint(options: dict[str, Any]) -> str:
    if options["environment"] == Environment.SANDBOX:
        return ""
    return f" (This was meant for {_where(options)}; the sandbox exchange is `--environment sandbox`.)"


def _workspace(name: str) -> Workspace:
    workspace = Workspace.objects.filter(name=name).first()
    if workspace:
        return workspace
    names = list(Workspace.objects.order_by("name").values_list("name", flat=True)[:1000])
    near = get_close_matches(name, names, n=3) or names[:5]
    there_are = (
        f"There are: {', '.join(near)}." if near else "There is none yet: `manage.py createsuperuser` makes one."
    )
    raise CommandError(f"There is no workspace called {name!r}. {there_are}")


def _credentials(options: dict[str, Any]) -> Credentials:
    secret = _asked("secret", options["secret"])
    return Credentials(api_key=options["api_key"], secret=secret, password=_asked("password", options["password"]))


def _asked(name: str, given: str | None) -> str:
    if given == "-":
        return _read_line(name)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise CommandError(f"No {name} given: pass `--{name} -` and send it on standard input.")
    return getpass(f"{name.capitalize()}: ")


def _read_line(name: str) -> str:
    line = sys.stdin.readline().strip()
    if not line:
        raise CommandError(f"Standard input ended where the {name} was expected.")
    return line
