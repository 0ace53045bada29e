"""Indicators of stored candles, and which there are."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alphapulse.market import indicators, timeframes
from apps.core.clock import now
from apps.core.problems import BadParameter
from apps.core.query import Check, checked, text
from apps.exchanges.models import Environment
from apps.market.api.asked import NEEDED, WHICH, Asked, asked
from apps.market.api.candles_used import CandlesUsedRow, candles_used
from apps.market.api.history import HoleRow
from apps.market.api.named import refuse_unlisted
from apps.market.services.indicators import Indicated, Where, indicated
from apps.users.scopes import Scope

USUAL_BARS = 500
MOST_BARS = 5_000


class Values(serializers.Serializer):
    """A number for each bar; null while it warms up, and where nothing can be divided by nothing."""

    indicator = serializers.CharField(help_text="with all of its parameters")
    outputs = serializers.DictField(child=serializers.ListField(child=serializers.FloatField(allow_null=True)))


class IndicatedRow(serializers.Serializer):
    exchange_id = serializers.CharField()
    environment = serializers.ChoiceField(Environment.choices)
    symbol = serializers.CharField()
    timeframe = serializers.ChoiceField(timeframes.TIMEFRAMES)
    opened_at = serializers.ListField(child=serializers.DateTimeField(), help_text="of the closed bars, oldest first")
    indicators = Values(many=True)
    holes = HoleRow(many=True, help_text="between them, where the exchange has no candle")
    candles = CandlesUsedRow(allow_null=True, help_text="null: there are none of the symbol")


class IndicatorRow(serializers.Serializer):
    name = serializers.CharField()
    title = serializers.CharField()
    group = serializers.CharField()
    inputs = serializers.ListField(child=serializers.ChoiceField(indicators.INPUTS))
    parameters = serializers.DictField(child=serializers.FloatField(), help_text="each with what it is by itself")
    outputs = serializers.ListField(child=serializers.CharField())
    is_path_dependent = serializers.BooleanField(help_text="it depends on where the stored candles begin")


class IndicatorNames(APIView):
    """The indicators that there are: TA-Lib's functions, with their parameters."""

    scope = Scope.MARKET_READ

    @extend_schema(responses=IndicatorRow(many=True))
    def get(self, request: Request) -> Response:
        checked(request.query_params, {})
        return Response(IndicatorRow(list(indicators.indicators().values()), many=True).data)


class Indicators(APIView):
    """Indicators of a symbol's closed candles, as TA-Lib computes them over the whole series.

    `indicators`: at most 20 with commas between them, like `RSI(timeperiod=21),MACD`; what is not named has its usual
    value. At most 5,000 bars in [since, until), without a `since` the last 500 before `until`.
    """

    scope = Scope.MARKET_READ
    parameters: Mapping[str, Check] = {**WHICH, "indicators": text}
    required = (*NEEDED, "indicators")

    @extend_schema(responses=IndicatedRow)
    def get(self, request: Request) -> Response:
        at = now()
        which, own = asked(request, self.parameters, at)
        try:
            requests = indicators.parse_all(own.get("indicators", ""))
        except indicators.UnknownIndicator as problem:
            raise BadParameter("indicators", str(problem)) from problem
        where = Where(**which.where, timeframe=which.timeframe)
        return Response(_told(where, indicated(where, requests, since_of(which), which.until), at))


def since_of(which: Asked) -> datetime:
    """BadParameter where that is too much for one answer."""
    if which.since is None:
        return timeframes.step(which.until, which.timeframe, -USUAL_BARS)
    bars = timeframes.count(which.since, which.until, which.timeframe)
    if bars > MOST_BARS:
        raise BadParameter("since", f"{bars} bars of {which.timeframe} are more than the {MOST_BARS} of one answer.")
    return which.since


def _told(where: Where, found: Indicated, at: datetime) -> dict[str, Any]:
    series = where.series
    if series is None:
        refuse_unlisted(exchange_id=where.exchange_id, environment=where.environment, symbol=where.symbol)
    rows = {
        "exchange_id": where.exchange_id,
        "environment": where.environment,
        "symbol": where.symbol,
        "timeframe": where.timeframe,
        "opened_at": [bar.opened_at for bar in found.bars],
        "indicators": [{"indicator": name, "outputs": outputs} for name, outputs in found.outputs.items()],
        "holes": found.holes,
        "candles": candles_used(series, at) if series else None,
    }
    return dict(IndicatedRow(rows).data)
