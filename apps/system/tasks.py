"""What the workers do so that the watchdog, which knows no Celery, can tell whether they do anything."""

from celery import shared_task

from apps.core.clock import now
from apps.system.services import readiness


@shared_task(name="system.heartbeat")
def heartbeat(*, queue: str, **_: object) -> None:
    readiness.note_heartbeat(queue, now())
