"""How a proposal goes from asked to done: each step by compare-and-set, so that nobody writes twice."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from apps.portfolio.models import Proposal, ProposalState
from apps.portfolio.services.targets import watch_all_targets, watch_targets
from apps.users.models import User, Workspace

# Whoever has not ended it by then was ended himself: the hard limit is below.
LEASE = timedelta(seconds=settings.CELERY_TASK_TIME_LIMIT + 30)
# A message that nobody has taken by then is sent again.
PATIENCE = timedelta(seconds=10)
MOST_LOSSES = 3
KEPT = timedelta(days=90)
ERROR_LENGTH = 1000


def ask(
    workspace: Workspace, *, environment: str, question: Mapping[str, Any], actor: User | None, at: datetime
) -> Proposal:
    """What it names is watched from now on."""
    with transaction.atomic():
        # Two at once: the second sees what the first names.
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        proposal = Proposal.objects.create(
            workspace=workspace, environment=environment, question=dict(question), asked_by=actor, asked_at=at
        )
        watch_targets(workspace, environment, at)
    return proposal


def claim(proposal_id: int, *, message: str, now: datetime) -> Proposal | None:
    """Ours to work at until `claimed_until`; None where it is somebody else's, has ended, or ends here.

    The message of whoever has it, come once more, says that its worker is lost: the broker keeps a message until its
    work has ended, one way or another.
    """
    proposal = Proposal.objects.filter(_free(message, now), pk=proposal_id).first()
    if proposal is None:
        return None
    losses = proposal.losses + (proposal.state == ProposalState.CLAIMED)
    if losses >= MOST_LOSSES:
        fail(proposal, f"{losses} workers in a row ended while they calculated this: it is left alone.", now=now)
        return None
    # Who had it before holds an older claim, and ends nothing any more.
    taken = {"claim": proposal.claim + 1, "claimed_by": message, "claimed_until": now + LEASE, "losses": losses}
    if not _move(proposal, state=ProposalState.CLAIMED, **taken):
        return None
    proposal.refresh_from_db()
    return proposal


def finish(proposal: Proposal, answer: Mapping[str, Any], *, now: datetime) -> bool:
    """Whether it was still ours."""
    return _move(proposal, state=ProposalState.DONE, answer=dict(answer), error="", finished_at=now)


def fail(proposal: Proposal, error: str, *, now: datetime) -> bool:
    """With the reason in words, for who asked. Whether it was still ours."""
    return _move(proposal, state=ProposalState.FAILED, error=error[:ERROR_LENGTH], finished_at=now)


def left_lying(now: datetime) -> Sequence[int]:
    """Whose message is to be sent again."""
    lying = Proposal.objects.left_lying(now, asked_before=now - PATIENCE)
    return list(lying.order_by("pk").values_list("pk", flat=True))


def prune(now: datetime) -> None:
    Proposal.objects.filter(finished_at__lt=now - KEPT).delete()
    watch_all_targets(now)


def _free(message: str, now: datetime) -> Q:
    lost = Q(claimed_by=message) | Q(claimed_until__lt=now)
    return Q(state=ProposalState.ASKED) | (Q(state=ProposalState.CLAIMED) & lost)


def _move(proposal: Proposal, **fields: Any) -> bool:
    """Only from where we saw it, with the claim that we saw."""
    seen = Proposal.objects.filter(pk=proposal.pk, state=proposal.state, claim=proposal.claim)
    return bool(seen.update(**fields))
