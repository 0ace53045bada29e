"""The one way features become rows: defined, and computed on from where they stand."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet

from alphapulse.market import feature_values, timeframes
from alphapulse.market.feature_values import Floats, Inputs
from alphapulse.market.features import Feature as Definition
from apps.market.models import Candle, CandleSeries, Feature, FeatureSeries, FeatureValue, FundingRate
from apps.market.services.candles import candles_of

# Of one series in one step: a second's work. What is left over is the next step's.
BARS_A_STEP = 20_000
STEPS = 20


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
    feature.full_clean()
    feature.save()
    return feature


def follow() -> None:
    """A row for each active feature of each series of its timeframe that is read."""
    for feature in Feature.objects.filter(is_active=True):
        new = CandleSeries.objects.filter(timeframe=feature.timeframe, last_at__isnull=False).exclude(
            features__feature=feature
        )
        # In the order in which those who store candles lock them.
        in_order = new.order_by("pk")
        rows = [FeatureSeries(feature=feature, candles=series, version=feature.version) for series in in_order]
        FeatureSeries.objects.bulk_create(rows, ignore_conflicts=True)


def behind() -> QuerySet[FeatureSeries]:
    """Those with closed candles that they are not computed of, and those of an older definition."""
    late = Q(computed_to__isnull=True) | Q(candles__last_at__gt=F("computed_to")) | ~Q(version=F("feature__version"))
    # One that was of another timeframe rests there.
    active = Q(feature__is_active=True, candles__timeframe=F("feature__timeframe"))
    return FeatureSeries.objects.filter(late, active, candles__last_at__isnull=False)


def behind_of(series_id: int) -> list[int]:
    """The same of one series' candles, and of those that are compared with it: by their ids."""
    series = CandleSeries.objects.get(pk=series_id)
    return list(behind().made_of(series).values_list("pk", flat=True))


def compute_on(feature_series_id: int) -> None:
    """Step after step, as far as one task may go; what is left the sweep finds."""
    for _step in range(STEPS):
        if not compute(feature_series_id):
            return


def compute(feature_series_id: int) -> int:
    """One step on. Returns how many bars it took; 0: it is computed as far as there are closed candles.

    Computed without a transaction, and written only where nothing was stored, defined or computed meanwhile.
    """
    row = FeatureSeries.objects.select_related("feature", "candles").get(pk=feature_series_id)
    first = (row.computed_to if row.version == row.feature.version else None) or row.candles.first_at
    last = _last_closed(row.candles, first) if first else None
    if first is None or last is None:
        return 0
    last = min(last, timeframes.step(first, row.candles.timeframe, BARS_A_STEP - 1))
    values = _values(row.feature.definition, row, first, last)
    return len(values) if _write(row, values, first, timeframes.ends(last, row.candles.timeframe)) else 0


@transaction.atomic
def _write(row: FeatureSeries, values: Mapping[datetime, float | None], first: datetime, computed_to: datetime) -> bool:
    """False where another came first: the row is behind still, and its turn comes again."""
    as_read = {"version": row.version, "computed_to": row.computed_to, "stores": row.stores}
    defined = Q(feature__version=row.feature.version)
    if not FeatureSeries.objects.select_for_update(of=("self",)).filter(defined, pk=row.pk, **as_read).exists():
        return False
    theirs = FeatureValue.objects.filter(series=row)
    (theirs.filter(opened_at__gte=first) if row.version == row.feature.version else theirs).delete()
    FeatureValue.objects.bulk_create(
        [FeatureValue(series=row, opened_at=at, value=value) for at, value in values.items() if value is not None],
        batch_size=5_000,
    )
    now_at = {"version": row.feature.version, "computed_to": computed_to}
    FeatureSeries.objects.filter(pk=row.pk).update(**now_at)
    return True


def _last_closed(series: CandleSeries, since: datetime) -> datetime | None:
    """The opening of the newest closed candle at `since` or later."""
    newest = Candle.objects.filter(series=series, timeframe=series.timeframe, opened_at__gte=since, is_closed=True)
    return newest.order_by("-opened_at").values_list("opened_at", flat=True).first()


def _values(feature: Definition, row: FeatureSeries, first: datetime, last: datetime) -> dict[datetime, float | None]:
    """A value for each bar from `first` to `last`, computed from as far back as it needs."""
    series = row.candles
    # Not from before its beginning: that is no hole, of which a window bears a few.
    begin = max(timeframes.step(first, series.timeframe, -feature.look_back), series.first_at or first)
    opened_at = feature_values.grid(begin, last, series.timeframe)
    until = timeframes.ends(last, series.timeframe)

    def closes(symbol: str) -> Floats:
        found = candles_of(series.exchange_id, series.environment, symbol, series.timeframe, begin, until)
        return feature_values.closes(found, opened_at)

    inputs = Inputs(
        series.timeframe,
        opened_at,
        close=closes(series.symbol),
        reference=closes(row.feature.reference) if feature.function.needs_reference else None,
        funding=_funding(series, opened_at, until) if feature.function.needs_funding else None,
    )
    found = zip(opened_at, feature_values.compute(feature, inputs), strict=True)
    return {at: value for at, value in found if at >= first}


def _funding(series: CandleSeries, opened_at: Sequence[datetime], until: datetime) -> Floats:
    rates = FundingRate.objects.filter(
        exchange_id=series.exchange_id,
        environment=series.environment,
        symbol=series.symbol,
        funding_at__gte=opened_at[0],
        funding_at__lt=until,
    )
    return feature_values.funding(rates.values_list("funding_at", "rate"), opened_at, series.timeframe)
