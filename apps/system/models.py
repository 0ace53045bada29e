"""What is wrong with the system itself, and who has shown that they live."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q


class Trouble(models.TextChoices):
    REDIS_AWAY = "redis_away", "Redis is away"
    BEAT_SILENT = "beat_silent", "beat is silent"
    QUEUE_STUCK = "queue_stuck", "a queue is stuck"
    SYNC_SILENT = "sync_silent", "no sync succeeds"


class Telling(models.TextChoices):
    """What a mail has still to say."""

    NOTHING = "", "nothing"
    OPENED = "opened", "that it opened"
    CLOSED = "closed", "that it closed"


class OpsEventQuerySet(models.QuerySet["OpsEvent"]):
    def open(self) -> OpsEventQuerySet:
        return self.filter(closed_at=None)

    def in_turn(self) -> OpsEventQuerySet:
        """What is open first, then the latest."""
        return self.order_by(F("closed_at").desc(nulls_first=True), "-opened_at", "-pk")


class OpsEvent(models.Model):
    """One trouble from its beginning to its end. Opened, counted and closed by the watchdog, by compare-and-set."""

    kind = models.CharField(max_length=20, choices=Trouble)
    subject = models.CharField(max_length=120, help_text="what it is about: a queue, an exchange and environment")
    # In the words of the last look: why a sync is silent may change while it is.
    message = models.CharField(max_length=600)
    advice = models.CharField(max_length=300, blank=True)
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    count = models.PositiveIntegerField("times seen", default=1)
    untold = models.CharField(max_length=10, choices=Telling, blank=True, default=Telling.NOTHING)

    objects = OpsEventQuerySet.as_manager()

    class Meta:
        constraints = [
            # Two watchdogs that see the same raise one event.
            models.UniqueConstraint(
                fields=["kind", "subject"], name="one_open_event_per_subject", condition=Q(closed_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject}"


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    def beaten(self, name: str, at: datetime) -> None:
        """One statement, whether it is the first or not."""
        self.bulk_create(
            [Heartbeat(name=name, at=at)], update_conflicts=True, unique_fields=["name"], update_fields=["at"]
        )


class Heartbeat(models.Model):
    """When something last showed that it works: a queue whose worker did what beat sent, the watchdog itself."""

    name = models.CharField(max_length=60, primary_key=True)
    at = models.DateTimeField()

    objects = HeartbeatQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


WATCHDOG = "watchdog"


def of_queue(queue: str) -> str:
    """The name of the heartbeat that goes from beat through this queue."""
    return f"queue {queue}"
