"""How far histories have been read, and reading them again."""

from datetime import UTC, date, datetime, time

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import F, QuerySet
from django.http import HttpRequest

from apps.core.admin import EMPTY, ReadOnlyAdmin, alarming, short, since, with_aside
from apps.core.clock import now
from apps.core.durations import counted
from apps.ledger.admin import whose
from apps.ledger.models import LEFT_OUT, HistoryCursor, HistoryStatus, HistorySweep, ReadOn
from apps.sync.services import histories


class ReadOnAdmin(ReadOnlyAdmin):
    list_select_related = ["account__workspace"]

    @admin.display(description="account", ordering="account__label")
    def whose(self, row: ReadOn) -> str:
        return whose(row.account)

    @admin.display(description="next turn", ordering="due_at")
    def turn(self, row: ReadOn) -> str:
        return "at its account's next sync" if row.due_at <= now() else since(row.due_at)

    @admin.display(description="error", ordering="error")
    def trouble(self, row: ReadOn) -> str:
        if row.status == HistoryStatus.OK:
            return EMPTY
        status = row.status if row.status in LEFT_OUT else alarming(row.status)
        return with_aside(status, short(row.error))


class AgainForm(ActionForm):
    """A day as text: what is no day is told in words, where Django would say that no action was selected."""

    again_from = forms.CharField(
        required=False, label="from", widget=forms.TextInput(attrs={"placeholder": "YYYY-MM-DD, or its start"})
    )


def _midnight(day: str) -> datetime | None:
    return datetime.combine(date.fromisoformat(day.strip()), time(), tzinfo=UTC) if day.strip() else None


@admin.register(HistoryCursor)
class HistoryCursorAdmin(ReadOnAdmin):
    """Read-only but for reading again."""

    explanation = (
        "One row for each list that an exchange keeps of an account, by market where it wants one. A list that has "
        "caught up is complete from its start on. Read again from a day what is in doubt: nothing is stored twice."
    )
    action_form = AgainForm
    actions = ["read_again"]
    list_display = ["list", "whose", "start_at", "reached", "turn", "trouble"]
    list_filter = ["kind", "status", "is_behind", "why", "account__exchange_id", "account__environment", "source"]
    search_fields = ["account__label", "account__workspace__name", "=symbol", "=source", "error"]
    ordering = [F("caught_up_at").asc(nulls_first=True), "account__label", "kind", "source", "symbol"]

    @admin.display(ordering="symbol")
    def list(self, row: HistoryCursor) -> str:
        return with_aside(row.symbol or "all markets", f"{row.kind}, {row.source}" if row.source else row.kind)

    @admin.display(description="read until", ordering="reached_at")
    def reached(self, row: HistoryCursor) -> str:
        told = f"caught up {since(row.caught_up_at)}" if row.caught_up_at else "not at its end yet"
        return with_aside(f"{row.reached_at:%Y-%m-%d %H:%M}", told)

    def has_again_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ledger.change_historycursor")

    @admin.action(description="Read again from ...", permissions=["again"])
    def read_again(self, request: HttpRequest, queryset: QuerySet[HistoryCursor]) -> None:
        try:
            start = _midnight(request.POST.get("again_from", ""))
        except ValueError:
            self.message_user(request, "That is no day: write it as 2024-01-31, or leave it empty.", messages.ERROR)
            return
        number = histories.read_again(queryset, since=start, at=now(), actor=request.user)
        self.message_user(request, f"{counted(number, 'list')} will be read again, step by step.")


@admin.register(HistorySweep)
class HistorySweepAdmin(ReadOnAdmin):
    explanation = (
        "Where an exchange tells trades market by market, one look into each market in which nothing is expected, "
        "within a tenth of the budget. What a look finds has a history cursor of its own."
    )
    list_display = ["whose", "source", "progress", "through_at", "turn", "trouble"]
    list_filter = ["status", "account__exchange_id", "account__environment", "source"]
    search_fields = ["account__label", "account__workspace__name", "error"]
    ordering = [F("through_at").asc(nulls_first=True), "account__label", "source"]

    def progress(self, row: HistorySweep) -> str:
        return with_aside(f"{row.looked} of {row.listed or '?'} markets", row.symbol or "")
