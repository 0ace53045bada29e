"""`python manage.py watchdog`: sees when nothing happens any more, and says so. Needs no Celery, and no Redis."""

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connection

from apps.core.clock import now
from apps.core.management.explained import ExplainedCommand
from apps.system.models import OpsEvent
from apps.system.watchdog.watch import Watchdog

INTERVAL = 10.0

EXAMPLES = """
Examples:
  python manage.py watchdog                  looks every 10 s until it is ended
  python manage.py watchdog --once           looks once: for cron, or to ask by hand

It raises an ops event (a row, a log line, a mail to ADMINS where EMAIL_HOST is set) when Redis does not answer, beat
is silent, a queue is stuck, or no sync of an exchange succeeds; and closes it when that is over.
Exit status of --once: 0 when no event is open, 1 when one is or the database does not answer; 2 wrong usage.
"""


class Command(ExplainedCommand):
    help = "Watch over beat, workers, queues and syncs; raise ops events."
    examples = EXAMPLES
    # It must come up where others do not.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="look once and say what is open")
        parser.add_argument("--interval", type=float, default=INTERVAL, metavar="SECONDS", help="between two looks")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            self._once()
            return
        watchdog = Watchdog(since=now())
        while True:
            begun = time.monotonic()
            watchdog.tick(now())
            # A connection to a server that goes away meanwhile is of no use for the next look.
            connection.close()
            time.sleep(max(0.0, options["interval"] - (time.monotonic() - begun)))

    def _once(self) -> None:
        if not Watchdog().tick(now()):
            raise CommandError("The database does not answer.")
        open_events = list(OpsEvent.objects.open().order_by("opened_at"))
        for event in open_events:
            self.stdout.write(f"{event.message} {event.advice}")
        if open_events:
            raise CommandError(f"{len(open_events)} ops events are open.")
        self.stdout.write("No ops event is open.")
