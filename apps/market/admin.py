from typing import Any

from django.contrib import admin
from django.db.models import Count, Field, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from apps.audit.admin import AuditedAdmin
from apps.core.admin import EMPTY, ListAdmin, ReadOnlyAdmin, alarming, freshness, money
from apps.core.clock import now
from apps.market.models import (
    Asset,
    AssetAlias,
    CandleSeries,
    Feature,
    FeatureSeries,
    FiatRate,
    Market,
    QuarantinedValue,
    Ticker,
    WatchedSymbol,
    WatchSource,
)
from apps.market.services.features import define
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
        "they are not asked for again. Before 'told from' the exchange tells none, though there may have been some."
    )
    list_display = [
        "symbol",
        "timeframe",
        "exchange_id",
        "environment",
        "covered_from",
        "covered_to",
        "told_from",
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
class WatchedSymbolAdmin(AuditedAdmin, ListAdmin):
    """Symbols are pinned here; what is held, in rules or in targets comes and goes by itself."""

    explanation = "Candles are read of these symbols. Pin others here; the rest comes and goes with what is held."
    list_display = ["symbol", "timeframe", "exchange_id", "environment", "source", "workspace"]
    list_filter = ["source", "timeframe", "exchange_id", "environment"]
    list_select_related = ["workspace"]
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


@admin.register(Asset)
class AssetAdmin(AuditedAdmin, ListAdmin):
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
class AssetAliasAdmin(AuditedAdmin, ListAdmin):
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


@admin.register(Feature)
class FeatureAdmin(AuditedAdmin, ListAdmin):
    """Numbers made of candles, as strategies and people want them."""

    explanation = (
        "Computed of every series of its timeframe that is read. Another function, parameters, timeframe or reference "
        "is a new version: all of its values are computed anew. Switch off what is wanted no more."
    )
    list_display = ["name", "function", "parameters", "timeframe", "reference", "version", "is_active"]
    list_filter = ["is_active", "function", "timeframe"]
    search_fields = ["name", "reference"]
    ordering = ["name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Feature | None = None) -> list[str]:
        # Another name would be another feature.
        return ["name", "version"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Feature | None = None) -> bool:
        # Its values may be millions.
        return False

    def store(self, request: HttpRequest, obj: Feature, form: ModelForm, change: bool) -> None:
        names = ("name", "function", "parameters", "timeframe", "reference", "is_active")
        stored = define(**{name: getattr(obj, name) for name in names})
        obj.pk, obj.version = stored.pk, stored.version


@admin.register(FeatureSeries)
class FeatureSeriesAdmin(ReadOnlyAdmin):
    """How far each feature is computed of each series."""

    explanation = "All bars that opened before 'computed to' are computed; new candles make it due, to be computed on."
    list_display = ["feature", "symbol", "timeframe", "exchange_id", "environment", "version", "far", "due_at"]
    list_filter = ["feature", "candles__timeframe", "candles__exchange_id", "candles__environment"]
    list_select_related = ["feature", "candles"]
    search_fields = ["feature__name", "candles__symbol"]
    ordering = ["feature__name", "candles__exchange_id", "candles__environment", "candles__symbol"]

    @admin.display(ordering="candles__symbol")
    def symbol(self, row: FeatureSeries) -> str:
        return row.candles.symbol

    @admin.display(ordering="candles__timeframe")
    def timeframe(self, row: FeatureSeries) -> str:
        return row.candles.timeframe

    @admin.display(description="exchange", ordering="candles__exchange_id")
    def exchange_id(self, row: FeatureSeries) -> str:
        return row.candles.exchange_id

    @admin.display(ordering="candles__environment")
    def environment(self, row: FeatureSeries) -> str:
        return row.candles.environment

    @admin.display(description="computed to", ordering="computed_to")
    def far(self, row: FeatureSeries) -> str:
        told = f"{row.computed_to:%Y-%m-%d %H:%M}" if row.computed_to else EMPTY
        if row.version != row.feature.version:
            return alarming(f"{told}, by version {row.version} of {row.feature.version}")
        return told
