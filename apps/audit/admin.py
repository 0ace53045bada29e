from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.audit.models import AuditEntry, AuditSeal
from apps.core.admin import EMPTY, ReadOnlyAdmin, with_aside


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "action", "what", "by", "whence", "words"]
    list_filter = ["action"]
    search_fields = ["=target", "name", "actor_name", "=address"]
    explanation = "Nothing here is ever changed or deleted: where somebody did so in the database, `manage.py verify_audit` says so."

    @admin.display(description="by", ordering="actor_name")
    def by(self, entry: AuditEntry) -> str:
        return entry.actor_name or "the system"

    @admin.display(description="what", ordering="target")
    def what(self, entry: AuditEntry) -> str:
        return with_aside(entry.name, entry.target) if entry.name else entry.target

    @admin.display(description="from", ordering="address")
    def whence(self, entry: AuditEntry) -> str:
        return with_aside(entry.address or entry.via or EMPTY, entry.via if entry.address else "")

    @admin.display(description="details")
    def words(self, entry: AuditEntry) -> str:
        told = {"before": entry.before, "after": entry.after} | entry.details
        return _told(told) or EMPTY

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        # Not `actor` itself: the user may be gone.
        return ["id", "actor_id", *(each.name for each in AuditEntry._meta.fields if each.name not in ("id", "actor"))]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return self.get_fields(request, obj)


@admin.register(AuditSeal)
class AuditSealAdmin(ReadOnlyAdmin):
    list_display = ["number", "at", "count", "last_entry_id", "key_id", "head"]
    ordering = ["-number"]


def _told(value: object) -> str:
    """JSON as people read it: what is empty left out."""
    if isinstance(value, dict):
        said = {name.replace("_", " "): _told(each) for name, each in value.items()}
        return "; ".join(f"{name}: {told}" for name, told in said.items() if told)
    if isinstance(value, list):
        return ", ".join(_told(each) for each in value)
    return {True: "yes", False: "no", None: ""}.get(value, str(value)) if isinstance(value, bool | None) else str(value)
