"""What is calculated for portfolios, and by whom."""

from typing import Any

from celery import shared_task

from apps.core.clock import now
from apps.portfolio.services import bookkeeping, proposals, snapshots, work

# Until then the sweep leaves it alone, and a worker that was lost gives it back.
OPTIMISE_EXPIRES = proposals.LEASE.total_seconds()
# The next sweep sends another.
SWEPT_EXPIRES = proposals.PATIENCE.total_seconds()
# Until then a snapshot is worth taking: the next look sends another.
SNAPSHOT_EXPIRES = snapshots.AT_LEAST_APART.total_seconds()


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


@shared_task(name="portfolio.sweep_snapshots")
def sweep_snapshots(**_: object) -> None:
    """Every five minutes, and after syncs: what is due is seen in rows, so no message that is lost costs more."""
    for workspace_id, environment in snapshots.due(now()):
        snapshot.apply_async(
            kwargs={"workspace_id": workspace_id, "environment": environment}, expires=SNAPSHOT_EXPIRES
        )


@shared_task(name="portfolio.snapshot")
def snapshot(*, workspace_id: int, environment: str, **_: object) -> None:
    snapshots.take(workspace_id, environment, now=now())


@shared_task(name="portfolio.thin_snapshots")
def thin_snapshots(**_: object) -> None:
    snapshots.thin(now())


@shared_task(
    name="portfolio.keep_books",
    bind=True,
    soft_time_limit=bookkeeping.LONGEST.total_seconds(),
    time_limit=bookkeeping.LONGEST.total_seconds() + 30,
)
def keep_books(self: Any, *, statement_id: int, **_: object) -> None:
    bookkeeping.work_at(statement_id, message=self.request.id or "", now=now())
