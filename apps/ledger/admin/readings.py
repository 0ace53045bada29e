from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from apps.core.admin import EMPTY, ReadOnlyAdmin, freshness, money, short
from apps.core.clock import now
from apps.core.durations import utc
from apps.ledger.admin.columns import whose
from apps.ledger.models import Balance, Order, Position, ReadRow, WalletReading, WalletStatus

MONEY_OF_POSITIONS = ("notional", "entry_price", "mark_price", "unrealized_pnl", "leverage")


class StaleFilter(admin.SimpleListFilter):
    """The question that `WalletReading.stale_reason` answers, asked of many rows."""

    title = "freshness"
    parameter_name = "stale"
    reading = ""

    def lookups(self, *_: Any) -> list[tuple[str, str]]:
        return [("no", "fresh"), ("yes", "stale")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        fresh = Q(
            **{
                f"{self.reading}account__is_enabled": True,
                f"{self.reading}status": WalletStatus.OK,
                f"{self.reading}fresh_until__gte": now(),
            }
        )
        if self.value() == "no":
            return queryset.filter(fresh)
        return queryset.exclude(fresh) if self.value() == "yes" else queryset


class StaleRowFilter(StaleFilter):
    reading = "reading__"


@admin.register(WalletReading)
class WalletReadingAdmin(ReadOnlyAdmin):
    list_display = ["whose", "kind", "wallet", "status", "freshness", "trouble"]
    list_filter = ["account__exchange_id", "account__environment", "kind", "status", StaleFilter]
    list_select_related = ["account__workspace"]
    search_fields = ["account__label", "account__workspace__name", "wallet"]
    ordering = ["account__label", "kind", "wallet"]

    @admin.display(description="account", ordering="account__label")
    def whose(self, row: WalletReading) -> str:
        return whose(row.account)

    @admin.display(description="error", ordering="error")
    def trouble(self, row: WalletReading) -> str:
        return short(row.error) or EMPTY

    @admin.display(description="as of", ordering="as_of")
    def freshness(self, row: WalletReading) -> str:
        return freshness(row.as_of, row.stale_reason(now()))


class ReadRowAdmin(ReadOnlyAdmin):
    """Rows of one wallet of one account: whose they are, and how current."""

    list_select_related = ["reading__account__workspace"]
    list_filter = ["reading__account__exchange_id", "reading__account__environment", "reading__wallet", StaleRowFilter]
    ordering = ["reading__account__label", "reading__wallet"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        own = [field.name for field in self.model._meta.fields if field.name not in ("id", "reading")]
        return ["account", "wallet", "freshness", "as_of", *own]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return self.get_fields(request, obj)

    @admin.display(ordering="reading__account__label")
    def account(self, row: ReadRow) -> str:
        return whose(row.account)

    @admin.display(description="exchange's time")
    def as_of(self, row: ReadRow) -> str:
        return utc(row.as_of) if row.as_of else EMPTY

    @admin.display(ordering="reading__wallet")
    def wallet(self, row: ReadRow) -> str:
        return row.reading.wallet

    @admin.display(description="as of", ordering="reading__as_of")
    def freshness(self, row: ReadRow) -> str:
        return freshness(row.as_of, row.reading.stale_reason(now()))


# What is asked of every row, whose and how old, comes before what may need scrolling to.
WHOSE = ["account", "wallet", "freshness"]


@admin.register(Balance)
class BalanceAdmin(ReadRowAdmin):
    list_display = ["currency", *map(money, ("total", "free", "used", "debt")), *WHOSE]
    search_fields = ["=currency", "reading__account__label", "reading__account__workspace__name"]
    ordering = [*ReadRowAdmin.ordering, "currency"]


@admin.register(Position)
class PositionAdmin(ReadRowAdmin):
    list_display = [
        "symbol",
        "side",
        money("contracts"),
        *WHOSE,
        *map(money, MONEY_OF_POSITIONS),
        "margin_mode",
    ]
    list_filter = ["side", *ReadRowAdmin.list_filter]
    search_fields = ["symbol", "reading__account__label", "reading__account__workspace__name"]
    ordering = [*ReadRowAdmin.ordering, "symbol", "side"]


@admin.register(Order)
class OrderAdmin(ReadRowAdmin):
    list_display = [
        "symbol",
        "side",
        "type",
        "status",
        *map(money, ("amount", "filled", "price", "trigger_price")),
        *WHOSE,
        *map(money, ("remaining", "average", "cost")),
        "exchange_at",
    ]
    list_filter = ["status", "side", *ReadRowAdmin.list_filter]
    search_fields = ["symbol", "=order_id", "=client_order_id", "reading__account__label"]
    ordering = ["-exchange_at", "-pk"]
