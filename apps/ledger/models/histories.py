"""How far each history of an account has been read, and which markets are worth asking for. Written by services."""

from __future__ import annotations

from django.db import models

from alphapulse.exchanges.history import Cursor
from apps.exchanges.models import ExchangeAccount


class HistoryStatus(models.TextChoices):
    OK = "ok"
    FAILED = "failed"
    NOT_PERMITTED = "not permitted"
    NOT_OFFERED = "not offered"


# Nothing will come of these, and nothing is missing by them that could be had.
LEFT_OUT = (HistoryStatus.NOT_PERMITTED, HistoryStatus.NOT_OFFERED)


class ReadOn(models.Model):
    """What is read on: how it goes, and when its turn is. `due_at` in the past: as soon as its account is."""

    status = models.CharField(max_length=20, choices=HistoryStatus, default=HistoryStatus.OK)
    failures = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    due_at = models.DateTimeField()

    class Meta:
        abstract = True


class HistoryCursor(ReadOn):
    """One list of an account's, by symbol where the exchange wants one. Its rows are complete from `start_at` on, once
    it has caught up. `reached_at`, `page`, `window_until`: see the core's `Cursor`.
    """

    class Why(models.TextChoices):
        # The exchange tells all markets at once.
        WHOLE = ""
        # The account has had to do with its currencies, or with itself.
        LIKELY = "likely"
        # The sweep has found something there.
        SWEPT = "swept"

    account = models.ForeignKey(ExchangeAccount, on_delete=models.CASCADE, related_name="history_cursors")
    kind = models.CharField(max_length=20)
    source = models.CharField(max_length=40)
    symbol = models.CharField(max_length=100, blank=True)
    why = models.CharField(max_length=10, choices=Why, blank=True, default=Why.WHOLE)
    start_at = models.DateTimeField()
    reached_at = models.DateTimeField()
    page = models.TextField(blank=True)
    window_until = models.DateTimeField(null=True)
    # When its end was last reached. None: not since it was begun.
    caught_up_at = models.DateTimeField(null=True)
    # There was more to read than its last step did.
    is_behind = models.BooleanField(default=True)
    # When something in the account moved that may be told here.
    hinted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "kind", "source", "symbol"], name="one_cursor_per_list")
        ]
        # Asked at every step: which of an account's come next?
        indexes = [models.Index(fields=["account", "kind", "due_at"], name="history_turns")]

    def __str__(self) -> str:
        return " ".join(filter(None, (self.kind, self.source, self.symbol)))

    @property
    def cursor(self) -> Cursor:
        return Cursor(reached_at=self.reached_at, page=self.page, window_until=self.window_until)

    @cursor.setter
    def cursor(self, cursor: Cursor) -> None:
        self.reached_at, self.page, self.window_until = cursor.reached_at, cursor.page, cursor.window_until


class HistorySweep(ReadOn):
    """One look into each market where nothing is expected, in the order of the symbols.

    What was looked at is remembered by the last symbol; what was found has a cursor of its own.
    """

    account = models.ForeignKey(ExchangeAccount, on_delete=models.CASCADE, related_name="history_sweeps")
    source = models.CharField(max_length=40)
    symbol = models.CharField(max_length=100, blank=True)
    looked = models.PositiveIntegerField(default=0)
    listed = models.PositiveIntegerField(default=0)
    began_at = models.DateTimeField()
    # When it last was through; None: never yet. The next round begins a while later.
    through_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "source"], name="one_sweep_per_list")]

    def __str__(self) -> str:
        return f"sweep of {self.source}: {self.looked} of {self.listed}"


class Sighting(models.Model):
    """A currency or a symbol that an account has had to do with, and in which wallet. It stays when they are gone.

    `wallet` is empty where nobody said.
    """

    account = models.ForeignKey(ExchangeAccount, on_delete=models.CASCADE, related_name="sightings")
    wallet = models.CharField(max_length=20, blank=True)
    name = models.CharField(max_length=100)
    # The markets that it makes likely have their cursors.
    is_followed = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "wallet", "name"], name="one_sighting_per_wallet")]
        # Asked at every step, of every batch and page: whose new sightings are still to be followed?
        indexes = [
            models.Index(fields=["account"], condition=models.Q(is_followed=False), name="sightings_to_follow"),
        ]

    def __str__(self) -> str:
        return self.name
