"""What is due, and how it goes."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import F, QuerySet
from django.http import HttpRequest

from apps.core.admin import ReadOnlyAdmin, alarming, with_aside
from apps.core.clock import now
from apps.core.durations import counted
from apps.exchanges import health, services
from apps.exchanges.admin import tell_resets
from apps.exchanges.models import ExchangeAccount, ExchangeHealth
from apps.ledger.admin import whose
from apps.sync.admin.columns import (
    IntervalForm,
    StateColumns,
    ask,
    breaker_of,
    with_breaker,
)
from apps.sync.models import SyncState
from apps.sync.services.interval import change_interval
from apps.sync.services.status import Standing, standing


class FailingFilter(admin.SimpleListFilter):
    title = "how it goes"
    parameter_name = "failing"

    def lookups(self, *_: Any) -> list[tuple[str, str]]:
        return [
            ("yes", "failing"),
            ("held", "held back, or not read yet"),
            ("back", "reading back"),
            ("no", "fine"),
            ("off", "not asked"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[SyncState]) -> QuerySet[SyncState]:
        if self.value() == "off":
            return queryset.filter(due_at=None)
        if self.value() in STANDINGS:
            # Their intervals are the catalogue's: no question for the database.
            asked = queryset.filter(due_at__isnull=False, failures=0)
            return queryset.filter(pk__in=_standing_so(asked, STANDINGS[self.value()]))
        return queryset.failing() if self.value() == "yes" else queryset


STANDINGS = {
    "held": {Standing.HELD_BACK, Standing.NOT_READ_YET},
    "back": {Standing.READING_BACK},
    "no": {Standing.FINE, Standing.NOT_PERMITTED},
}


def _standing_so(states: QuerySet[SyncState], wanted: set[Standing]) -> list[int]:
    at = now()
    rows = with_breaker(states).select_related("account")
    return [state.pk for state in rows if standing(state, breaker_of(state), at) in wanted]


@admin.register(SyncState)
class SyncStateAdmin(StateColumns, ReadOnlyAdmin):
    """Read-only but for the interval."""

    form = IntervalForm
    list_display = [
        "whose",
        "kind",
        "success",
        "due",
        "breaker",
        "trouble",
    ]
    list_filter = [FailingFilter, "exchange_id", "kind", "environment"]
    list_select_related = ["account__workspace"]
    search_fields = ["account__label", "account__workspace__name", "=exchange_id", "error"]
    ordering = [F("failures").desc(), F("due_at").asc(nulls_last=True)]
    actions = ["resync_now", "reset_breaker", "disable_accounts"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncState]:
        return with_breaker(super().get_queryset(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("sync.change_syncstate")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [field.name for field in SyncState._meta.fields if field.name != "interval_override"]

    def save_model(self, request: HttpRequest, obj: SyncState, form: Any, change: bool) -> None:
        change_interval(obj, form.cleaned_data["interval_override"], at=now(), actor=request.user)

    @admin.display(description="account", ordering="account__label")
    def whose(self, state: SyncState) -> str:
        if state.account is None:
            return with_aside("the whole exchange", f"{state.exchange_id}, {state.environment}")
        return whose(state.account)

    def breaker(self, state: SyncState) -> str:
        shown = breaker_of(state).state(now())
        return shown if shown == "closed" else alarming(shown)

    @admin.action(description="Resync now", permissions=["change"])
    def resync_now(self, request: HttpRequest, queryset: QuerySet[SyncState]) -> None:
        asked = queryset.filter(due_at__isnull=False)
        if left := queryset.count() - len(asked):
            self.message_user(
                request,
                f"{counted(left, 'state')} left out: not synced at all (disabled, or not offered).",
                messages.WARNING,
            )
        # An exchange's own state goes by exchange and kind.
        wishes = [
            (state, {"kind": state.kind, "account_id": state.account_id})
            if state.account_id
            else (state, {"kind": state.kind, "exchange_id": state.exchange_id})
            for state in asked
        ]
        ask(self, request, wishes)

    def has_reset_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("exchanges.change_exchangehealth")

    @admin.action(description="Reset breaker: ask their exchanges again now", permissions=["reset"])
    def reset_breaker(self, request: HttpRequest, queryset: QuerySet[SyncState]) -> None:
        lanes = set(queryset.values_list("exchange_id", "environment", "egress"))
        rows = [row for row in ExchangeHealth.objects.all() if (row.exchange_id, row.environment, row.egress) in lanes]
        at = now()
        tell_resets(self, request, [health.reset(row, at=at, actor=request.user) for row in rows], at)
        if not rows:
            self.message_user(request, "Their exchanges have no breaker to reset: they are asked as usual.")

    def has_disable_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("exchanges.change_exchangeaccount")

    @admin.action(description="Disable the accounts", permissions=["disable"])
    def disable_accounts(self, request: HttpRequest, queryset: QuerySet[SyncState]) -> None:
        accounts = ExchangeAccount.objects.filter(sync_states__in=queryset, is_enabled=True).distinct()
        disabled = [
            services.disable_account(account, reason=f"by {request.user}", at=now(), actor=request.user)
            for account in accounts
        ]
        self.message_user(request, f"{counted(len(disabled), 'account')} disabled: no more is read of it.")
