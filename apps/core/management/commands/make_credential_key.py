from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.core.clock import now
from apps.core.encryption import new_key


class Command(BaseCommand):
    help = (
        "Print a new key for CREDENTIAL_KEYS. Put it first to encrypt with it from now on; keep the old ones behind it."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--id", help="the key's name, stored with each value (default: today's date)")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(new_key(options["id"] or f"k{now():%Y%m%d}"))
