"""Features computed: in turns of a few seconds, those first that wait longest, so that nobody waits long behind them.

What there is to compute is a column of the rows (`FeatureSeries.due_at`), not messages: one that is lost, doubled or
late costs nothing, and a worker that dies costs a lease of what it was at.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from alphapulse.market import feature_values, timeframes
from alphapulse.market.feature_values import Floats, Inputs
from alphapulse.market.features import Feature as Definition
from apps.core.clock import now as clock_now
from apps.market.models import CandleSeries, FeatureSeries, FeatureValue, FundingRate
from apps.market.models.features import FeatureSeriesQuerySet
from apps.market.services.candles import candles_in, candles_of, newest_closed
from apps.market.signals import features_computed

# Of one series in one step: a second's work. What is left over is another turn's.
BARS_A_STEP = 20_000
# So long one message keeps a compute worker: whoever else waits for it waits no longer.
TURN = timedelta(seconds=4)
# Of that the first part is for new bars. Then come pasts: of features that are new, and of candles that are read back.
FOR_NEW_BARS = timedelta(seconds=2)
# So many are looked up at once.
CHUNK = 100
# Whoever has not ended it by then was ended himself: the hard limit is below.
LEASE = timedelta(seconds=settings.CELERY_TASK_TIME_LIMIT + 30)


def due(now: datetime) -> FeatureSeriesQuerySet:
    """Those that have something to be computed, and that nobody is at."""
    return FeatureSeries.objects.behind().filter(due_at__lte=now)


def take_turn() -> int:
    """Computes what is due, for a few seconds. Returns of how many series there are new values."""
    begun, computed = clock_now(), list[int]()
    goes_on = Q(computed_to__isnull=False, version=F("feature__version"), again_from__isnull=True)
    try:
        for which, until in ((goes_on, begun + FOR_NEW_BARS), (~goes_on, begun + TURN), (goes_on, begun + TURN)):
            computed.extend(_computed(which, until))
    finally:
        # Also where one could not be computed: the others were.
        if computed:
            features_computed.send_robust(FeatureSeries, feature_series_ids=sorted(set(computed)))
    return len(set(computed))


def _computed(which: Q, until: datetime) -> Iterator[int]:
    """One after the other, those first that wait longest, as long as there is time."""
    while waiting := due(clock_now()).filter(which).order_by("due_at", "pk").values_list("pk", "due_at")[:CHUNK]:
        for pk, due_at in waiting:
            if clock_now() >= until:
                return
            if _take(pk, due_at, clock_now()) and compute(pk):
                yield pk


def _take(pk: int, due_at: datetime | None, now: datetime) -> bool:
    """Whether it is ours; where we are lost it is due again after the lease."""
    return bool(FeatureSeries.objects.filter(pk=pk, due_at=due_at).update(due_at=now + LEASE))


def compute_on(feature_series_id: int) -> None:
    """Step after step, as far as there are closed candles."""
    while compute(feature_series_id):
        pass


def compute(feature_series_id: int) -> int:
    """One step on. Returns how many bars it took; 0: it is computed as far as there are closed candles, and rests.

    Computed without a transaction, and written only where nothing was stored, defined or computed meanwhile.
    """
    row = FeatureSeries.objects.select_related("feature", "candles").get(pk=feature_series_id)
    step = _step(row)
    if step is None:
        _unchanged(row).update(due_at=None, again_from=None, again_to=None)
        return 0
    values = _values(row.feature.definition, row, step.first, step.last)
    return len(values) if _write(row, values, step) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The bars from `first` to `last` are computed; `leaves` is what the row says then."""

    first: datetime
    last: datetime
    leaves: Mapping[str, Any]


def _step(row: FeatureSeries) -> Step | None:
    """What is outdated comes first, then what is new. None: there is nothing to compute."""
    timeframe, is_defined = row.candles.timeframe, row.version == row.feature.version
    if is_defined and row.outdated:
        first, end = row.outdated
        until = min(end, timeframes.step(first, timeframe, BARS_A_STEP))
        left = (until, row.again_to) if until < end else (None, None)
        leaves = {"again_from": left[0], "again_to": left[1], "due_at": clock_now()}
        return Step(first=first, last=timeframes.step(until, timeframe, -1), leaves=leaves)
    start = (row.computed_to if is_defined else None) or row.candles.first_at
    newest = newest_closed(row.candles, start) if start else None
    if start is None or newest is None:
        return None
    last = min(newest, timeframes.step(start, timeframe, BARS_A_STEP - 1))
    leaves = {"version": row.feature.version, "computed_to": timeframes.ends(last, timeframe)}
    leaves |= {"again_from": None, "again_to": None, "due_at": clock_now() if last < newest else None}
    return Step(first=start, last=last, leaves=leaves)


def _unchanged(row: FeatureSeries) -> FeatureSeriesQuerySet:
    """The row, if it is as it was read: nothing was stored or computed meanwhile."""
    as_read = {name: getattr(row, name) for name in ("version", "computed_to", "again_from", "again_to", "stores")}
    return FeatureSeries.objects.filter(pk=row.pk, **as_read)


@transaction.atomic
def _write(row: FeatureSeries, values: Mapping[datetime, float | None], step: Step) -> bool:
    """False where another came first: he has made the row due, or has computed it."""
    defined = Q(feature__version=row.feature.version)
    if not _unchanged(row).filter(defined).select_for_update(of=("self",)).exists():
        return False
    theirs = FeatureValue.objects.filter(series=row)
    if row.version == row.feature.version:
        # Beyond what is computed there may be some of before it was set back.
        goes_on = "computed_to" in step.leaves
        theirs = theirs.filter(opened_at__gte=step.first, **({} if goes_on else {"opened_at__lte": step.last}))
    theirs.delete()
    FeatureValue.objects.bulk_create(
        [FeatureValue(series=row, opened_at=at, value=value) for at, value in values.items() if value is not None],
        batch_size=5_000,
    )
    FeatureSeries.objects.filter(pk=row.pk).update(**step.leaves)
    return True


def _values(feature: Definition, row: FeatureSeries, first: datetime, last: datetime) -> dict[datetime, float | None]:
    """A value for each bar from `first` to `last`, computed from as far back as it needs."""
    series = row.candles
    # Not from before its beginning: that is no hole, of which a window bears a few.
    begin = max(timeframes.step(first, series.timeframe, -feature.look_back), series.first_at or first)
    opened_at = feature_values.grid(begin, last, series.timeframe)
    until = timeframes.ends(last, series.timeframe)
    inputs = Inputs(
        series.timeframe,
        opened_at,
        close=feature_values.closes(candles_in(series, begin, until), opened_at),
        reference=_reference(row, opened_at, until) if feature.function.needs_reference else None,
        funding=_funding(series, opened_at, until) if feature.function.needs_funding else None,
    )
    found = zip(opened_at, feature_values.compute(feature, inputs), strict=True)
    return {at: value for at, value in found if at >= first}


def _reference(row: FeatureSeries, opened_at: Sequence[datetime], until: datetime) -> Floats:
    series = row.candles
    found = candles_of(
        series.exchange_id, series.environment, row.feature.reference, series.timeframe, opened_at[0], until
    )
    return feature_values.closes(found, opened_at)


def _funding(series: CandleSeries, opened_at: Sequence[datetime], until: datetime) -> Floats:
    rates = FundingRate.objects.filter(
        exchange_id=series.exchange_id,
        environment=series.environment,
        symbol=series.symbol,
        funding_at__gte=opened_at[0],
        funding_at__lt=until,
    )
    return feature_values.funding(rates.values_list("funding_at", "rate"), opened_at, series.timeframe)
