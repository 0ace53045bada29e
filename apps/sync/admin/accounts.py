"""Accounts, with how their syncs go."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import HttpRequest

from apps.core.admin import EMPTY, alarming
from apps.core.clock import now
from apps.exchanges.admin import ExchangeAccountAdmin
from apps.exchanges.models import ExchangeAccount
from apps.sync.admin.columns import (
    IntervalForm,
    StateColumns,
    ask,
    breaker_of,
    with_breaker,
)
from apps.sync.models import SyncState
from apps.sync.services.interval import change_interval
from apps.sync.services.status import NOT_CURRENT, Standing, standing


class SyncStateInline(StateColumns, admin.TabularInline):
    model = SyncState
    form = IntervalForm
    fields = ["kind", "interval_override", "success", "due", "trouble"]
    readonly_fields = ["kind", "success", "due", "trouble"]
    ordering = ["kind"]
    extra = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncState]:
        return super().get_queryset(request).select_related("account")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ExchangeAccount)
class SyncedAccountAdmin(ExchangeAccountAdmin):
    list_display = [*ExchangeAccountAdmin.list_display, "syncs"]
    actions = ["resync_now", *ExchangeAccountAdmin.actions]
    inlines = [SyncStateInline]

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        # A new account's states are made when it is stored.
        return self.inlines if obj else []

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExchangeAccount]:
        failing = Count("sync_states", filter=Q(sync_states__failures__gt=0))
        states = Prefetch("sync_states", with_breaker(SyncState.objects.all()), to_attr="states")
        return super().get_queryset(request).annotate(failing=failing).prefetch_related(states)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        at = now()
        for changed in formset.initial_forms:
            if changed.has_changed():
                interval = changed.cleaned_data["interval_override"]
                change_interval(changed.instance, interval, at=at, actor=request.user)
        formset.new_objects, formset.deleted_objects = [], []
        formset.changed_objects = [(f.instance, f.changed_data) for f in formset.initial_forms if f.has_changed()]

    @admin.display(ordering="failing")
    def syncs(self, account: ExchangeAccount) -> str:
        for state in account.states:
            state.account = account
        at = now()
        told = [standing(state, breaker_of(state), at) for state in account.states]
        counts = [f"{told.count(each)} {each}" for each in Standing if each in NOT_CURRENT and each in told]
        if not account.is_enabled:
            return EMPTY
        return alarming(", ".join(counts)) if counts else "fine"

    @admin.action(description="Resync now", permissions=["change"])
    def resync_now(self, request: HttpRequest, queryset: QuerySet[ExchangeAccount]) -> None:
        disabled = [account.label for account in queryset if not account.is_enabled]
        if disabled:
            self.message_user(request, f"Disabled, so not read: {', '.join(disabled)}.", messages.WARNING)
        ask(self, request, [(account, {"account_id": account.pk}) for account in queryset if account.is_enabled])
