"""The admin's login, as well guarded as the API's."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError

from apps.audit.services import record
from apps.core.clock import now
from apps.core.durations import in_words
from apps.core.visitors import address_of
from apps.users.services import lockout


class LockingLoginForm(AdminAuthenticationForm):
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
