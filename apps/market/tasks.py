"""What is done for markets by the clock, and what is made of new candles."""

from celery import shared_task
from django.conf import settings

from apps.core.clock import now
from apps.exchanges.models import Environment
from apps.market.services import features, fiat, quarantine, tend


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


# Until then a feature that is behind has been told of; after it the sweep tells again.
TOLD_EXPIRES = 30


@shared_task(name="market.sweep_features")
def sweep_features(**_: object) -> None:
    """Series and definitions that are new, and messages that were lost."""
    features.follow()
    for feature_series_id in features.behind().values_list("pk", flat=True):
        compute_feature.apply_async(kwargs={"feature_series_id": feature_series_id}, expires=TOLD_EXPIRES)


@shared_task(name="market.compute_features_of")
def compute_features_of(*, series_id: int, **_: object) -> None:
    """Of these candles, and of those that are compared with them."""
    for feature_series_id in features.behind_of(series_id):
        features.compute_on(feature_series_id)


@shared_task(name="market.compute_feature")
def compute_feature(*, feature_series_id: int, **_: object) -> None:
    features.compute_on(feature_series_id)
