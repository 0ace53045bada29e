"""How well it went: returns, risks, falls, and how what is held is spread."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alphapulse.portfolio.lots import Method
from apps.core.clock import now
from apps.core.query import Check, moment
from apps.exchanges.models import Environment
from apps.portfolio.api.asked import WHOSE, asked_by
from apps.portfolio.api.pnl import Calculating, Value, accounts_of, calculating, sight_of
from apps.portfolio.services.performance import Asked, Performance, curve, performance
from apps.portfolio.services.statements import Sight
from apps.users.scopes import Scope


def _a_rate(value: str) -> str:
    try:
        rate = float(value)
    except ValueError:
        rate = 2.0
    if not -0.5 <= rate <= 1:
        raise ValueError(f"expected a rate a year between -0.5 and 1 (0.04 is 4 %), not {value!r}.")
    return value


RATE = Check(pass_on=_a_rate, schema={"type": "number", "minimum": -0.5, "maximum": 1})


class FallRow(serializers.Serializer):
    depth = serializers.FloatField(help_text="-0.2: a fifth of the highest was lost")
    peak_at = serializers.DateTimeField()
    trough_at = serializers.DateTimeField()
    back_at = serializers.DateTimeField(allow_null=True, help_text="when the highest was reached again")


class CurveRow(serializers.Serializer):
    at = serializers.DateTimeField()
    index = serializers.FloatField(help_text="what one had become, whatever came and went")
    drawdown = serializers.FloatField(help_text="below its highest so far")


class ExposureRow(serializers.Serializer):
    long = serializers.FloatField()
    short = serializers.FloatField()
    gross = serializers.FloatField()
    net = serializers.FloatField()


class ConcentrationRow(serializers.Serializer):
    herfindahl = serializers.FloatField()
    effective = serializers.FloatField(help_text="so many equal parts would be as concentrated")
    largest = serializers.CharField()
    largest_part = serializers.FloatField()


class PerformanceAnswer(serializers.Serializer):
    workspace_id = serializers.IntegerField()
    environment = serializers.ChoiceField(Environment.choices)
    currency = serializers.CharField()
    complete = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.CharField(), help_text="why it is not complete")
    made_at = serializers.DateTimeField(help_text="when the books were calculated, which tell what came and went")
    current = serializers.BooleanField(
        help_text="false: it is calculated anew, for what has happened since, or was priced"
    )
    since = serializers.DateTimeField(allow_null=True, help_text="the first snapshot")
    until = serializers.DateTimeField(allow_null=True, help_text="the last snapshot")
    snapshots = serializers.IntegerField()
    days = serializers.IntegerField(help_text="whose return is known: ratios need 30")
    begin = Value(allow_null=True, help_text="what it was worth first")
    end = Value(allow_null=True)
    net_flows = Value(help_text="what came from outside, less what went there")
    gain = Value(allow_null=True)
    time_weighted = serializers.FloatField(allow_null=True, help_text="of the whole span")
    time_weighted_annual = serializers.FloatField(allow_null=True)
    money_weighted_annual = serializers.FloatField(allow_null=True, help_text="the internal rate of return")
    volatility = serializers.FloatField(allow_null=True)
    risk_free = serializers.FloatField()
    sharpe = serializers.FloatField(allow_null=True)
    sortino = serializers.FloatField(allow_null=True)
    calmar = serializers.FloatField(allow_null=True)
    max_drawdown = FallRow(allow_null=True)
    correlation_btc = serializers.FloatField(allow_null=True)
    exposure = ExposureRow(allow_null=True, help_text="now, in parts of the whole; null where a part is not known")
    concentration = ConcentrationRow(allow_null=True, help_text="now; null where a part is not known")
    curve = CurveRow(many=True)
    unknown = serializers.DictField(child=serializers.CharField(), help_text="by the name of what is null: why")


# What the core calls otherwise.
NAMES = {"annual": "time_weighted_annual", "money_weighted": "money_weighted_annual", "fall": "max_drawdown"}


class HowItWent(APIView):
    """Returns without what came and went, and their risks. What is null is in `unknown`, with the reason.

    Where long books are being calculated, which tell what came and went, the answer is 202.
    """

    scope = Scope.PORTFOLIO_READ
    parameters: Mapping[str, Check] = {**WHOSE, "since": moment, "until": moment, "risk_free": RATE}

    @extend_schema(responses={200: PerformanceAnswer, 202: Calculating})
    def get(self, request: Request) -> Response:
        asked = asked_by(request, self.parameters)
        # What came and went is the same by all methods.
        sight = sight_of(asked, Method.FIFO, "flows")
        if sight.statement.content is None:
            return calculating(sight)
        span = Asked(
            accounts=accounts_of(asked),
            since=_time(asked.params.get("since")),
            until=_time(asked.params.get("until")),
            risk_free=float(asked.params.get("risk_free", 0)),
        )
        told = performance(sight, span, now=now())
        return Response(PerformanceAnswer(_row(told, sight, span)).data)


def _time(at: str | None) -> datetime | None:
    return datetime.fromisoformat(at) if at else None


def _row(told: Performance, sight: Sight, span: Asked) -> dict[str, Any]:
    ratios, points = told.ratios, told.points
    first, last = (points[0], points[-1]) if points else (None, None)
    return {
        **{name: getattr(told, name) for name in ("net_flows", "gain", "correlation_btc", "exposure", "concentration")},
        **{name: getattr(ratios, name) for name in ("time_weighted", "volatility", "sharpe", "sortino", "calmar")},
        "workspace_id": told.statement.workspace_id,
        "environment": told.statement.environment,
        "currency": told.statement.currency,
        "complete": not told.reasons,
        "reasons": told.reasons,
        "made_at": told.statement.made_at,
        "current": sight.is_current,
        "since": first and first.at,
        "until": last and last.at,
        "snapshots": len(points),
        "days": len(ratios.days),
        "begin": first and first.value,
        "end": last and last.value,
        "time_weighted_annual": ratios.annual,
        "money_weighted_annual": ratios.money_weighted,
        "risk_free": span.risk_free,
        "max_drawdown": ratios.fall,
        "unknown": {NAMES.get(name, name): why for name, why in told.unknown.items()},
        "curve": [{"at": index.at, "index": index.value, "drawdown": fall} for index, fall in curve(told)],
    }
