"""What is calculated for portfolios, and by whom."""

from typing import Any

from celery import shared_task

from apps.core.clock import now
from apps.portfolio.services import proposals, work

# Until then the sweep leaves it alone, and a worker that was lost gives it back.
OPTIMISE_EXPIRES = proposals.LEASE.total_seconds()
# The next sweep sends another.
SWEPT_EXPIRES = proposals.PATIENCE.total_seconds()


@shared_task(name="portfolio.optimise", bind=True)
def optimise(self: Any, *, proposal_id: int, **_: object) -> None:
    work.work_at(proposal_id, message=self.request.id)


@shared_task(name="portfolio.sweep_proposals")
def sweep_proposals(**_: object) -> None:
    """A message that was lost, and a worker that took its message with it."""
    for proposal_id in proposals.left_lying(now()):
        optimise.apply_async(kwargs={"proposal_id": proposal_id}, expires=SWEPT_EXPIRES)


@shared_task(name="portfolio.prune_proposals")
def prune_proposals(**_: object) -> None:
    proposals.prune(now())
