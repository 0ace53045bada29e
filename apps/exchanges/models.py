"""Accounts at exchanges, and how the exchanges are doing."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from datetime import UTC, datetime, time, timedelta

import orjson
from django.conf import settings
from django.db import models
from django.db.models import Q

from alphapulse.exchanges import catalogue
from alphapulse.resilience.breaker import Breaker, BreakerState
from alphapulse.types import Credentials, SyncKind
from apps.core.encryption import open_sealed, seal
from apps.users.models import User, Workspace


class Environment(models.TextChoices):
    LIVE = "live"
    SANDBOX = "sandbox"


DEFAULT_EGRESS = "default"
# How much of an account's past is read where its owner does not say.
USUAL_PAST = timedelta(days=730)


class ExchangeAccountQuerySet(models.QuerySet["ExchangeAccount"]):
    def live(self) -> ExchangeAccountQuerySet:
        """All but those that were deleted: of these only history is left."""
        return self.filter(archived_at=None)

    def counting(self) -> ExchangeAccountQuerySet:
        """Without those whose money another one counts."""
        return self.filter(double_of=None)

    def visible_to(self, user: User) -> ExchangeAccountQuerySet:
        return self.live().filter(workspace__memberships__user=user)

    def named(self, label_or_id: str) -> ExchangeAccountQuerySet:
        """By label, or by id where it is a number that is no label."""
        by_label = self.filter(label=label_or_id)
        if label_or_id.isdecimal() and not by_label.exists():
            return self.filter(pk=int(label_or_id))
        return by_label


class ExchangeAccount(models.Model):
    """A user's keys at an exchange. The credentials are sealed for this row and are never shown again."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="accounts")
    exchange_id = models.CharField("exchange", max_length=40, help_text="ccxt's id: binance, bybit, kraken ...")
    environment = models.CharField(max_length=10, choices=Environment, default=Environment.LIVE)
    egress = models.CharField(
        max_length=40, default=DEFAULT_EGRESS, help_text="which IP or proxy its traffic leaves by: a label of EGRESSES"
    )
    label = models.CharField(max_length=80)
    sealed_credentials = models.TextField(editable=False)
    # The same key twice would count the same money twice.
    key_fingerprint = models.CharField(max_length=64, editable=False)
    wallets = models.JSONField(default=list, blank=True, help_text="the wallets to keep in sync; empty: all of them")
    history_from = models.DateField(
        null=True, blank=True, help_text="since when what happened is read; empty: two years before it was added"
    )
    permissions = models.JSONField(default=dict, blank=True, help_text="what the key may do, as the exchange said")
    permissions_checked_at = models.DateTimeField(null=True, blank=True)
    # None: it does not expire, as far as we know.
    key_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    # When the exchange is asked again what the key may do; None: with the next round.
    key_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Which of the exchange's accounts the key belongs to, in its words; empty: not told, or not asked yet.
    exchange_uid = models.CharField(
        "account at the exchange", max_length=80, blank=True, default="", editable=False, help_text="its number there"
    )
    # Another key of the same account there, that reads the same wallets: that one counts, and this one does not.
    double_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="doubles"
    )
    is_enabled = models.BooleanField("enabled", default=True)
    disabled_reason = models.CharField(max_length=300, blank=True)
    # Disabled because the exchange did not accept the key: another one that it accepts enables it again.
    is_rejected = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    # Deleted by its owner: without credentials and in no list; what happened to it still counts.
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ExchangeAccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "label"], name="one_label_per_workspace", condition=Q(archived_at__isnull=True)
            ),
            models.UniqueConstraint(
                fields=["workspace", "exchange_id", "environment", "key_fingerprint"],
                name="one_account_per_key",
                condition=Q(archived_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.exchange_id}, {self.environment})"

    @property
    def exchange(self) -> catalogue.Exchange:
        return catalogue.exchange(self.exchange_id)

    @property
    def chosen_wallets(self) -> frozenset[str]:
        """Those that its owner chose; of who chose none, all that there are."""
        return frozenset(self.wallets) or self.exchange.wallets

    def reads(self, kind: SyncKind) -> list[catalogue.Read]:
        """What is asked for to know it: of the wallets that its owner chose."""
        return self.exchange.chosen(kind, self.wallets)

    @property
    def history_start(self) -> datetime:
        """Since when what happened to it is wanted; the exchange may not tell as much."""
        if self.history_from is None:
            return self.created_at - USUAL_PAST
        return datetime.combine(self.history_from, time(), tzinfo=UTC)

    def set_credentials(self, credentials: Credentials) -> None:
        """Seals them for this row; not saved yet."""
        fields = [credentials.api_key, credentials.secret, credentials.password]
        self.sealed_credentials = seal(orjson.dumps(fields).decode(), bound_to=self.seal_name)
        self.key_fingerprint = fingerprint(credentials.api_key)

    def open_credentials(self) -> Credentials:
        """Raises apps.core.encryption.CannotOpen."""
        api_key, secret, password = orjson.loads(open_sealed(self.sealed_credentials, bound_to=self.seal_name))
        return Credentials(api_key=api_key, secret=secret, password=password)

    @property
    def seal_name(self) -> str:
        """What its sealed text is bound to."""
        return f"exchange account {self.uid}"


def fingerprint(api_key: str) -> str:
    """Tells equal keys without telling the key."""
    return hmac.digest(settings.SECRET_KEY.encode(), api_key.encode(), hashlib.sha256).hex()


class KeyTrouble(models.TextChoices):
    EXPIRES_SOON = "expires_soon", "expires soon"
    EXPIRED = "expired", "has expired"
    MAY_WITHDRAW = "may_withdraw", "may withdraw"
    SAME_ACCOUNT = "same_account", "is of an account that is read by another key"


class KeyNotice(models.Model):
    """What an owner must know of a key, from when it was noticed until it is over."""

    account = models.ForeignKey(ExchangeAccount, on_delete=models.CASCADE, related_name="key_notices")
    kind = models.CharField(max_length=20, choices=KeyTrouble)
    message = models.CharField(max_length=300)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind"], name="one_open_notice_of_a_kind", condition=Q(closed_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"The key of {self.account.label} {self.get_kind_display()}"


class AccountGroup(models.Model):
    """Accounts that are looked at together."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="account_groups")
    name = models.CharField(max_length=80)
    accounts = models.ManyToManyField(ExchangeAccount, related_name="groups", blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="one_group_of_a_name")]

    def __str__(self) -> str:
        return self.name


BREAKER_FIELDS = ("failures", "opened_at", "banned_until", "probe_until")


class ExchangeHealth(models.Model):
    """The breaker and the ban of one exchange, as seen from one egress: shared by every worker.

    Rows are touched only when something changes; no row means healthy.
    """

    exchange_id = models.CharField(max_length=40)
    environment = models.CharField(max_length=10, choices=Environment)
    egress = models.CharField(max_length=40, default=DEFAULT_EGRESS)
    failures = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(null=True, blank=True)
    probe_until = models.DateTimeField(null=True, blank=True)
    banned_until = models.DateTimeField(null=True, blank=True)
    # When somebody last spent of its budget while Redis was away: what is counted there since before is too little.
    uncounted_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "exchange health"
        constraints = [
            models.UniqueConstraint(fields=["exchange_id", "environment", "egress"], name="one_health_per_egress")
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.environment} by egress {self.egress}"

    @property
    def breaker(self) -> Breaker:
        return Breaker(**{field: getattr(self, field) for field in BREAKER_FIELDS})

    @breaker.setter
    def breaker(self, breaker: Breaker) -> None:
        for field in BREAKER_FIELDS:
            setattr(self, field, getattr(breaker, field))

    def state(self, now: datetime) -> BreakerState:
        return self.breaker.state(now)
