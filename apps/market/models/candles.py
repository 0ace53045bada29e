"""What it cost over time: candles, how far each series of them has been read, and who wants it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q

from alphapulse.market import timeframes
from alphapulse.market.timeframes import TIMEFRAMES
from apps.core.money_field import MoneyField
from apps.exchanges.models import Environment
from apps.users.models import Workspace

TIMEFRAME_CHOICES = [(timeframe, timeframe) for timeframe in TIMEFRAMES]

# So many candles, and so long at most, may one that has ended wait to be read before its series counts as stale.
STALE_BARS = 3
LATEST = timedelta(minutes=15)


class SeriesStatus(models.TextChoices):
    OK = "ok"
    FAILED = "failed"
    NOT_OFFERED = "not offered"


class CandleSeries(models.Model):
    """One symbol's candles of a timeframe. Everything in [covered_from, covered_to) has been read, and was stored.

    It is read at its newer end, and backwards to `wanted_since` at its older one, so that the newest are there first.
    Both ends survive a restart as what they are. `first_at` and `last_at` are its oldest and newest candle.
    """

    exchange_id = models.CharField("exchange", max_length=40)
    environment = models.CharField(max_length=10, choices=Environment)
    symbol = models.CharField(max_length=100)
    timeframe = models.CharField(max_length=3, choices=TIMEFRAME_CHOICES)
    # None: all that is kept of the timeframe.
    wanted_since = models.DateTimeField(null=True, blank=True)
    covered_from = models.DateTimeField(null=True)
    covered_to = models.DateTimeField(null=True)
    # When its newer end was asked for last: in between there is time for the older one.
    newest_read_at = models.DateTimeField(null=True)
    # Older ones the exchange does not tell: asked for them, it told newer ones.
    told_from = models.DateTimeField(null=True)
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    # None: nobody watches it; what is there stays until its time.
    due_at = models.DateTimeField(null=True)
    is_behind = models.BooleanField(default=True)
    status = models.CharField(max_length=20, choices=SeriesStatus, default=SeriesStatus.OK)
    failures = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name_plural = "candle series"
        constraints = [
            models.UniqueConstraint(
                fields=["exchange_id", "environment", "symbol", "timeframe"], name="one_series_per_timeframe"
            )
        ]
        indexes = [
            # What is read on next, asked with every step of an exchange's candles.
            models.Index(
                fields=["exchange_id", "environment", "due_at"], name="due_series", condition=Q(due_at__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.timeframe} at {self.exchange_id}"

    def is_stale(self, now: datetime) -> bool:
        """A candle has ended since it was read, and nobody has read it in time: it rests, or cannot be read."""
        read_to = self.covered_to or (self.last_at and timeframes.ends(self.last_at, self.timeframe))
        if read_to is None:
            return True
        length = timeframes.FIXED[self.timeframe]
        return now > read_to + length + min(STALE_BARS * length, LATEST)


class Candle(models.Model):
    """On PostgreSQL in partitions: one for each timeframe and, below a day, each month (`services.partitions`).

    Read it with `services.candles_of`, write it with `services.store_candles`, which locks its series.
    """

    pk = models.CompositePrimaryKey("series_id", "timeframe", "opened_at")
    # Checked by the one function that writes: a trigger for each row would cost half of its speed.
    series = models.ForeignKey(CandleSeries, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    timeframe = models.CharField(max_length=3, choices=TIMEFRAME_CHOICES)
    opened_at = models.DateTimeField()
    open = MoneyField()
    high = MoneyField()
    low = MoneyField()
    close = MoneyField()
    volume = MoneyField()
    is_closed = models.BooleanField()

    def __str__(self) -> str:
        return f"{self.timeframe} of {self.opened_at:%Y-%m-%d %H:%M}"


class CandleHole(models.Model):
    """In [since, until) the exchange has no candle, though it has some before and after: it was asked, and left so."""

    series = models.ForeignKey(CandleSeries, on_delete=models.CASCADE, related_name="holes")
    since = models.DateTimeField()
    until = models.DateTimeField()
    found_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["series", "since"], name="one_hole_per_start")]

    def __str__(self) -> str:
        return f"{self.since:%Y-%m-%d %H:%M} to {self.until:%Y-%m-%d %H:%M}"


class WatchSource(models.TextChoices):
    """Why a symbol's candles are wanted."""

    HELD = "held"
    RULE = "rule"
    TARGET = "target"
    PINNED = "pinned"


class WatchedSymbol(models.Model):
    """Candles are read of these, and of nothing else. Each source writes its own rows (`services.watch`).

    `workspace`: whose pin or target it is; None: all others'. Who else wants the same has a row of their own.
    """

    source = models.CharField(max_length=10, choices=WatchSource, default=WatchSource.PINNED)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, null=True, editable=False, related_name="watched"
    )
    exchange_id = models.CharField("exchange", max_length=40)
    environment = models.CharField(max_length=10, choices=Environment)
    symbol = models.CharField(max_length=100)
    timeframe = models.CharField(max_length=3, choices=TIMEFRAME_CHOICES)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "exchange_id", "environment", "symbol", "timeframe"],
                name="watched_once_by_source",
                condition=Q(workspace=None),
            ),
            models.UniqueConstraint(
                fields=["workspace", "source", "exchange_id", "environment", "symbol", "timeframe"],
                name="watched_once_by_workspace",
                condition=Q(workspace__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.timeframe} at {self.exchange_id}, {self.source}"
