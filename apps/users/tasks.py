"""What is done for users later, or elsewhere."""

from celery import shared_task

from apps.core.clock import now
from apps.users.services import pruning


@shared_task(name="users.prune")
def prune(**_: object) -> None:
    pruning.prune(now())
