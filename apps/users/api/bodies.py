"""What is sent to, and said by, the addresses of users."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any
from zoneinfo import available_timezones

from rest_framework import serializers

from apps.core.serializers import Body, Line
from apps.users.models import BASE_CURRENCIES, NumberFormat, Role
from apps.users.scopes import Scope
from apps.users.tokens import PERSONAL

LONGEST_PASSWORD = 1000
LONGEST_TOKEN = 4096
SCOPES = [scope.value for scope in Scope]


class LoginBody(Body):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=LONGEST_PASSWORD, trim_whitespace=False, write_only=True)
    code = Line(max_length=40, required=False, default="", allow_blank=True, help_text="where two-factor is enabled")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(SCOPES),
        required=False,
        max_length=len(SCOPES),
        help_text="what the session is for; left out: all that the user may",
    )


class RefreshBody(Body):
    refresh = serializers.CharField(max_length=LONGEST_TOKEN)


class TokenPair(serializers.Serializer):
    access = serializers.CharField(help_text="for five minutes: `Authorization: Bearer <access>`")
    refresh = serializers.CharField(help_text="for a day, and for one use: it gives the next pair")


class LogoutBody(Body):
    everywhere = serializers.BooleanField(default=False, help_text="end all sessions of this user, not this one alone")


class PasswordBody(Body):
    current_password = serializers.CharField(max_length=LONGEST_PASSWORD, trim_whitespace=False)
    new_password = serializers.CharField(max_length=LONGEST_PASSWORD, trim_whitespace=False)


class QuietHours(Body):
    begin = serializers.TimeField(format="%H:%M")
    end = serializers.TimeField(format="%H:%M")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["begin"] == attrs["end"]:
            raise serializers.ValidationError("They begin and end at the same minute: null turns them off.")
        return attrs


class SettingsBody(Body):
    """Fields left out stay as they are."""

    base_currency = serializers.ChoiceField(BASE_CURRENCIES, required=False, help_text="in which worth is shown")
    stablecoins_at_par = serializers.BooleanField(
        required=False, help_text="a dollar's stablecoin counts as a dollar, not as its price"
    )
    time_zone = serializers.CharField(max_length=64, required=False, help_text="IANA's name: `Europe/Berlin`")
    quiet_hours = QuietHours(
        required=False,
        allow_null=True,
        help_text="of the time zone, past midnight if `end` is before `begin`; null: none",
    )
    number_format = serializers.ChoiceField(
        NumberFormat.values, required=False, help_text="by example; the API's own are always plain"
    )

    def validate_time_zone(self, name: str) -> str:
        if name not in available_timezones():
            raise serializers.ValidationError(f"There is no time zone called {name!r}: Europe/Berlin, UTC ...")
        return name

    def to_representation(self, stored: Any) -> dict[str, Any]:
        quiet = {"begin": stored.quiet_from, "end": stored.quiet_until} if stored.quiet_from else None
        return {
            "base_currency": stored.base_currency,
            "stablecoins_at_par": stored.stablecoins_at_par,
            "time_zone": stored.time_zone,
            "quiet_hours": quiet and QuietHours(quiet).data,
            "number_format": stored.number_format,
        }


def columns_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as they are sent -> as UserSettings keeps them."""
    columns = dict(given)
    if "quiet_hours" in columns:
        quiet = columns.pop("quiet_hours") or {"begin": None, "end": None}
        columns |= {"quiet_from": quiet["begin"], "quiet_until": quiet["end"]}
    return columns


class MembershipRow(serializers.Serializer):
    id = serializers.IntegerField(source="workspace_id")
    name = serializers.CharField(source="workspace.name")
    role = serializers.ChoiceField(Role.choices)


class ProfileRow(serializers.Serializer):
    id = serializers.IntegerField()
    username = serializers.CharField()
    email = serializers.EmailField(allow_blank=True)
    is_staff = serializers.BooleanField()
    workspaces = MembershipRow(many=True)
    settings = SettingsBody()


class SessionRow(serializers.Serializer):
    id = serializers.IntegerField()
    user_agent = serializers.CharField()
    address = serializers.IPAddressField(allow_null=True)
    created_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField(help_text="when it was last refreshed")
    expires_at = serializers.DateTimeField()
    is_current = serializers.SerializerMethodField(help_text="the session of the token that asks")

    def get_is_current(self, session: Any) -> bool:
        return session.pk == self.context["current"]


class ApiTokenBody(Body):
    name = Line(max_length=80, help_text="what it is for")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(SCOPES), allow_empty=False, max_length=len(SCOPES), help_text="what it may do"
    )
    expires_at = serializers.DateTimeField(help_text="within a year", default_timezone=UTC)


class ApiTokenRow(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    prefix = serializers.SerializerMethodField(help_text="how the token begins")
    scopes = serializers.ListField(child=serializers.ChoiceField(SCOPES))
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    used_at = serializers.DateTimeField(allow_null=True, help_text="to the minute")
    used_from = serializers.IPAddressField(allow_null=True)

    def get_prefix(self, token: Any) -> str:
        return f"{PERSONAL}{token.prefix}"


class NewApiToken(ApiTokenRow):
    token = serializers.SerializerMethodField(help_text="told this once: it is not kept")

    def get_token(self, token: Any) -> str:
        return self.context["token"]


class RoleBody(Body):
    role = serializers.ChoiceField(Role.choices)


class MemberRow(serializers.Serializer):
    user_id = serializers.IntegerField()
    username = serializers.CharField(source="user.username")
    role = serializers.ChoiceField(Role.choices)


class InvitationBody(Body):
    role = serializers.ChoiceField(Role.choices)
    note = Line(max_length=120, required=False, default="", allow_blank=True, help_text="for whom")


class InvitationRow(serializers.Serializer):
    id = serializers.IntegerField()
    role = serializers.ChoiceField(Role.choices)
    note = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class NewInvitation(InvitationRow):
    token = serializers.SerializerMethodField(help_text="told this once: give it to who is invited")

    def get_token(self, invitation: Any) -> str:
        return self.context["token"]


class AcceptBody(Body):
    token = serializers.CharField(max_length=100)


class CodeBody(Body):
    code = serializers.CharField(max_length=40, help_text="the authenticator's six digits")


class PasswordProof(Body):
    current_password = serializers.CharField(max_length=LONGEST_PASSWORD, trim_whitespace=False)


class PasswordAndCodeBody(PasswordProof):
    code = serializers.CharField(max_length=40, help_text="the authenticator's six digits, or a recovery code")


class TwoFactorRow(serializers.Serializer):
    enabled = serializers.BooleanField()
    required = serializers.BooleanField(help_text="until it is enabled, tokens are good for setting it up alone")
    recovery_codes_left = serializers.IntegerField()


class TwoFactorSecretRow(serializers.Serializer):
    secret = serializers.CharField(help_text="to be typed into an authenticator")
    uri = serializers.CharField(help_text="`otpauth://...`, to be shown as a QR code")


class RecoveryCodesRow(serializers.Serializer):
    recovery_codes = serializers.ListField(child=serializers.CharField(), help_text="told this once; each good once")
