"""Candles: page by page, and as a file."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from alphapulse.market import timeframes
from alphapulse.market.timeframes import TIMEFRAMES
from apps.core.clock import now
from apps.core.problems import BadParameter
from apps.core.query import Check, number, one_of
from apps.core.rows import Money
from apps.exchanges.models import Environment
from apps.market.api.asked import NEEDED, WHICH, Asked, asked
from apps.market.api.named import refuse_unlisted
from apps.market.models import CandleSeries
from apps.market.services import candle_files, candles_of, holes_of, series_behind
from apps.users.scopes import Scope

PAGE, BIGGEST_PAGE = 500, 1_000
# A file of more would be too much for one request: several are asked for.
MOST_IN_A_FILE = 100_000


class HoleRow(serializers.Serializer):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()


class CandleRow(serializers.Serializer):
    opened_at = serializers.DateTimeField()
    open = Money()
    high = Money()
    low = Money()
    close = Money()
    volume = Money()
    is_closed = serializers.BooleanField()


class CandlePage(serializers.Serializer):
    exchange_id = serializers.CharField()
    environment = serializers.ChoiceField(Environment.choices)
    symbol = serializers.CharField()
    timeframe = serializers.ChoiceField(TIMEFRAMES)
    made_of = serializers.ChoiceField(TIMEFRAMES, allow_null=True, help_text="the timeframe that is read; null: none")
    covered_from = serializers.DateTimeField(allow_null=True, help_text="from then on all there are have been read")
    covered_to = serializers.DateTimeField(allow_null=True, help_text="until then; the candle there is not closed")
    holes = HoleRow(many=True, help_text="no candles there: the exchange has none")
    next = serializers.URLField(allow_null=True, help_text="the page before")
    results = CandleRow(many=True, help_text="oldest first")


class History(APIView):
    """Candles of a symbol and timeframe, the newest page first, each page oldest first; `next` is the one before it.

    Needs exchange_id, symbol and timeframe. What is not read in that timeframe is made of a finer one.
    """

    scope = Scope.MARKET_READ
    parameters: Mapping[str, Check] = {**WHICH, "page_size": number}
    required = NEEDED

    @extend_schema(responses=CandlePage)
    def get(self, request: Request) -> Response:
        which, own = asked(request, self.parameters, now())
        size = _page_size(own)
        series = _series(which)
        begin = _begin(which, size)
        rows = candles_of(which.exchange_id, which.environment, which.symbol, which.timeframe, begin, which.until)
        body = {
            **which.where,
            "timeframe": which.timeframe,
            "made_of": series and series.timeframe,
            "covered_from": series and series.covered_from,
            "covered_to": series and series.covered_to,
            "holes": holes_of(series, begin, which.until) if series else [],
            "next": _next(request, which, begin, series),
            "results": rows,
        }
        return Response(CandlePage(body).data)


def _series(which: Asked) -> CandleSeries | None:
    series = series_behind(**which.where, timeframe=which.timeframe)
    if series is None:
        refuse_unlisted(**which.where)
    return series


def _page_size(own: Mapping[str, str]) -> int:
    size = int(own.get("page_size", PAGE))
    if not 1 <= size <= BIGGEST_PAGE:
        raise BadParameter("page_size", f"expected 1 to {BIGGEST_PAGE}, not {size}.")
    return size


def _begin(which: Asked, size: int) -> datetime:
    begin = timeframes.step(which.until, which.timeframe, -size)
    return max(begin, which.since) if which.since else begin


def _next(request: Request, which: Asked, begin: datetime, series: CandleSeries | None) -> str | None:
    """None where nothing older is there, or asked for."""
    first = series and series.first_at
    if first is None or begin <= first or (which.since and begin <= which.since):
        return None
    # Where nothing is for long, the next page has the newest that is there.
    last = series and series.last_at
    until = min(begin, timeframes.ends(timeframes.floor(last, which.timeframe), which.timeframe)) if last else begin
    return str(replace_query_param(request.build_absolute_uri(), "until", until.isoformat()))


class Export(APIView):
    """The same as a file: `as=csv` (with the columns timestamp_ms, open, high, low, close, volume) or `as=parquet`.

    Closed candles alone, of at most 100,000 candles' time: name since and until. Amounts are exact.
    """

    scope = Scope.MARKET_READ
    parameters: Mapping[str, Check] = {**WHICH, "as": one_of(tuple(candle_files.FORMATS))}
    required = NEEDED

    @extend_schema(
        responses={
            (200, kind.content_type): OpenApiResponse(OpenApiTypes.BINARY) for kind in candle_files.FORMATS.values()
        }
    )
    def get(self, request: Request) -> HttpResponse:
        which, own = asked(request, self.parameters, now())
        kind = candle_files.FORMATS[own.get("as", "csv")]
        begin = self._begin(which)
        rows = candles_of(which.exchange_id, which.environment, which.symbol, which.timeframe, begin, which.until)
        body = kind.written([row for row in rows if row.is_closed])
        name = f"{which.exchange_id}-{which.symbol.replace('/', '-').replace(':', '-')}_{which.timeframe}.{kind.ending}"
        headers: dict[str, Any] = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
        return HttpResponse(body, content_type=kind.content_type, headers=headers)

    def _begin(self, which: Asked) -> datetime:
        series = _series(which)
        # All there is begins with the bar that its first candle is in.
        all_of_it = series and series.first_at and timeframes.floor(series.first_at, which.timeframe)
        begin = timeframes.ceiling(which.since or all_of_it or which.until, which.timeframe)
        if timeframes.count(begin, which.until, which.timeframe) > MOST_IN_A_FILE:
            raise BadParameter("since", f"that is more than {MOST_IN_A_FILE} candles: name a shorter time.")
        return begin
