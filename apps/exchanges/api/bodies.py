"""Exchange accounts and their groups on the wire. Credentials come in, and never go out."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from alphapulse.types import Credentials
from apps.core.clock import now
from apps.core.serializers import Body, Line
from apps.exchanges.models import DEFAULT_EGRESS, Environment, ExchangeAccount, KeyTrouble
from apps.exchanges.services import key_watch

LONGEST_SECRET = 8192  # a private key in PEM has some 3,000
MOST_WALLETS, MOST_ACCOUNTS = 20, 500


def _secret(**kwargs: Any) -> serializers.CharField:
    return serializers.CharField(max_length=LONGEST_SECRET, write_only=True, **kwargs)


class CredentialsBody(Body):
    api_key = _secret()
    secret = _secret(required=False, default="", allow_blank=True)
    password = _secret(required=False, default="", allow_blank=True, help_text="where the exchange has one (OKX ...)")
    may_withdraw = serializers.BooleanField(
        default=False, help_text="store the key even if it has the right to withdraw; else such a key is refused"
    )


class AccountBody(CredentialsBody):
    workspace_id = serializers.IntegerField(required=False, help_text="left out: the only one there is")
    exchange_id = serializers.CharField(max_length=40, help_text="ccxt's: `binance`, `kraken` ...")
    environment = serializers.ChoiceField(Environment.choices, default=Environment.LIVE.value)
    egress = Line(max_length=40, default=DEFAULT_EGRESS, help_text="by which IP its traffic leaves")
    label = Line(max_length=80)
    wallets = serializers.ListField(
        child=serializers.CharField(max_length=40),
        default=list,
        max_length=MOST_WALLETS,
        help_text="those to keep in sync; empty: all",
    )
    history_from = serializers.DateField(
        required=False,
        allow_null=True,
        default=None,
        help_text="since when its past is read; null: two years before it was added",
    )


class AccountChanges(Body):
    """Fields left out stay as they are."""

    label = Line(max_length=80, required=False)
    egress = Line(max_length=40, required=False)
    wallets = serializers.ListField(child=serializers.CharField(max_length=40), required=False, max_length=MOST_WALLETS)
    history_from = serializers.DateField(
        required=False, allow_null=True, help_text="since when its past is read; null: two years before it was added"
    )


class DisableBody(Body):
    reason = Line(max_length=250, required=False, default="", allow_blank=True)


class KeyReportRow(serializers.Serializer):
    """What the exchange said that the key may do; null is what it does not tell."""

    wallets = serializers.ListField(child=serializers.CharField(allow_blank=True))
    wallets_not_permitted = serializers.ListField(child=serializers.CharField(allow_blank=True))
    can_trade = serializers.BooleanField(allow_null=True)
    can_withdraw = serializers.BooleanField(allow_null=True)
    ip_restricted = serializers.BooleanField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    warnings = serializers.ListField(child=serializers.CharField())


class NoticeRow(serializers.Serializer):
    """What its owner should know of a key."""

    kind = serializers.ChoiceField(KeyTrouble.values)
    message = serializers.CharField(help_text="what it is, and what to do")
    since = serializers.DateTimeField(source="opened_at")


class AccountRow(serializers.Serializer):
    id = serializers.IntegerField()
    workspace_id = serializers.IntegerField()
    exchange_id = serializers.CharField()
    environment = serializers.ChoiceField(Environment.choices)
    egress = serializers.CharField()
    label = serializers.CharField()
    wallets = serializers.ListField(child=serializers.CharField())
    history_from = serializers.DateField(
        allow_null=True, help_text="since when its past is read; null: two years before it was added"
    )
    is_enabled = serializers.BooleanField()
    disabled_reason = serializers.CharField(allow_blank=True)
    permissions = serializers.SerializerMethodField()
    permissions_checked_at = serializers.DateTimeField(allow_null=True)
    exchange_uid = serializers.SerializerMethodField(
        help_text="which of the exchange's accounts the key belongs to, in its words; null: not told"
    )
    double_of = serializers.IntegerField(
        source="double_of_id",
        allow_null=True,
        help_text="the account that counts instead of this one: its key is of the same account at the exchange",
    )
    expires_at = serializers.DateTimeField(
        source="key_expires_at", allow_null=True, help_text="of the key; null: never, or the exchange does not tell"
    )
    expires_soon = serializers.SerializerMethodField(help_text="within two weeks, or it has expired")
    notices = serializers.SerializerMethodField()
    groups = serializers.SerializerMethodField(help_text="ids")
    created_at = serializers.DateTimeField()

    @extend_schema_field(KeyReportRow(allow_null=True))
    def get_permissions(self, account: ExchangeAccount) -> dict[str, Any] | None:
        return account.permissions or None

    def get_exchange_uid(self, account: ExchangeAccount) -> str | None:
        return account.exchange_uid or None

    def get_expires_soon(self, account: ExchangeAccount) -> bool:
        return key_watch.expires_soon(account, now())

    @extend_schema_field(NoticeRow(many=True))
    def get_notices(self, account: ExchangeAccount) -> Any:
        is_open = [notice for notice in account.key_notices.all() if notice.closed_at is None]
        return NoticeRow(is_open, many=True).data

    def get_groups(self, account: ExchangeAccount) -> list[int]:
        return sorted(group.pk for group in account.groups.all())


class GroupBody(Body):
    workspace_id = serializers.IntegerField(required=False, help_text="left out: the only one there is")
    name = Line(max_length=80)
    account_ids = serializers.ListField(
        child=serializers.IntegerField(), default=list, max_length=MOST_ACCOUNTS, help_text="all of the workspace"
    )


class GroupChanges(Body):
    """Fields left out stay as they are."""

    name = Line(max_length=80, required=False)
    account_ids = serializers.ListField(child=serializers.IntegerField(), required=False, max_length=MOST_ACCOUNTS)


class GroupRow(serializers.Serializer):
    id = serializers.IntegerField()
    workspace_id = serializers.IntegerField()
    name = serializers.CharField()
    account_ids = serializers.SerializerMethodField()

    def get_account_ids(self, group: Any) -> list[int]:
        return sorted(account.pk for account in group.accounts.all())


def credentials_of(given: dict[str, Any]) -> Credentials:
    """Takes them out of what was given."""
    return Credentials(api_key=given.pop("api_key"), secret=given.pop("secret"), password=given.pop("password"))
