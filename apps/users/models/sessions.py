"""One row per login: every token carries its id, and opens nothing once the row has ended."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import models, transaction
from django.db.models import F

from apps.users.signals import session_ended

REFRESH_LASTS = timedelta(days=1)
# However often it is refreshed: after that, a password is asked for again.
LONGEST = timedelta(days=30)
# Tabs that refresh at the same time send the same token; all of them are given the same next one.
GRACE = timedelta(seconds=10)


class EndReason(models.TextChoices):
    LOGGED_OUT = "logged out"
    EVERYWHERE = "logged out everywhere"
    REVOKED = "revoked"
    PASSWORD = "password changed"  # noqa: S105
    DEACTIVATED = "user deactivated"
    REUSED = "refresh token used twice"


class SessionQuerySet(models.QuerySet["Session"]):
    def live(self, now: datetime) -> SessionQuerySet:
        return self.filter(ended_at=None, expires_at__gt=now)

    def end(self, *, why: str, at: datetime) -> int:
        """Ends those that have not ended, and announces it on commit. Returns how many."""
        with transaction.atomic():
            pks = list(self.filter(ended_at=None).values_list("pk", flat=True))
            ended = Session.objects.filter(pk__in=pks, ended_at=None).update(ended_at=at, ended_why=why)
            if ended:
                transaction.on_commit(partial(session_ended.send_robust, Session, session_ids=pks))
        return ended


class Session(models.Model):
    """`generation` counts the refresh tokens handed out: the newest alone is good, and its predecessors for GRACE.

    Whoever shows an older one has a copy: the session ends for the thief and for the owner, who logs in again.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sessions")
    # None: everything that its user may.
    scopes = models.JSONField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)
    address = models.GenericIPAddressField(null=True)
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="when it was last refreshed: about every five minutes while in use")
    expires_at = models.DateTimeField(help_text="when its newest refresh token does")
    generation = models.PositiveIntegerField(default=0)
    # Generation -> when it was replaced, in seconds since 1970: those still in their grace.
    replaced = models.JSONField(default=dict)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_why = models.CharField(max_length=30, choices=EndReason, blank=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        indexes = [
            # What a user is shown, and what ends with a password: the sessions that have not ended.
            models.Index(fields=["user"], name="live_sessions", condition=models.Q(ended_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"session of {self.user} since {self.created_at:%Y-%m-%d %H:%M} UTC"

    def issue_ends(self, issued_at: datetime) -> datetime:
        """When a refresh token issued then expires."""
        return min(issued_at + REFRESH_LASTS, self.created_at + LONGEST)

    def rotate(self, generation: int, *, address: str | None, now: datetime) -> bool:
        """The token of that generation gives way to the next; False where it had already, or the session ended."""
        recent = {old: at for old, at in self.replaced.items() if now.timestamp() - at <= GRACE.total_seconds()}
        changed = {
            "replaced": recent | {str(generation): now.timestamp()},
            "expires_at": self.issue_ends(now),
            "seen_at": now,
            "address": address,
        }
        ours = Session.objects.filter(pk=self.pk, generation=generation, ended_at=None)
        return bool(ours.update(generation=F("generation") + 1, **changed))

    def replaced_lately(self, generation: int, *, now: datetime) -> datetime | None:
        """When the token of that generation was replaced, while it may still ask for its successor."""
        at = self.replaced.get(str(generation))
        if at is None or now.timestamp() - at > GRACE.total_seconds():
            return None
        return datetime.fromtimestamp(at, UTC)
