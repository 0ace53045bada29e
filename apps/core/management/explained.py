"""The base of commands whose `--help` shows examples."""

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter

from apps.core.origin import of_command, working_on


class _Formatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Django's own options last, and our lines as they are written."""


class ExplainedCommand(BaseCommand):
    """`examples` is printed below the options."""

    examples = ""

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        return super().create_parser(*args, epilog=self.examples, formatter_class=_Formatter, **kwargs)

    def execute(self, *args: Any, **options: Any) -> Any:
        """What it does is done by it, as the audit tells."""
        with working_on(of_command(type(self).__module__.rpartition(".")[2])):
            return super().execute(*args, **options)
