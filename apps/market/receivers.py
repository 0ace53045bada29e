"""What is made of candles when they come."""

from django.dispatch import receiver

from apps.market.signals import candles_stored
from apps.market.tasks import TOLD_EXPIRES, compute_features_of


@receiver(candles_stored)
def compute_features(series_id: int, **_: object) -> None:
    compute_features_of.apply_async(kwargs={"series_id": series_id}, expires=TOLD_EXPIRES)
