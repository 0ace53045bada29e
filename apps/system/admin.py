from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.core.admin import ReadOnlyAdmin, alarming, since
from apps.core.clock import now
from apps.core.durations import in_words
from apps.system.models import Heartbeat, OpsEvent, RestartedProcess, RestartState


class OpenFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "open"

    def lookups(self, *_: object) -> list[tuple[str, str]]:
        return [("yes", "open"), ("no", "closed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OpsEvent]) -> QuerySet[OpsEvent]:
        return queryset.filter(closed_at__isnull=self.value() == "yes") if self.value() else queryset


@admin.register(OpsEvent)
class OpsEventAdmin(ReadOnlyAdmin):
    list_display = ["state", "kind", "subject", "opened_at", "lasted", "count", "message", "advice"]
    list_filter = [OpenFilter, "kind"]
    search_fields = ["subject", "message"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[OpsEvent]:
        return super().get_queryset(request).in_turn()

    @admin.display(ordering="closed_at")
    def state(self, event: OpsEvent) -> str:
        return "closed" if event.closed_at else alarming("OPEN")

    def lasted(self, event: OpsEvent) -> str:
        return in_words(event.closed_at - event.opened_at) if event.closed_at else f"since {since(event.opened_at)}"


@admin.register(RestartedProcess)
class RestartedProcessAdmin(ReadOnlyAdmin):
    list_display = ["name", "standing", "asked", "by", "words"]
    list_select_related = ["request__asked_by"]
    ordering = ["-request_id", "name"]
    explanation = "Processes that were started anew by request: `POST /api/system/restart`."

    @admin.display(description="state")
    def standing(self, process: RestartedProcess) -> str:
        standing = process.standing(now())
        return alarming(standing) if standing is RestartState.FAILED else standing

    def asked(self, process: RestartedProcess) -> str:
        return since(process.request.asked_at)

    def by(self, process: RestartedProcess) -> str:
        return str(process.request.asked_by or "")

    def words(self, process: RestartedProcess) -> str:
        return process.in_words(now())


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    list_display = ["name", "beat_at"]
    ordering = ["name"]

    @admin.display(description="last", ordering="at")
    def beat_at(self, heartbeat: Heartbeat) -> str:
        return since(heartbeat.at)
