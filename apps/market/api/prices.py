"""What things cost now, as far as anybody believes it."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.clock import now
from apps.core.pagination import Pages
from apps.core.query import Check, checked_of_list, one_of, text
from apps.core.rows import Money
from apps.exchanges.api.asked import an_exchange
from apps.exchanges.models import Environment
from apps.market.api.named import refuse_unheard
from apps.market.models import QuarantinedValue, Ticker
from apps.market.services import quarantine
from apps.users.scopes import Scope


class QuarantinedRow(serializers.Serializer):
    reason = serializers.CharField()
    last = Money()
    bid = Money()
    ask = Money()
    known = Money(help_text="what was believed when it came")
    detail = serializers.CharField(allow_blank=True)
    first_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField()


class PriceRow(serializers.Serializer):
    exchange_id = serializers.CharField()
    environment = serializers.ChoiceField(Environment.choices)
    symbol = serializers.CharField()
    last = Money()
    bid = Money()
    ask = Money()
    percentage = Money()
    base_volume = Money()
    quote_volume = Money()
    exchange_at = serializers.DateTimeField(allow_null=True)
    as_of = serializers.DateTimeField()
    stale = serializers.BooleanField(help_text="no price has come in time")
    is_used = serializers.BooleanField(help_text="no: it is shown alone; `quarantined` says why")
    quarantined = QuarantinedRow(many=True, help_text="prices of it that are doubted, and why")


@extend_schema_view(get=extend_schema(responses=PriceRow(many=True)))
class Prices(ListAPIView):
    """The last believed price of each symbol. Filters: exchange_id, environment, symbol.

    A price that is doubted is in `quarantined`, with its reason, and `known`: what was believed when it came. Where
    there was none before, last, bid and ask are null.
    """

    scope = Scope.MARKET_READ
    pagination_class = Pages
    parameters: Mapping[str, Check] = {"exchange_id": an_exchange, "environment": one_of(Environment), "symbol": text}
    lookups = {"exchange_id": "exchange_id", "environment": "environment", "symbol": "symbol__iexact"}

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.asked = checked_of_list(request.query_params, self.parameters)
        at = now()
        page: list[Ticker] = self.paginate_queryset(self.get_queryset())
        if not page:
            refuse_unheard(self.asked)
        doubts = quarantine.open_doubts(page)
        return self.get_paginated_response(
            [_row(each, doubts.get(each.pk, []), is_stale=each.is_stale(at)) for each in page]
        )

    def get_queryset(self) -> QuerySet[Ticker]:
        return Ticker.objects.filter(**{self.lookups[name]: value for name, value in self.asked.items()})


def _row(ticker: Ticker, doubts: list[QuarantinedValue], *, is_stale: bool) -> dict[str, Any]:
    own = ("stale", "is_used", "quarantined")
    told: dict[str, Any] = {name: getattr(ticker, name) for name in PriceRow().fields if name not in own}
    told |= {"stale": is_stale, "is_used": quarantine.is_used(ticker, doubts), "quarantined": doubts}
    row: dict[str, Any] = PriceRow(told).data
    return row
