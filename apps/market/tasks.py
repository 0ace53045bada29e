"""What is done for markets by the clock."""

from celery import shared_task

from apps.core.clock import now
from apps.exchanges.models import Environment
from apps.market.services import quarantine, tend


@shared_task(name="market.compare")
def compare(**_: object) -> None:
    """Prices of one symbol between exchanges."""
    for environment in Environment.values:
        quarantine.compare(environment, now())


@shared_task(name="market.tend")
def tend_candles(**_: object) -> None:
    """Partitions made ahead, old ones dropped, and doubts that are long over."""
    tend.make_ahead(now())
    tend.drop_old(now())
    quarantine.prune(now())
