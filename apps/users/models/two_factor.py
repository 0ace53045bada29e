"""Something one has, beside the password."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from apps.core.encryption import open_sealed, seal


class TwoFactor(models.Model):
    """A user's authenticator. Nothing is asked of it before it has shown once that it works (`confirmed_at`)."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="two_factor")
    sealed_secret = models.TextField(editable=False)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    # The thirty seconds whose code was used last: no code is good twice.
    last_step = models.BigIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "two-factor"

    def __str__(self) -> str:
        return f"two-factor of {self.user}"

    def set_secret(self, secret: str) -> None:
        """Not saved yet."""
        self.sealed_secret = seal(secret, bound_to=self.seal_name)

    def open_secret(self) -> str:
        """Raises apps.core.encryption.CannotOpen."""
        return open_sealed(self.sealed_secret, bound_to=self.seal_name)

    @property
    def seal_name(self) -> str:
        """What its sealed text is bound to."""
        return f"two-factor of user {self.user_id}"


class RecoveryCode(models.Model):
    """For who has lost the authenticator: each good once. Its SHA-256 is kept."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64, editable=False)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="one_code_of_a_kind")]

    def __str__(self) -> str:
        return f"recovery code of {self.user}"
