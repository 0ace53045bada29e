"""What is done for markets by the clock."""

from celery import shared_task
from django.conf import settings

from apps.core.clock import now
from apps.exchanges.models import Environment
from apps.market.services import fiat, quarantine, tend


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


@shared_task(name="market.sync_fiat_rates")
def sync_fiat_rates(**_: object) -> None:
    fiat.sync_fiat_rates(settings.ECB_RATES)
