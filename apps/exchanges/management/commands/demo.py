"""`python manage.py demo`: somebody to log in as, with accounts that are worth looking at."""

import hashlib
import hmac
import os
import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from alphapulse.types import Credentials
from apps.core.clock import now
from apps.core.management.explained import ExplainedCommand
from apps.exchanges import connections
from apps.exchanges.keys import AccountRefused
from apps.exchanges.management.demo_accounts import DEMO_ACCOUNTS, DemoAccount
from apps.exchanges.management.sandbox_control import SandboxRefused, control
from apps.exchanges.models import Environment, ExchangeAccount
from apps.exchanges.services import add_account
from apps.users.models import User, Workspace
from apps.users.services.preferences import change_settings

USERNAME = "demo"

EXAMPLES = """
It may be run again at any time: what is there stays as it is, and a sandbox exchange that has forgotten
the accounts is given them again with the keys that we have. `make run` runs it at every start.

Environment: DEMO_PASSWORD is the password of a new user (otherwise one is made and printed once);
SANDBOX_URL says where the sandbox exchange is.
"""


class Command(ExplainedCommand):
    help = "Make the user `demo` with accounts on the sandbox exchanges, if they are not there yet."
    examples = EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user-only", action="store_true", help="no accounts: there is no sandbox exchange")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = self._user_workspace()
        if options["user_only"]:
            return
        if not settings.SANDBOX_URL:
            raise CommandError("SANDBOX_URL is not set: start the sandbox exchange first, or use --user-only.")
        try:
            for demo in DEMO_ACCOUNTS:
                self._account(demo, workspace)
        except (SandboxRefused, AccountRefused) as problem:
            raise CommandError(str(problem)) from None

    def _user_workspace(self) -> Workspace:
        user = User.objects.filter(username=USERNAME).first()
        if user is None:
            given = os.environ.get("DEMO_PASSWORD")
            password = given or secrets.token_urlsafe(9)
            user = User.objects.create_superuser(USERNAME, password=password)
            # The sandbox has no market of dollars.
            change_settings(user, {"base_currency": "USDT"}, now=now())
            self.stdout.write(f"created user {USERNAME}")
            if not given:
                self.stdout.write(f"password: {password}")
        return Workspace.objects.get(name=USERNAME)

    def _account(self, demo: DemoAccount, workspace: Workspace) -> None:
        named = {"workspace": workspace, "exchange_id": demo.exchange_id, "environment": Environment.SANDBOX}
        account = ExchangeAccount.objects.filter(**named, label=demo.label).first()
        if account is not None and account.archived_at:
            return  # deleted by who tried that out
        credentials = connections.credentials(account) if account else _credentials(demo)
        self._tell_sandbox(demo, credentials)
        if account is None:
            add_account(**named, label=demo.label, credentials=credentials)
            self.stdout.write(f"created account {demo.label}")

    def _tell_sandbox(self, demo: DemoAccount, credentials: Credentials) -> None:
        whose = {"exchange": demo.exchange_id, "account": demo.label}
        made = self._control(
            "POST",
            "accounts",
            **whose,
            api_key=credentials.api_key,
            secret=credentials.secret,
            holdings=demo.holdings,
            positions=demo.positions,
            debts=demo.debts,
        )
        if not made["created"]:
            return
        for order in demo.orders:
            self._control("POST", "orders", **whose, **order)
        self.stdout.write(f"the sandbox exchange has {demo.label}")

    def _control(self, method: str, path: str, **wish: object) -> Any:
        return control(settings.SANDBOX_URL, method, path, **wish)


def _credentials(demo: DemoAccount) -> Credentials:
    """The same at every run, so that a run that broke off in the middle can be finished by the next."""
    return Credentials(api_key=_derived(demo, "api key")[:32], secret=_derived(demo, "secret"))


def _derived(demo: DemoAccount, what: str) -> str:
    return hmac.digest(settings.SECRET_KEY.encode(), f"{what} of {demo.label}".encode(), hashlib.sha256).hex()
