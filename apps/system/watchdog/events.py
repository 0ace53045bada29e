"""From looks to events: opened once, counted while they last, closed once; two watchdogs are as one."""

from datetime import datetime, timedelta

from django.db.models import F
from loguru import logger

from apps.system.models import OpsEvent, Telling
from apps.system.watchdog.look import Finding, Look

# What is gone only for a moment is not over.
QUIET = timedelta(seconds=20)
KEPT = timedelta(days=90)

log = logger.bind(logger="watchdog")


def record(look: Look, *, now: datetime, is_mailed: bool = False) -> None:
    """Opens, counts and closes events after a look; each opening and closing is one line of the log."""
    seen = [_seen(finding, now, is_mailed=is_mailed) for finding in look.findings]
    over = OpsEvent.objects.open().exclude(pk__in=seen).exclude(kind__in=look.unknown)
    for event in over.filter(seen_at__lte=now - QUIET):
        _close(event, now, is_mailed=is_mailed)


def forget_old(now: datetime) -> None:
    OpsEvent.objects.filter(closed_at__lt=now - KEPT).delete()


def _seen(finding: Finding, now: datetime, *, is_mailed: bool) -> int:
    """Opens the finding's event, or counts it where it is open already."""
    words = {"message": finding.message[:600], "advice": finding.advice[:300]}
    first = {"opened_at": now, "seen_at": now, "untold": Telling.OPENED if is_mailed else Telling.NOTHING}
    event, is_new = OpsEvent.objects.get_or_create(
        kind=finding.kind, subject=finding.subject, closed_at=None, defaults=words | first
    )
    if is_new:
        log.error("opened: {} {}", finding.message, finding.advice)
    else:
        OpsEvent.objects.filter(pk=event.pk, closed_at=None).update(**words, seen_at=now, count=F("count") + 1)
    return event.pk


def _close(event: OpsEvent, now: datetime, *, is_mailed: bool) -> None:
    untold = Telling.CLOSED if is_mailed else Telling.NOTHING
    # Another watchdog may have seen it again, or closed it, since we read it.
    unchanged = OpsEvent.objects.filter(pk=event.pk, closed_at=None, seen_at=event.seen_at)
    if unchanged.update(closed_at=now, untold=untold):
        log.warning("closed: {}, open since {:%Y-%m-%d %H:%M:%S} UTC", event, event.opened_at)
