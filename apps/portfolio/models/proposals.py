"""Other weights for what is held: asked for by somebody, calculated by a compute worker, done or failed in words."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from apps.exchanges.models import Environment
from apps.users.models import User, Workspace


class ProposalState(models.TextChoices):
    ASKED = "asked"
    CLAIMED = "claimed"
    DONE = "done"
    FAILED = "failed"


class ProposalQuerySet(models.QuerySet):
    def visible_to(self, user: User) -> ProposalQuerySet:
        return self.filter(workspace__in=Workspace.objects.of(user))

    def left_lying(self, now: datetime, *, asked_before: datetime) -> ProposalQuerySet:
        """Nobody has taken them though their message was sent long ago, or whoever took them has not come back."""
        return self.filter(
            Q(state=ProposalState.ASKED, asked_at__lt=asked_before)
            | Q(state=ProposalState.CLAIMED, claimed_until__lt=now)
        )


class Proposal(models.Model):
    """Moved from state to state by compare-and-set alone (`services.proposals`): whoever holds `claim` may end it.

    `claimed_by` is the message that brought the work: the same message once more means that its worker is lost.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="proposals")
    environment = models.CharField(max_length=10, choices=Environment)
    asked_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField()
    # As `POST /api/portfolio/optimise` takes it, and as `GET` tells the answer.
    question = models.JSONField()
    answer = models.JSONField(null=True)
    state = models.CharField(max_length=10, choices=ProposalState, default=ProposalState.ASKED)
    error = models.CharField(max_length=1000, blank=True)
    finished_at = models.DateTimeField(null=True)
    claim = models.PositiveIntegerField(default=0)
    claimed_by = models.CharField(max_length=64, blank=True)
    claimed_until = models.DateTimeField(null=True)
    # Workers that took it and never came back.
    losses = models.PositiveIntegerField(default=0)

    objects = ProposalQuerySet.as_manager()

    class Meta:
        indexes = [
            # What is left lying, asked every ten seconds.
            models.Index(fields=["state"], name="open_proposals", condition=Q(state__in=["asked", "claimed"]))
        ]

    def __str__(self) -> str:
        return f"{self.question.get('strategy')} for {self.workspace}, {self.state}"
