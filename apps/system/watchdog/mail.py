"""Telling ADMINS by mail, where mail is configured: once when an event opens, once when it closes."""

from datetime import datetime

from django.conf import settings
from django.core.mail import mail_admins
from loguru import logger

from apps.core.durations import in_words
from apps.system.models import OpsEvent, Telling

log = logger.bind(logger="watchdog")


def is_configured() -> bool:
    return bool(settings.ADMINS and settings.EMAIL_HOST)


def tell(now: datetime) -> None:
    """One mail for all that changed. What could not be sent stays untold, and goes with the next look's."""
    ours = [event for event in OpsEvent.objects.exclude(untold=Telling.NOTHING).order_by("pk") if _take(event)]
    if not ours:
        return
    try:
        mail_admins(_subject(ours), "\n\n".join(_paragraph(event, now) for event in ours))
    except OSError as problem:  # smtplib's errors are OSErrors
        log.warning("the mail about {} ops events could not be sent, it is tried again: {}", len(ours), problem)
        for event in ours:
            # Unless it has closed meanwhile, and has that to tell.
            OpsEvent.objects.filter(pk=event.pk, untold=Telling.NOTHING).update(untold=event.untold)


def _take(event: OpsEvent) -> bool:
    """One watchdog tells: whoever takes it first."""
    return bool(OpsEvent.objects.filter(pk=event.pk, untold=event.untold).update(untold=Telling.NOTHING))


def _subject(events: list[OpsEvent]) -> str:
    if len(events) == 1:
        return f"{events[0].untold}: {events[0]}"
    opened = sum(event.untold == Telling.OPENED for event in events)
    return f"{opened} ops events opened, {len(events) - opened} closed"


def _paragraph(event: OpsEvent, now: datetime) -> str:
    since = f"{event.opened_at:%Y-%m-%d %H:%M:%S} UTC"
    if event.closed_at is not None:
        return f"CLOSED  {event}\nWas open since {since}, for {in_words(event.closed_at - event.opened_at)}."
    return f"OPENED  {event}\nSince {since}, {in_words(now - event.opened_at)} ago.\n{event.message}\n{event.advice}"
