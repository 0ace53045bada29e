"""`python manage.py two_factor`: set it up for somebody at the console, or take it away with a lost device."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.core.clock import now
from apps.core.management.explained import ExplainedCommand
from apps.users.models import User
from apps.users.services import two_factor

EXAMPLES = """
Examples:
  python manage.py two_factor ops              asks for a code of the authenticator, and prints the recovery codes
  python manage.py two_factor ops --disable    the device is lost, and the recovery codes with it

Staff need two-factor (STAFF_TWO_FACTOR) for the admin and for all of the API but the addresses where they set it up
themselves, `POST /api/user/two-factor`. Exit status: 0 done, 1 refused, 2 wrong usage.
"""


class Command(ExplainedCommand):
    help = "Set up two-factor for a user, or disable it."
    examples = EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--disable", action="store_true", help="take it away; audited")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']!r}.")
        try:
            self._disable(user) if options["disable"] else self._enable(user)
        except two_factor.TwoFactorRefused as refusal:
            raise CommandError(str(refusal)) from None

    def _disable(self, user: User) -> None:
        two_factor.disable(user, actor=None, now=now(), by_hand=True)
        self.stdout.write(self.style.SUCCESS(f"Two-factor of {user} is disabled."))

    def _enable(self, user: User) -> None:
        secret = two_factor.begin(user, now=now())
        self.stdout.write(f"Add this to the authenticator: {secret}\nor, as a QR code: {two_factor.uri(user, secret)}")
        codes = two_factor.confirm(user, input("Its code: "), now=now())
        self.stdout.write("Recovery codes, each good once; they are not shown again:")
        for code in codes:
            self.stdout.write(f"  {code}")
