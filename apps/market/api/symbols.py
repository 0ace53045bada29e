"""What can be traded where, how finely, and whose candles are read."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.pagination import Pages
from apps.core.query import Check, checked_of_list, one_of, text, yes_or_no
from apps.core.rows import Money
from apps.exchanges.api.asked import an_exchange
from apps.exchanges.models import Environment
from apps.market.api.named import refuse_unheard
from apps.market.models import CandleSeries, Market, SeriesStatus, WatchedSymbol
from apps.users.scopes import Scope


class SeriesRow(serializers.Serializer):
    timeframe = serializers.CharField()
    watched_by = serializers.ListField(child=serializers.CharField(), help_text="held, rule, target, pinned; or nobody")
    first_at = serializers.DateTimeField(allow_null=True)
    covered_from = serializers.DateTimeField(allow_null=True)
    covered_to = serializers.DateTimeField(allow_null=True)
    is_behind = serializers.BooleanField()
    status = serializers.ChoiceField(SeriesStatus.choices)
    error = serializers.CharField(allow_blank=True)


class SymbolRow(serializers.Serializer):
    exchange_id = serializers.CharField()
    environment = serializers.ChoiceField(Environment.choices)
    symbol = serializers.CharField()
    market_id = serializers.CharField()
    type = serializers.CharField()
    base = serializers.CharField(allow_blank=True)
    quote = serializers.CharField(allow_blank=True)
    settle = serializers.CharField(allow_null=True)
    is_active = serializers.BooleanField()
    is_inverse = serializers.BooleanField()
    contract_size = Money()
    amount_step = Money()
    price_tick = Money()
    min_amount = Money()
    min_cost = Money()
    candles = SeriesRow(many=True)


@extend_schema_view(get=extend_schema(responses=SymbolRow(many=True)))
class Symbols(ListAPIView):
    """Markets with their precision and limits, and which candles are read of each.

    Filters: exchange_id, environment, symbol, type (spot, swap, future, option), base, quote, is_active, and
    is_watched: only those whose candles are read.
    """

    scope = Scope.MARKET_READ
    pagination_class = Pages
    parameters: Mapping[str, Check] = {
        "exchange_id": an_exchange,
        "environment": one_of(Environment),
        "symbol": text,
        "type": one_of(("spot", "swap", "future", "option")),
        "base": text,
        "quote": text,
        "is_active": yes_or_no,
        "is_watched": yes_or_no,
    }

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.asked = checked_of_list(request.query_params, self.parameters)
        page: list[Market] = self.paginate_queryset(self.get_queryset())
        if not page:
            refuse_unheard(self.asked)
        series = _series(page)
        return self.get_paginated_response([_row(market, series.get(_name(market), [])) for market in page])

    def get_queryset(self) -> QuerySet[Market]:
        given = dict(self.asked)
        markets = Market.objects.all()
        for name in ("symbol", "base", "quote"):
            if name in given:
                markets = markets.filter(**{f"{name}__iexact": given.pop(name)})
        if "is_active" in given:
            markets = markets.filter(is_active=given.pop("is_active") == "true")
        if "is_watched" in given:
            markets = _watched(markets, given, is_watched=given.pop("is_watched") == "true")
        return markets.filter(**given)


def _watched(markets: QuerySet[Market], given: Mapping[str, str], *, is_watched: bool) -> QuerySet[Market]:
    where = {name: given[name] for name in ("exchange_id", "environment") if name in given}
    names = set(WatchedSymbol.objects.filter(**where).values_list("exchange_id", "environment", "symbol"))
    found = markets.filter(symbol__in={symbol for *_, symbol in names})
    pks = [row.pk for row in found.only("pk", "exchange_id", "environment", "symbol") if _name(row) in names]
    return markets.filter(pk__in=pks) if is_watched else markets.exclude(pk__in=pks)


def _name(row: Market | CandleSeries) -> tuple[str, str, str]:
    return row.exchange_id, row.environment, row.symbol


def _series(markets: Iterable[Market]) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    symbols = {market.symbol for market in markets}
    watched: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    names = ("exchange_id", "environment", "symbol", "timeframe", "source")
    rows = WatchedSymbol.objects.filter(symbol__in=symbols).order_by(*names).values_list(*names)
    # Of what several have pinned once.
    for exchange_id, environment, symbol, timeframe, source in rows.distinct():
        watched[exchange_id, environment, symbol, timeframe].append(source)
    found: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for series in CandleSeries.objects.filter(symbol__in=symbols).order_by("timeframe"):
        told = {name: getattr(series, name) for name in SeriesRow().fields if name != "watched_by"}
        found[_name(series)].append(told | {"watched_by": watched[(*_name(series), series.timeframe)]})
    return found


def _row(market: Market, candles: list[dict[str, Any]]) -> dict[str, Any]:
    told = {name: getattr(market, name) for name in SymbolRow().fields if name != "candles"}
    row: dict[str, Any] = SymbolRow(told | {"candles": candles}).data
    return row
