"""What is done for markets by the clock, and what is made of new candles."""

from celery import shared_task
from django.conf import settings

from apps.core.clock import now
from apps.exchanges.models import Environment
from apps.market.services import feature_work, features, fiat, quarantine, tend, watch


@shared_task(name="market.compare")
def compare(**_: object) -> None:
    """Prices of one symbol between exchanges."""
    for environment in Environment.values:
        quarantine.compare(environment, now())


@shared_task(name="market.tend")
def tend_candles(**_: object) -> None:
    """Partitions made ahead, old ones dropped, series that nobody watches at rest, and doubts that are long over."""
    watch.follow_all(now())
    tend.make_ahead(now())
    tend.drop_old(now())
    quarantine.prune(now())


@shared_task(name="market.sync_fiat_rates")
def sync_fiat_rates(**_: object) -> None:
    fiat.sync_fiat_rates(settings.ECB_RATES, now().date())


# The next sweep sends another.
TURN_EXPIRES = 5


@shared_task(name="market.sweep_features")
def sweep_features(**_: object) -> None:
    """Series and definitions that are new; and one message, however many features there are to compute."""
    features.follow()
    if feature_work.due(now()).exists():
        compute_features.apply_async(expires=TURN_EXPIRES)


@shared_task(name="market.compute_features")
def compute_features(**_: object) -> None:
    """A turn of a few seconds: what people ask of the same workers waits no longer."""
    feature_work.take_turn()
