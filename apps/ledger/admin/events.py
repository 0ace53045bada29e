"""What happened to accounts, newest first."""

from django.contrib import admin

from apps.core.admin import ReadOnlyAdmin, money
from apps.ledger.admin.columns import whose
from apps.ledger.models import Event, FundingPayment, LedgerEntry, Trade, Transfer


class EventAdmin(ReadOnlyAdmin):
    list_select_related = ["account__workspace"]
    list_filter = ["account__exchange_id", "account__environment", "source"]
    ordering = ["-exchange_at", "-pk"]
    explanation = (
        "Since when none is missing stands at the account's history cursors, and in GET /api/exchange/history. "
        "Rows from a file that knows no ids have ids of ours until the exchange tells its own."
    )

    @admin.display(description="account", ordering="account__label")
    def whose(self, row: Event) -> str:
        return whose(row.account)


@admin.register(Trade)
class TradeAdmin(EventAdmin):
    list_display = [
        "exchange_at",
        "symbol",
        "side",
        *map(money, ("amount", "price", "cost", "fee")),
        "fee_currency",
        "whose",
        "source",
    ]
    list_filter = ["side", *EventAdmin.list_filter]
    search_fields = ["symbol", "=trade_id", "=order_id", "account__label"]


@admin.register(Transfer)
class TransferAdmin(EventAdmin):
    list_display = ["exchange_at", "kind", money("amount"), "currency", money("fee"), "status", "whose", "source"]
    list_filter = ["kind", "status", *EventAdmin.list_filter]
    search_fields = ["=currency", "=txid", "=transfer_id", "account__label"]


@admin.register(FundingPayment)
class FundingPaymentAdmin(EventAdmin):
    list_display = ["exchange_at", "symbol", money("amount"), "currency", "whose", "source"]
    search_fields = ["symbol", "=payment_id", "account__label"]


@admin.register(LedgerEntry)
class LedgerEntryAdmin(EventAdmin):
    list_display = ["exchange_at", "kind", money("amount"), "currency", "reference", "whose", "source"]
    list_filter = ["kind", *EventAdmin.list_filter]
    search_fields = ["=currency", "=entry_id", "=reference", "account__label"]
