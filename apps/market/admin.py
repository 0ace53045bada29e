from django.contrib import admin

from alphapulse.exchanges import catalogue
from alphapulse.types import SyncKind
from apps.core.admin import ReadOnlyAdmin, freshness, money
from apps.core.clock import now
from apps.market.models import Market, Ticker

# A price is shown as stale when this many of its exchange's intervals went by without a new one.
STALE_INTERVALS = 3


@admin.register(Market)
class MarketAdmin(ReadOnlyAdmin):
    list_display = [
        "symbol",
        "exchange_id",
        "environment",
        "type",
        "market_id",
        "is_active",
        *map(money, ("contract_size", "amount_step", "price_tick", "min_amount", "min_cost")),
    ]
    list_filter = ["exchange_id", "environment", "type", "is_active", "is_inverse"]
    search_fields = ["symbol", "=market_id", "=base"]
    ordering = ["exchange_id", "environment", "symbol"]


@admin.register(Ticker)
class TickerAdmin(ReadOnlyAdmin):
    list_display = [
        "symbol",
        "exchange_id",
        "environment",
        *map(money, ("last", "bid", "ask", "percentage", "base_volume", "quote_volume")),
        "freshness",
    ]
    list_filter = ["exchange_id", "environment"]
    search_fields = ["symbol"]
    ordering = ["exchange_id", "environment", "symbol"]

    @admin.display(description="as of", ordering="as_of")
    def freshness(self, ticker: Ticker) -> str:
        interval = catalogue.exchange(ticker.exchange_id).intervals[SyncKind.TICKERS]
        is_stale = now() > ticker.as_of + STALE_INTERVALS * interval
        return freshness(ticker.as_of, "no price has come in time" if is_stale else "")
