"""Symbols that are pinned: their candles are read, whoever holds them."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alphapulse.market.timeframes import TIMEFRAMES
from apps.core.clock import now
from apps.core.pagination import Pages
from apps.core.problems import Conflict
from apps.core.query import Check, checked_of_list, number, one_of, text
from apps.core.serializers import Body, Line, given
from apps.exchanges.api.asked import USUAL, an_exchange, usual_environment
from apps.exchanges.models import Environment
from apps.market.api.named import refuse_unheard
from apps.market.models import CandleSeries, SeriesStatus, WatchedSymbol
from apps.market.services import pins
from apps.market.services.pins import PinRefused
from apps.users.api.asked import refuse_others_workspace
from apps.users.api.permissions import refuse_role, workspace_for
from apps.users.models import Workspace
from apps.users.scopes import Scope


class PinBody(Body):
    workspace_id = serializers.IntegerField(required=False, min_value=1)
    exchange_id = Line(max_length=40)
    environment = serializers.ChoiceField(Environment.choices, required=False, help_text=USUAL)
    symbol = Line(max_length=100, help_text="as /api/market/symbols tells it: BTC/USDT")
    timeframe = serializers.ChoiceField(TIMEFRAMES, help_text="1w and 1M are made of 1d")


class PinRow(serializers.Serializer):
    """The pin, and how far its candles are read."""

    id = serializers.IntegerField()
    workspace_id = serializers.IntegerField()
    exchange_id = serializers.CharField()
    environment = serializers.ChoiceField(Environment.choices)
    symbol = serializers.CharField()
    timeframe = serializers.ChoiceField(TIMEFRAMES)
    first_at = serializers.DateTimeField(allow_null=True)
    covered_from = serializers.DateTimeField(allow_null=True)
    covered_to = serializers.DateTimeField(allow_null=True)
    is_behind = serializers.BooleanField()
    status = serializers.ChoiceField(SeriesStatus.choices)
    error = serializers.CharField(allow_blank=True)


OF_PIN = ("id", "workspace_id", "exchange_id", "environment", "symbol", "timeframe")
OF_SERIES = ("first_at", "covered_from", "covered_to", "is_behind", "status", "error")


class Pins(ListAPIView):
    """The symbols that my workspaces have pinned, newest first. POST pins one: its candles are read from then on.

    What is pinned already is answered with 200, as it is. Others' pins of the same symbol are rows of their own.
    """

    scopes = {"GET": Scope.MARKET_READ, "POST": Scope.MARKET_WRITE}
    serializer_class = PinRow
    pagination_class = Pages
    parameters: Mapping[str, Check] = {
        "workspace_id": number,
        "exchange_id": an_exchange,
        "environment": one_of(Environment),
        "symbol": text,
        "timeframe": one_of(TIMEFRAMES),
    }

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = checked_of_list(request.query_params, self.parameters)
        refuse_others_workspace(request.user, asked)
        page: list[WatchedSymbol] = self.paginate_queryset(_visible(request).filter(**asked))
        if not page:
            refuse_unheard(asked, ["symbol"])
        return self.get_paginated_response(_rows(page))

    @extend_schema(request=PinBody, responses={200: PinRow, 201: PinRow})
    def post(self, request: Request) -> Response:
        wanted = given(PinBody, request)
        wanted.setdefault("environment", usual_environment(request.user))
        workspace = workspace_for(request, wanted.pop("workspace_id", None), Scope.MARKET_WRITE)
        try:
            pinned, is_new = pins.pin(workspace, **wanted, actor=request.user, at=now())
        except PinRefused as refusal:
            if not refusal.field:
                raise Conflict(str(refusal)) from None
            raise serializers.ValidationError({refusal.field: [str(refusal)]}) from None
        return Response(_rows([pinned])[0], status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)


class Pin(APIView):
    """DELETE unpins a symbol. Its candles are read on while others want them, and kept until their time."""

    scope = Scope.MARKET_WRITE

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pin_id: int) -> Response:
        pinned: WatchedSymbol = get_object_or_404(_visible(request).select_related("workspace"), pk=pin_id)
        refuse_role(request, pinned.workspace, self.scope)
        pins.unpin(pinned, actor=request.user, at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _visible(request: Request) -> QuerySet[WatchedSymbol]:
    return pins.pins_of(Workspace.objects.of(request.user))


def _rows(pinned: Iterable[WatchedSymbol]) -> list[dict[str, Any]]:
    """In two queries, however many they are."""
    pinned = list(pinned)
    named = CandleSeries.objects.filter(symbol__in={row.symbol for row in pinned})
    series = {_name(row): row for row in named}
    told = [
        {name: getattr(row, name) for name in OF_PIN} | {name: getattr(series[_name(row)], name) for name in OF_SERIES}
        for row in pinned
    ]
    rows: list[dict[str, Any]] = PinRow(told, many=True).data
    return rows


def _name(row: WatchedSymbol | CandleSeries) -> tuple[str, str, str, str]:
    return row.exchange_id, row.environment, row.symbol, row.timeframe
