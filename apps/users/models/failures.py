"""Failed logins, counted where they could be guesses."""

from __future__ import annotations

from django.db import models


class LoginFailures(models.Model):
    """Of a name from an address, of an address, or of a name; `key` says which, and names nobody who is not there."""

    key = models.CharField(max_length=64, unique=True, editable=False)
    what = models.CharField(max_length=200)
    attempts = models.PositiveIntegerField(default=0)
    since = models.DateTimeField()
    locked_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "login failures"

    def __str__(self) -> str:
        return self.what
