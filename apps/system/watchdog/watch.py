"""One watchdog: looks, records, tells, again and again."""

from datetime import datetime

from django.db import Error as DatabaseFailure
from loguru import logger

from apps.system.models import WATCHDOG, Heartbeat, Trouble
from apps.system.watchdog import events, lanes, mail, queues
from apps.system.watchdog.look import Look

log = logger.bind(logger="watchdog")


class Watchdog:
    """`since`: from when on it may expect that things work. What has just been started, or has lost its database or
    Redis, gets the time that each trouble's limit names before it counts as silent. None: what is silent is silent.
    """

    def __init__(self, *, since: datetime | None = None) -> None:
        self.since = since
        self.is_blind = False

    def tick(self, now: datetime) -> bool:
        """One look. False: the database does not answer, so nothing can be judged; that is one line of the log."""
        try:
            self._look(now)
        except DatabaseFailure as problem:
            if not self.is_blind:
                log.error("the database does not answer, nothing can be judged until it does: {}", problem)
            self.is_blind, self.since = True, now
            return False
        if self.is_blind:
            log.warning("the database answers again")
        self.is_blind = False
        return True

    def _look(self, now: datetime) -> None:
        look = Look()
        queues.judge(look, now=now, since=self.since)
        if any(finding.kind is Trouble.REDIS_AWAY for finding in look.findings):
            self.since = now
        else:
            lanes.judge(look, now=now, since=self.since)
        is_mailed = mail.is_configured()
        events.record(look, now=now, is_mailed=is_mailed)
        Heartbeat.objects.beaten(WATCHDOG, now)
        events.forget_old(now)
        if is_mailed:
            mail.tell(now)
