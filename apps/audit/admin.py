from django.contrib import admin

from apps.audit.models import AuditEntry
from apps.core.admin import EMPTY, ReadOnlyAdmin, with_aside


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "action", "what", "by", "words"]
    list_filter = ["action"]
    list_select_related = ["actor"]
    search_fields = ["=target", "name", "actor__username"]

    @admin.display(description="by", ordering="actor__username")
    def by(self, entry: AuditEntry) -> str:
        return entry.actor.get_username() if entry.actor else "the system"

    @admin.display(description="what", ordering="target")
    def what(self, entry: AuditEntry) -> str:
        return with_aside(entry.name, entry.target) if entry.name else entry.target

    @admin.display(description="details")
    def words(self, entry: AuditEntry) -> str:
        return _told(entry.details) or EMPTY


def _told(value: object) -> str:
    """JSON as people read it: what is empty left out."""
    if isinstance(value, dict):
        said = {name.replace("_", " "): _told(each) for name, each in value.items()}
        return "; ".join(f"{name}: {told}" for name, told in said.items() if told)
    if isinstance(value, list):
        return ", ".join(_told(each) for each in value)
    return {True: "yes", False: "no", None: ""}.get(value, str(value)) if isinstance(value, bool | None) else str(value)
