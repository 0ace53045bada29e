from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from apps.audit.models import AuditEntry, AuditSeal
from apps.audit.services import record
from apps.core.admin import EMPTY, ReadOnlyAdmin, with_aside
from apps.core.clock import now

# Never told, whoever may edit it; that it was changed is.
SECRET_FIELDS = frozenset({"password"})
HIDDEN = "(not shown)"


class AuditedAdmin(admin.ModelAdmin):
    """For rows that the admin itself saves and deletes: each time an entry, with what was before and after.

    What services do for the admin they write down themselves.
    """

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        # As it is stored: the instance has the form's values already, and its many-to-many rows come after it.
        stored = type(obj)._default_manager.filter(pk=obj.pk).first() if change else None
        obj.was = None if stored is None else as_told(stored)
        self.store(request, obj, form, change)

    def store(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        """Overridden where a service writes the row: afterwards `obj` has its key."""
        super().save_model(request, obj, form, change)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        record(_deed(obj, "created"), obj, at=now(), actor=request.user, after=as_told(obj))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Also of what has a page of its own, as a user's password: that it was changed is all that is told."""
        after, said = as_told(type(obj)._default_manager.get(pk=obj.pk)), {}
        before = getattr(obj, "was", None)
        if before is None:
            before, after, said = {}, {}, {"said": str(message)}
        changed = [name for name in after if after[name] != before.get(name)]
        if changed or said:
            told = {"before": {name: before.get(name) for name in changed}, "after": {n: after[n] for n in changed}}
            record(_deed(obj, "changed"), obj, at=now(), actor=request.user, **told, **said)
        return super().log_change(request, obj, message)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with transaction.atomic():
            record(_deed(obj, "deleted"), obj, at=now(), actor=request.user, before=as_told(obj))
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with transaction.atomic():
            for each in queryset:
                record(_deed(each, "deleted"), each, at=now(), actor=request.user, before=as_told(each))
            super().delete_queryset(request, queryset)


def as_told(row: Model) -> dict[str, Any]:
    """What people may edit of a row, as JSON; a secret's place alone."""
    told = {}
    for field in (*row._meta.concrete_fields, *row._meta.many_to_many):
        if not field.editable or field.primary_key:
            continue
        if field.many_to_many:
            told[field.name] = sorted(str(each) for each in getattr(row, field.name).all())
        else:
            told[field.name] = HIDDEN if field.name in SECRET_FIELDS else _plain(field.value_from_object(row))
    return told


def _plain(value: object) -> Any:
    return value if isinstance(value, str | int | bool | list | dict | None) else str(value)


def _deed(row: Model, past: str) -> str:
    return f"{row._meta.model_name}.{past}"


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "action", "what", "by", "whence", "words"]
    list_filter = ["action"]
    search_fields = ["=target", "name", "actor_name", "=address"]
    explanation = "Never changed and never deleted: who did so in the database is found by `manage.py verify_audit`."

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
