"""What is wrong with the system itself, and who has shown that they live."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
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


BEAT = "beat"
# A task in hand may take two minutes; so may a process to start, on a machine with too much to do.
RESTARTED_WITHIN = timedelta(minutes=5)


class RestartState(models.TextChoices):
    ASKED = "asked"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"


UNDER_WAY = (RestartState.ASKED, RestartState.STOPPING)


class RestartRequest(models.Model):
    """Somebody wants these processes to be started anew. They end themselves; their supervisors start them."""

    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"restart {self.pk}"

    def state(self, now: datetime) -> RestartState:
        """Of the process that is least far; failed once one has."""
        states = {process.standing(now) for process in self.processes.all()}
        order = (RestartState.FAILED, RestartState.ASKED, RestartState.STOPPING)
        return next((state for state in order if state in states), RestartState.DONE)


class RestartedProcess(models.Model):
    """One of them. Moved by whoever knows: who asked it, the old process where it can, and the new one."""

    request = models.ForeignKey(RestartRequest, on_delete=models.CASCADE, related_name="processes")
    name = models.CharField(max_length=150, help_text="a worker's node name, or beat")
    state = models.CharField(max_length=10, choices=RestartState, default=RestartState.ASKED)
    old_pid = models.PositiveIntegerField(null=True)
    new_pid = models.PositiveIntegerField(null=True)
    changed_at = models.DateTimeField()
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name_plural = "restarted processes"
        constraints = [models.UniqueConstraint(fields=["request", "name"], name="each_process_once_a_request")]
        indexes = [
            # Beat's question with each tick, and every new process's: is anybody waiting for me?
            models.Index(fields=["name"], name="restarts_under_way", condition=Q(state__in=UNDER_WAY)),
        ]

    def __str__(self) -> str:
        return self.name

    def standing(self, now: datetime) -> RestartState:
        """Nobody needs to live for it to have failed: time alone is enough."""
        is_late = self.state in UNDER_WAY and now - self.request.asked_at > RESTARTED_WITHIN
        return RestartState.FAILED if is_late else RestartState(self.state)

    def in_words(self, now: datetime) -> str:
        """How it stands, and what to do."""
        standing = self.standing(now)
        if standing is RestartState.DONE:
            return f"A new process has answered, pid {self.new_pid}."
        if standing is RestartState.FAILED:
            return self.error or (
                f"No new process has answered within {RESTARTED_WITHIN.seconds // 60} minutes. Look at its log: does "
                "the old one still run? Does a supervisor (make run, a restart policy) start it again?"
            )
        if standing is RestartState.STOPPING:
            return "It ends once what it has in hand is done; then its supervisor starts it again."
        return "It has been asked to end, and has not said that it does."
