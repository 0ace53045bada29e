"""Keeping candles in order: partitions for the months to come, none for those whose time is over."""

from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest

from alphapulse.market import timeframes
from apps.market.models import CandleHole, CandleSeries, FeatureValue
from apps.market.services import partitions
from apps.market.services.series import KEPT


def make_ahead(now: datetime) -> list[str]:
    """Of the timeframes that are read."""
    read = CandleSeries.objects.filter(due_at__isnull=False).order_by().values_list("timeframe", flat=True).distinct()
    return partitions.make_ahead(sorted(read), now)


def drop_old(now: datetime) -> int:
    """Whole months of each timeframe, when the last of its days is old enough. Returns how many are gone."""
    return sum(_drop(timeframe, now) for timeframe in KEPT)


@transaction.atomic
def _drop(timeframe: str, now: datetime) -> int:
    month = timeframes.floor(now - KEPT[timeframe], timeframes.MONTH)
    gone = partitions.drop_before(timeframe, month)
    series = CandleSeries.objects.filter(timeframe=timeframe)
    empty = series.filter(last_at__lt=month)
    empty.update(first_at=None, last_at=None, covered_from=None, covered_to=None)
    series.filter(first_at__lt=month).update(first_at=month, covered_from=Greatest(F("covered_from"), month))
    CandleHole.objects.filter(series__timeframe=timeframe, until__lte=month).delete()
    FeatureValue.objects.filter(series__candles__timeframe=timeframe, opened_at__lt=month).delete()
    return gone
