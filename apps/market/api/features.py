"""Features: which there are, and what they say."""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alphapulse.market import timeframes
from alphapulse.market.features import FUNCTIONS
from apps.core.clock import now
from apps.core.pagination import Pages
from apps.core.problems import BadParameter
from apps.core.query import Check, checked_of_list, one_of, text
from apps.market.api.asked import NEEDED, WHICH, Asked, asked
from apps.market.api.candles_used import CandlesUsedRow, candles_used
from apps.market.api.indicators import since_of
from apps.market.api.named import listing, refuse_unlisted
from apps.market.models import Feature, FeatureSeries
from apps.market.services import features
from apps.users.scopes import Scope


class FeatureRow(serializers.Serializer):
    name = serializers.CharField()
    function = serializers.ChoiceField(list(FUNCTIONS))
    what = serializers.CharField(source="definition.function.what")
    parameters = serializers.DictField(child=serializers.IntegerField(), source="definition.parameters")
    timeframe = serializers.ChoiceField(timeframes.TIMEFRAMES)
    reference = serializers.CharField(allow_blank=True, help_text="the symbol that it compares with")
    version = serializers.IntegerField(help_text="counts its definitions")
    is_active = serializers.BooleanField(help_text="no: it is not computed on")


class ValueRow(serializers.Serializer):
    opened_at = serializers.DateTimeField()
    value = serializers.FloatField()


class FeatureValuesRow(serializers.Serializer):
    name = serializers.CharField()
    version = serializers.IntegerField(allow_null=True, help_text="of the values; null: nothing is computed yet")
    computed_to = serializers.DateTimeField(allow_null=True, help_text="bars that opened before that are computed")
    is_behind = serializers.BooleanField(help_text="there are candles, or a definition, that is not computed yet")
    candles = CandlesUsedRow(allow_null=True, help_text="null: there are none of the symbol")
    values = ValueRow(
        many=True, help_text="bar by bar, oldest first; a bar before computed_to that has none has too little past"
    )


@extend_schema_view(get=extend_schema(responses=FeatureRow(many=True)))
class Features(ListAPIView):
    """The features that are defined, the newest first. Filter: timeframe. Staff define them in the admin."""

    scope = Scope.MARKET_READ
    serializer_class = FeatureRow
    pagination_class = Pages
    parameters = {"timeframe": one_of(timeframes.TIMEFRAMES)}

    def get_queryset(self) -> QuerySet[Feature]:
        return Feature.objects.filter(**checked_of_list(self.request.query_params, self.parameters))


class FeatureValues(APIView):
    """One feature of one symbol, at most 5,000 bars in [since, until), the last 500 before `until` by itself."""

    scope = Scope.MARKET_READ
    parameters: Mapping[str, Check] = {**WHICH, "feature": text}
    required = (*NEEDED, "feature")

    @extend_schema(responses=FeatureValuesRow)
    def get(self, request: Request) -> Response:
        at = now()
        which, own = asked(request, self.parameters, at)
        if not own.get("feature"):
            raise BadParameter("feature", "this is needed.")
        series = features.series_of(own["feature"], **which.where, timeframe=which.timeframe)
        if series is None:
            _refuse_unknown(own["feature"], which)
        return Response(FeatureValuesRow(_told(own["feature"], series, since_of(which), which.until, at)).data)


def _refuse_unknown(feature: str, which: Asked) -> None:
    timeframe_of = dict(Feature.objects.order_by("name").values_list("name", "timeframe"))
    if feature not in timeframe_of:
        raise BadParameter("feature", f"there is no feature {feature!r}{listing([*timeframe_of])}.")
    if timeframe_of[feature] != which.timeframe:
        raise BadParameter("timeframe", f"the feature {feature!r} is of {timeframe_of[feature]}.")
    refuse_unlisted(**which.where)


def _told(name: str, series: FeatureSeries | None, since: datetime, until: datetime, at: datetime) -> dict[str, object]:
    if series is None:
        return {"name": name, "version": None, "computed_to": None, "is_behind": True, "candles": None, "values": []}
    return {
        "name": name,
        "version": series.version,
        "computed_to": series.computed_to,
        "is_behind": series.is_behind,
        "candles": candles_used(series.candles, at),
        "values": features.values(series, since, until),
    }
