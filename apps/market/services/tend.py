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
    gone = 0
    for timeframe, kept in KEPT.items():
        month = timeframes.floor(now - kept, timeframes.MONTH)
        gone += _drop(timeframe, month)
        # Outside of that transaction: they may be millions, and nobody who stores candles is to wait for them.
        FeatureValue.objects.filter(series__candles__timeframe=timeframe, opened_at__lt=month).delete()
    return gone


@transaction.atomic
def _drop(timeframe: str, month: datetime) -> int:
    series = CandleSeries.objects.filter(timeframe=timeframe)
    # Before the table, which dropping a part of it locks: who stores candles locks their series first, too.
    list(series.select_for_update().order_by("pk").values_list("pk", flat=True))
    gone = partitions.drop_before(timeframe, month)
    empty = series.filter(last_at__lt=month)
    empty.update(first_at=None, last_at=None, covered_from=None, covered_to=None)
    series.filter(first_at__lt=month).update(first_at=month, covered_from=Greatest(F("covered_from"), month))
    CandleHole.objects.filter(series__timeframe=timeframe, until__lte=month).delete()
    return gone
