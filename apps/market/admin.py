from typing import Any

from django.contrib import admin
from django.db.models import Count, Field, Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from apps.audit import services as audit
from apps.core.admin import ListAdmin, ReadOnlyAdmin, freshness, money
from apps.core.clock import now
from apps.market.models import (
    Asset,
    AssetAlias,
    CandleSeries,
    FiatRate,
    Market,
    QuarantinedValue,
    Ticker,
    WatchedSymbol,
    WatchSource,
)
from apps.market.services.series import READ_TIMEFRAMES
from apps.market.services.watch import follow


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
        return freshness(ticker.as_of, "no price has come in time" if ticker.is_stale(now()) else "")


@admin.register(QuarantinedValue)
class QuarantinedValueAdmin(ReadOnlyAdmin):
    """Prices that are not used, and why."""

    explanation = (
        "A price that jumped by more than half waits for a second one that says the same. One whose bid is above its "
        "ask, whose last trade is more than a day old, or that is far from all other exchanges is not used meanwhile."
    )
    list_display = [
        "symbol",
        "exchange_id",
        "environment",
        "reason",
        *map(money, ("last", "bid", "ask", "known")),
        "detail",
        "first_at",
        "seen_at",
        "ended_at",
    ]
    list_filter = ["reason", ("ended_at", admin.EmptyFieldListFilter), "exchange_id", "environment"]
    search_fields = ["symbol"]
    ordering = ["-seen_at", "symbol"]


@admin.register(CandleSeries)
class CandleSeriesAdmin(ReadOnlyAdmin):
    explanation = (
        "Everything between 'covered from' and 'covered to' has been read. Holes are where the exchange has no candle; "
        "they are not asked for again."
    )
    list_display = [
        "symbol",
        "timeframe",
        "exchange_id",
        "environment",
        "covered_from",
        "covered_to",
        "hole_count",
        "is_behind",
        "due_at",
        "status",
        "error",
    ]
    list_filter = ["status", "is_behind", "timeframe", "exchange_id", "environment"]
    search_fields = ["symbol"]
    ordering = ["exchange_id", "environment", "symbol", "timeframe"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CandleSeries]:
        return super().get_queryset(request).annotate(hole_count=Count("holes"))

    @admin.display(description="holes", ordering="hole_count")
    def hole_count(self, series: CandleSeries) -> int:
        return series.hole_count


@admin.register(WatchedSymbol)
class WatchedSymbolAdmin(ListAdmin):
    """Symbols are pinned here; what is held, in rules or in targets comes and goes by itself."""

    explanation = "Candles are read of these symbols. Pin others here; the rest comes and goes with what is held."
    list_display = ["symbol", "timeframe", "exchange_id", "environment", "source"]
    list_filter = ["source", "timeframe", "exchange_id", "environment"]
    search_fields = ["symbol"]
    ordering = ["exchange_id", "environment", "symbol", "timeframe"]
    fields = ["exchange_id", "environment", "symbol", "timeframe"]

    def has_change_permission(self, request: HttpRequest, obj: WatchedSymbol | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: WatchedSymbol | None = None) -> bool:
        return obj is None or obj.source == WatchSource.PINNED

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # One at a time: of many some would come back with the next sync.
        return {}

    def formfield_for_choice_field(self, db_field: Field, request: HttpRequest | None, **kwargs: Any) -> Any:
        if db_field.name == "timeframe":
            kwargs["choices"] = [(each, each) for each in READ_TIMEFRAMES]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: WatchedSymbol, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        follow(obj.exchange_id, obj.environment, now())

    def delete_model(self, request: HttpRequest, obj: WatchedSymbol) -> None:
        super().delete_model(request, obj)
        follow(obj.exchange_id, obj.environment, now())


class AuditedAdmin(ListAdmin):
    """Every valuation goes by these rows: who changed one is written down."""

    def save_model(self, request: HttpRequest, obj: Model, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        action = f"{obj._meta.model_name}.{'changed' if change else 'added'}"
        audit.record(action, obj, at=now(), actor=request.user, fields=sorted(form.changed_data))

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        audit.record(f"{obj._meta.model_name}.deleted", obj, at=now(), actor=request.user)
        super().delete_model(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # One at a time, as each is written down.
        return {}


@admin.register(Asset)
class AssetAdmin(AuditedAdmin):
    """Coins and currencies by our own codes."""

    explanation = (
        "A code that has no row means itself. What a stablecoin is pegged to counts only for users who say in their "
        "settings that stablecoins are worth what they promise."
    )
    list_display = ["code", "name", "kind", "pegged_to"]
    list_filter = ["kind"]
    search_fields = ["code", "name"]
    ordering = ["code"]


@admin.register(AssetAlias)
class AssetAliasAdmin(AuditedAdmin):
    """What an exchange calls an asset, and from when to when."""

    explanation = (
        "Which coin a code is at an exchange, and when: LUNA here is LUNC there. Used at once, by every valuation."
    )
    list_display = ["code", "where", "asset", money("multiplier"), "valid_from", "valid_to"]
    list_filter = ["exchange_id"]
    list_select_related = ["asset"]
    search_fields = ["code", "asset__code"]
    autocomplete_fields = ["asset"]
    ordering = ["code", "exchange_id", "valid_from"]

    @admin.display(description="exchange", ordering="exchange_id")
    def where(self, alias: AssetAlias) -> str:
        return alias.exchange_id or "all exchanges"


@admin.register(FiatRate)
class FiatRateAdmin(ReadOnlyAdmin):
    """What a central bank published: used where no market says what fiat money costs."""

    list_display = ["published_on", "base", "currency", money("rate"), "source"]
    list_filter = ["source", "currency"]
    ordering = ["-published_on", "currency"]
