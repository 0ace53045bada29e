"""Numbers made of candles: which are wanted, how far each is computed, and what they are."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Case, F, Q, Value, When

from alphapulse.market import features, timeframes
from apps.market.models.candles import TIMEFRAME_CHOICES, CandleSeries

FUNCTION_CHOICES = [(name, f"{name}: {function.what}") for name, function in features.FUNCTIONS.items()]


class Feature(models.Model):
    """One function with its parameters, of every series of a timeframe. Change it with `services.define`."""

    name = models.CharField(
        max_length=60,
        unique=True,
        validators=[RegexValidator(r"\A[a-z][a-z0-9_]*\Z", "Small letters, digits and _ only.")],
    )
    function = models.CharField(max_length=20, choices=FUNCTION_CHOICES)
    parameters = models.JSONField(
        default=dict, blank=True, help_text='For example {"window": 30}; the others are usual.'
    )
    timeframe = models.CharField(max_length=3, choices=TIMEFRAME_CHOICES)
    reference = models.CharField(max_length=100, blank=True, help_text="For a correlation: with which symbol.")
    # Which definition a value was computed by.
    version = models.PositiveIntegerField(default=1, editable=False)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        try:
            wanted = self.definition
        except features.UnknownFeature as problem:
            raise ValidationError({"parameters": str(problem)}) from problem
        if wanted.function.needs_reference != bool(self.reference):
            word = "needs the symbol that it compares with" if not self.reference else "compares with nothing"
            raise ValidationError({"reference": f"{self.function} {word}."})

    @property
    def definition(self) -> features.Feature:
        """Raises UnknownFeature where the row says what cannot be computed."""
        if not isinstance(self.parameters, dict):
            raise features.UnknownFeature('Parameters are written like {"window": 30}.')
        return features.feature(self.function, self.parameters)

    @property
    def says(self) -> tuple[Any, ...]:
        """What makes values other values."""
        return self.function, self.parameters, self.timeframe, self.reference


class FeatureSeriesQuerySet(models.QuerySet["FeatureSeries"]):
    def made_of(self, candles: CandleSeries) -> "FeatureSeriesQuerySet":
        """Those of that series, and those that are compared with it, or with candles that are made of it."""
        coarser = [each for each in timeframes.TIMEFRAMES if timeframes.divides(candles.timeframe, each)]
        compared = Q(
            feature__reference=candles.symbol,
            candles__exchange_id=candles.exchange_id,
            candles__environment=candles.environment,
            candles__timeframe__in=coarser,
        )
        return self.filter(Q(candles=candles) | compared)

    def behind(self) -> "FeatureSeriesQuerySet":
        """Those that have something to be computed, now or by somebody who is at it."""
        # One that was of another timeframe rests there.
        active = Q(feature__is_active=True, candles__timeframe=F("feature__timeframe"))
        return self.filter(active, due_at__isnull=False)

    def set_back(self, candles: CandleSeries, since: datetime, until: datetime, now: datetime) -> None:
        """Closed candles in [since, until) are new or others: what is made of them, or with them, is due.

        Call it in the transaction that stores them, with their series locked.
        """
        # Locked in one order: who stores the reference's candles at the same time waits, and nobody for each other.
        theirs = self.made_of(candles).select_for_update(of=("self",)).order_by("pk")
        locked: dict[str, list[int]] = defaultdict(list)
        for pk, timeframe in theirs.values_list("pk", "candles__timeframe"):
            locked[timeframe].append(pk)
        for timeframe, pks in locked.items():
            begin, end = timeframes.floor(since, timeframe), timeframes.ceiling(until, timeframe)
            # At its newer end it goes on from there; within, only what is made of these is made again.
            newest, within = Q(computed_to__gt=begin, computed_to__lte=end), Q(computed_to__gt=end)
            # What is compared with candles of which it has none of its own yet has nothing to compute.
            changed = Q(candles=candles) | Q(computed_to__gt=begin) | Q(due_at__gt=now)
            self.filter(pk__in=pks).update(
                computed_to=_where(newest, begin, "computed_to"),
                again_from=_where(within & ~Q(again_from__lt=begin), begin, "again_from"),
                again_to=_where(within & ~Q(again_to__gt=end), end, "again_to"),
                stores=F("stores") + 1,
                due_at=_where(changed & ~Q(due_at__lte=now), now, "due_at"),
            )


def _where(condition: Q, value: datetime, column: str) -> Case:
    return Case(When(condition, then=Value(value)), default=F(column))


class FeatureSeries(models.Model):
    """How far a feature is computed of one series: all that opened before `computed_to`, by `version`.

    What is `outdated` of it is made again, before what comes after.
    """

    feature = models.ForeignKey(Feature, on_delete=models.CASCADE, related_name="series")
    candles = models.ForeignKey(CandleSeries, on_delete=models.CASCADE, related_name="features")
    version = models.PositiveIntegerField()
    # None: nothing yet.
    computed_to = models.DateTimeField(null=True)
    # Of what is computed: candles in [again_from, again_to) came or changed since.
    again_from = models.DateTimeField(null=True)
    again_to = models.DateTimeField(null=True)
    # How often its candles or definition were others: what was computed of those before is not written.
    stores = models.PositiveBigIntegerField(default=0)
    # Since when there is something to compute; later than now: until then somebody is at it. None: it rests.
    due_at = models.DateTimeField(null=True)

    objects = FeatureSeriesQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "feature series"
        constraints = [models.UniqueConstraint(fields=["feature", "candles"], name="one_feature_per_series")]
        # Who is computed next, asked every few seconds; nearly all rest.
        indexes = [models.Index(fields=["due_at"], name="due_features", condition=Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return f"{self.feature} of {self.candles}"

    @property
    def is_behind(self) -> bool:
        """There are candles that it is not computed of, or another definition."""
        return self.due_at is not None or self.version != self.feature.version

    @property
    def outdated(self) -> tuple[datetime, datetime] | None:
        """Of what is computed, the bars [first, end) whose windows have other candles now."""
        if self.again_from is None or self.again_to is None or self.computed_to is None:
            return None
        reach = timeframes.step(self.again_to, self.candles.timeframe, self.feature.definition.look_back)
        end = min(reach, self.computed_to)
        return (self.again_from, end) if self.again_from < end else None


class FeatureValue(models.Model):
    """No row before `computed_to`: there was too little for a value."""

    pk = models.CompositePrimaryKey("series_id", "opened_at")
    series = models.ForeignKey(FeatureSeries, on_delete=models.CASCADE, related_name="values", db_index=False)
    opened_at = models.DateTimeField()
    value = models.FloatField()

    def __str__(self) -> str:
        return f"{self.value} at {self.opened_at:%Y-%m-%d %H:%M}"
