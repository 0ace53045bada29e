"""Features: the one way they are defined, and what they say. They are computed by `feature_work`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet

from alphapulse.market import timeframes
from apps.core.clock import now as clock_now
from apps.market.models import CandleSeries, Feature, FeatureSeries, FeatureValue
from apps.market.services.candles import newest_closed


@transaction.atomic
def define(
    *,
    name: str,
    function: str,
    parameters: Mapping[str, int],
    timeframe: str,
    reference: str = "",
    is_active: bool = True,
) -> Feature:
    """A new feature, or a new version of the one with that name: computed anew. Raises ValidationError."""
    feature = Feature.objects.select_for_update().filter(name=name).first() or Feature(name=name)
    before = feature.says if feature.pk else None
    feature.function, feature.parameters = function, dict(parameters)
    feature.timeframe, feature.reference, feature.is_active = timeframe, reference, is_active
    if before and before != feature.says:
        feature.version += 1
        # Who is computing it now writes nothing.
        feature.series.update(due_at=clock_now(), stores=F("stores") + 1)
    feature.full_clean()
    feature.save()
    return feature


def follow() -> None:
    """A row for each active feature of each series of its timeframe that has candles."""
    for feature in Feature.objects.filter(is_active=True):
        new = CandleSeries.objects.filter(timeframe=feature.timeframe, last_at__isnull=False).exclude(
            features__feature=feature
        )
        at = clock_now()
        # In the order in which those who store candles lock them.
        rows = [
            FeatureSeries(feature=feature, candles=series, version=feature.version, due_at=at)
            for series in new.order_by("pk")
        ]
        FeatureSeries.objects.bulk_create(rows, ignore_conflicts=True)


# --- What they say ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """What a feature says of the newest bar that it is computed of, which opened at `opened_at`.

    `value` None: too little is there for one. `age`: how long ago that bar was closed. `is_behind`: there is a newer
    bar, or this one is made of other candles, or defined otherwise now, and is not computed yet; so it is for seconds,
    if workers are there. `is_stale`: its candles are not read on, so nothing newer comes.
    """

    feature_series_id: int
    version: int
    opened_at: datetime
    value: float | None
    age: timedelta
    is_behind: bool
    is_stale: bool


def series_of(
    name: str, *, exchange_id: str, environment: str, symbol: str, timeframe: str = ""
) -> FeatureSeries | None:
    """Which of the features' series that is; None: nobody computes that. `timeframe`: only where it is of that."""
    feature = Feature.objects.filter(name=name, **({"timeframe": timeframe} if timeframe else {})).first()
    if feature is None:
        return None
    # Of another timeframe there may be values of a definition that is no more.
    where = {"exchange_id": exchange_id, "environment": environment, "symbol": symbol, "timeframe": feature.timeframe}
    of_symbol = {f"candles__{column}": value for column, value in where.items()}
    return feature.series.filter(**of_symbol).select_related("feature", "candles").first()


def latest(series: FeatureSeries, now: datetime) -> Latest | None:
    """What a condition judges by; None: nothing is computed yet, which is unknown, and neither holds nor does not."""
    if series.computed_to is None:
        return None
    timeframe = series.candles.timeframe
    opened_at = timeframes.step(series.computed_to, timeframe, -1)
    return Latest(
        feature_series_id=series.pk,
        version=series.version,
        opened_at=opened_at,
        value=series.values.filter(opened_at=opened_at).values_list("value", flat=True).first(),
        age=now - series.computed_to,
        is_behind=_is_behind(series, opened_at),
        is_stale=series.candles.is_stale(now),
    )


def _is_behind(series: FeatureSeries, opened_at: datetime) -> bool:
    """Of that bar, the newest that is computed: a past that is read back meanwhile changes nothing of it."""
    if series.version != series.feature.version:
        return True
    first, end = series.outdated or (opened_at, opened_at)
    return first <= opened_at < end or newest_closed(series.candles, series.computed_to) is not None


def values(series: FeatureSeries, since: datetime, until: datetime | None = None) -> QuerySet[FeatureValue]:
    """Of the bars that open in [since, until) and are computed, oldest first; a bar without one has too little past.

    Not of those that are outdated: they come again.

    What waits for a crossing reads on from the bar after its cursor, up to `computed_to`.
    """
    end = min(until, series.computed_to) if until and series.computed_to else series.computed_to
    if end is None:
        return FeatureValue.objects.none()
    told = series.values.filter(opened_at__gte=since, opened_at__lt=end).order_by("opened_at")
    if series.outdated is None:
        return told
    first, until = series.outdated
    return told.exclude(opened_at__gte=first, opened_at__lt=until)
