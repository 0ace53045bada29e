"""Keeping candles in order: partitions for the months to come, none for those whose time is over."""

from datetime import datetime

from django.db import OperationalError, transaction
from django.db.models import QuerySet
from loguru import logger

from alphapulse.market import timeframes
from apps.market.models import Candle, CandleHole, CandleSeries, FeatureSeries, FeatureValue
from apps.market.services import partitions
from apps.market.services.series import KEPT


def make_ahead(now: datetime) -> list[str]:
    """Of the timeframes that are read."""
    read = CandleSeries.objects.filter(due_at__isnull=False).order_by().values_list("timeframe", flat=True).distinct()
    return partitions.make_ahead(sorted(read), now)


def drop_old(now: datetime) -> int:
    """Whole months of each timeframe, when the last of its days is old enough. Returns how many are gone: partitions,
    where there are any, else candles.
    """
    gone = 0
    for timeframe, kept in KEPT.items():
        month = timeframes.floor(now - kept, timeframes.MONTH)
        gone += _drop_in_time(timeframe, month) if partitions.are_there() else _delete(timeframe, month)
        _delete_values(timeframe, month)
    return gone


def _drop_in_time(timeframe: str, month: datetime) -> int:
    try:
        return _drop(timeframe, month)
    except OperationalError as busy:
        logger.warning("candles of {} from before {:%Y-%m} stay until the next time: {}", timeframe, month, busy)
        return 0


@transaction.atomic
def _drop(timeframe: str, month: datetime) -> int:
    if not partitions.before(timeframe, month):
        return 0
    series = CandleSeries.objects.filter(timeframe=timeframe)
    # Before the table, which dropping a part of it locks: who stores candles locks their series first, too.
    list(series.select_for_update().order_by("pk").values_list("pk", flat=True))
    gone = partitions.drop_before(timeframe, month)
    _shorten(series, month)
    return gone


def _delete(timeframe: str, month: datetime) -> int:
    """Series by series: nobody waits long for the one who may write."""
    gone = 0
    for pk in CandleSeries.objects.filter(timeframe=timeframe, first_at__lt=month).values_list("pk", flat=True):
        with transaction.atomic():
            gone += Candle.objects.filter(series=pk, timeframe=timeframe, opened_at__lt=month).delete()[0]
            _shorten(CandleSeries.objects.filter(pk=pk), month)
    return gone


def _shorten(series: QuerySet[CandleSeries], month: datetime) -> None:
    """What is said of these series is said of what is left."""
    series.filter(last_at__lt=month).update(first_at=None, last_at=None)
    series.filter(first_at__lt=month).update(first_at=month)
    series.filter(covered_to__lte=month).update(covered_from=None, covered_to=None, told_from=None)
    series.filter(covered_from__lt=month).update(covered_from=month)
    CandleHole.objects.filter(series__in=series, until__lte=month).delete()


def _delete_values(timeframe: str, month: datetime) -> None:
    """Feature by feature, for the same reason: they may be millions."""
    made = FeatureSeries.objects.filter(candles__timeframe=timeframe)
    for pk in list(made.values_list("pk", flat=True)):
        FeatureValue.objects.filter(series=pk, opened_at__lt=month).delete()
