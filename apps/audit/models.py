"""What was done, by whom, to what: written in the transaction of the deed, never changed.

Beside each entry stands its link in a chain, and over the chain seals, which are made later: a deed waits for nobody.
"""

from __future__ import annotations

from typing import Any, NoReturn

from django.conf import settings
from django.db import models


class NeverChanged(TypeError):
    """What was written down stays as it is: there is no way to change it or to delete it."""


class AppendOnlyQuerySet(models.QuerySet):
    def update(self, **_: Any) -> NoReturn:
        raise NeverChanged(f"{self.model._meta.verbose_name_plural} are never changed.")

    def delete(self) -> NoReturn:
        raise NeverChanged(f"{self.model._meta.verbose_name_plural} are never deleted.")

    def bulk_update(self, *_: Any, **__: Any) -> NoReturn:
        self.update()

    def bulk_create(self, *_: Any, **__: Any) -> NoReturn:
        raise NeverChanged(f"{self.model._meta.verbose_name_plural} are written one by one, by their service.")


class AppendOnly(models.Model):
    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise NeverChanged(f"A {self._meta.verbose_name} is never changed.")
        # Forced: with the key of another row it would be an update.
        super().save(force_insert=True, using=kwargs.get("using"))

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise NeverChanged(f"A {self._meta.verbose_name} is never deleted.")


class AuditEntry(AppendOnly):
    at = models.DateTimeField(db_index=True)
    # None: the system did it by itself (a rejected key disabled its account), or somebody at a console (`via`). Without
    # a constraint: a user who is deleted must change nothing here.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    actor_name = models.CharField(max_length=150, blank=True, help_text="how the actor was called then")
    action = models.CharField(max_length=60, help_text="noun.past, e.g. account.disabled")
    target = models.CharField(max_length=120, db_index=True, help_text="kind and id, e.g. account:7")
    # Rows are renamed and removed; the entry stays readable.
    name = models.CharField(max_length=200, blank=True, help_text="how the target was called then")
    workspace_id = models.BigIntegerField(null=True, help_text="whose admins may read it; none: ops alone")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    details = models.JSONField(default=dict)
    # From where: see apps/core/origin.py.
    via = models.CharField(max_length=200, blank=True, help_text="the request, task or command")
    address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)
    opened_by = models.CharField(max_length=40, blank=True, help_text="session.7, token.3, or an admin's cookie")

    class Meta:
        verbose_name_plural = "audit entries"
        ordering = ["-at", "-pk"]
        indexes = [
            # The API's question: a workspace's newest, page by page.
            models.Index(fields=["workspace_id", "-id"], name="entries_of_workspace"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target}"


class AuditLink(models.Model):
    """An entry's place in the chain, made with it and filled in by the sealer once both are committed.

    No foreign key: an entry that is gone must not take the link along that misses it.
    """

    entry_id = models.BigIntegerField(primary_key=True)
    # 1, 2, 3 ... in the order of sealing; None: not sealed yet.
    position = models.BigIntegerField(null=True, unique=True)
    digest = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the digest before it and of the entry")

    class Meta:
        indexes = [
            # The sealer's question, every minute.
            models.Index(fields=["entry_id"], name="entries_to_seal", condition=models.Q(position__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"entry {self.entry_id} at {self.position or 'no place yet'}"


class AuditSeal(AppendOnly):
    """How long the chain was, and how it ended: nobody without the key can make one, or another in its place."""

    number = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    count = models.BigIntegerField(help_text="entries in the chain")
    last_entry_id = models.BigIntegerField(null=True)
    head = models.CharField(max_length=64, help_text="the last link's digest")
    key_id = models.CharField(max_length=40)
    mac = models.CharField(max_length=64, help_text="HMAC-SHA-256 of all the above, with the key AUDIT_SEAL_KEYS")

    class Meta:
        ordering = ["number"]

    def __str__(self) -> str:
        return f"seal {self.number} over {self.count} entries"
