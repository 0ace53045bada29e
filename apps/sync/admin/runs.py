"""What ran, and what it changed."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join

from apps.core.admin import EMPTY, ReadOnlyAdmin, alarming, short, with_aside
from apps.core.clock import now
from apps.ledger.admin import whose
from apps.sync.models import KeptPayload, SyncChange, SyncRun


class KeptPayloadInline(admin.StackedInline):
    model = KeptPayload
    fields = readonly_fields = ["account", "error", "payload"]
    extra = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[KeptPayload]:
        return super().get_queryset(request).select_related("account")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class FailedFilter(admin.SimpleListFilter):
    title = "how it went"
    parameter_name = "went"

    def lookups(self, *_: Any) -> list[tuple[str, str]]:
        return [("failed", "with failures"), ("fine", "without"), ("open", "running or died")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[SyncRun]) -> QuerySet[SyncRun]:
        chosen = {
            "failed": Q(failed__gt=0),
            "fine": Q(failed=0, finished_at__isnull=False),
            "open": Q(finished_at__isnull=True),
        }
        return queryset.filter(chosen.get(self.value() or "", Q()))


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "lane", "started_at", "took", "claimed", "succeeded", "failed", "changed", "trouble"]
    list_filter = ["exchange_id", "kind", "environment", FailedFilter]
    ordering = ["-pk"]
    inlines = [KeptPayloadInline]

    @admin.display(description="exchange", ordering="exchange_id")
    def lane(self, run: SyncRun) -> str:
        return with_aside(run.exchange_id, f"{run.environment}, egress {run.egress}")

    @admin.display(description="error", ordering="error")
    def trouble(self, run: SyncRun) -> str:
        return short(run.error) or EMPTY

    def took(self, run: SyncRun) -> str:
        if run.finished_at:
            return f"{(run.finished_at - run.started_at).total_seconds():.2f} s"
        return "running" if now() < run.lease_until else alarming("died")


@admin.register(SyncChange)
class SyncChangeAdmin(ReadOnlyAdmin):
    list_display = ["at", "whose", "kind", "wallet", "key", "difference"]
    list_filter = ["account__exchange_id", "account__environment", "run__kind"]
    list_select_related = ["account__workspace", "run"]
    search_fields = ["account__label", "key"]
    ordering = ["-at", "-pk"]

    @admin.display(ordering="run__kind")
    def kind(self, change: SyncChange) -> str:
        return change.run.kind

    @admin.display(description="account", ordering="account__label")
    def whose(self, change: SyncChange) -> str:
        return whose(change.account)

    @admin.display(description="difference")
    def difference(self, change: SyncChange) -> str:
        word, pairs = change.pairs
        told = format_html_join(", ", '<span class="pair">{}</span>', ((pair,) for pair in pairs))
        return format_html("{}: {}", word, told) if word else told
