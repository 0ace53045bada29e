"""The admin's login, as well guarded as the API's."""

from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError

from apps.audit.services import record
from apps.core.clock import now
from apps.core.durations import in_words
from apps.core.visitors import address_of
from apps.users.services import lockout, two_factor


class LockingLoginForm(AdminAuthenticationForm):
    code = forms.CharField(
        required=False,
        max_length=40,
        label="Code of the authenticator",
        help_text="or a recovery code; empty where two-factor is not set up",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code"}),
    )

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if not two_factor.is_enabled(user):
            if two_factor.is_required(user):
                raise ValidationError("Set up two-factor first: `manage.py two_factor NAME`, or over the API.")
        elif not two_factor.passes(user, self.cleaned_data.get("code", ""), now=now()):
            raise ValidationError("A code of the authenticator, or a recovery code, is wanted: each is good once.")

    def clean(self) -> dict[str, Any]:
        at, address = now(), address_of(self.request)
        try:
            attempt = lockout.begin(self.cleaned_data.get("username", ""), address, now=at)
        except lockout.LockedOut as lock:
            wait = in_words(lock.until - at)
            raise ValidationError(f"Too many failed attempts: try again in {wait}.", code="locked_out") from None
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError:
            attempt.fail(at)
            raise
        attempt.succeed()
        record("admin.entered", self.get_user(), at=at, actor=self.get_user(), address=address)
        return cleaned
