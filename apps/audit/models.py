"""What was done, by whom, to what: written in the transaction of the deed, never changed."""

from django.conf import settings
from django.db import models


class AuditEntry(models.Model):
    at = models.DateTimeField(db_index=True)
    # None: the system did it by itself (a rejected key disabled its account).
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    action = models.CharField(max_length=60, help_text="noun.past, e.g. account.disabled")
    target = models.CharField(max_length=120, help_text="kind and id, e.g. account:7")
    # Rows are renamed and removed; the entry stays readable.
    name = models.CharField(max_length=200, blank=True, help_text="how the target was called then")
    details = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "audit entries"
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.action} {self.target}"
