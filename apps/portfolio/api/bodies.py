"""What `POST /api/portfolio/optimise` takes. Weights and returns are ratios: numbers, not amounts."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from alphapulse.market.timeframes import FIXED
from alphapulse.portfolio.strategies.question import Strategy
from apps.core.serializers import Body, Line
from apps.exchanges.api.asked import USUAL
from apps.exchanges.models import Environment

STRATEGIES = [strategy.value for strategy in Strategy]
TIMEFRAMES = ("1h", "4h", "1d")
MOST_ASSETS = 100
MOST_STEPS = 5_000
# What a number may be, whatever it is of: beyond it sums lose their meaning.
LARGEST = 1e15


class Ratio(serializers.FloatField):
    """A number, and not a text that looks like one."""

    def to_internal_value(self, data: Any) -> float:
        if type(data) not in (int, float):
            self.fail("invalid")
        return super().to_internal_value(data)


class AssetName(Line):
    """A coin's or a currency's code."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=40, **options)
        self.validators.append(RegexValidator(r"^[^\s/:]*$", "Expected a code without blanks, / and :."))


class BoundsBody(Body):
    least = Ratio(min_value=0, max_value=1, default=0.0)
    most = Ratio(min_value=0, max_value=1, default=1.0)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["least"] > attrs["most"]:
            raise serializers.ValidationError({"least": ["It is more than the most."]})
        return attrs


class AssetBoundsBody(BoundsBody):
    asset = AssetName()


class GroupBoundsBody(BoundsBody):
    name = Line(max_length=40)
    assets = serializers.ListField(child=AssetName(), min_length=1, max_length=MOST_ASSETS)


class ConstraintsBody(BoundsBody):
    """`least` and `most` are of each asset that `bounds` does not name."""

    bounds = AssetBoundsBody(many=True, default=list, max_length=MOST_ASSETS)
    groups = GroupBoundsBody(many=True, default=list, max_length=MOST_ASSETS)
    max_turnover = Ratio(
        min_value=0, max_value=1, default=None, allow_null=True, help_text="the part of the whole that may change hands"
    )


class WeightBody(Body):
    asset = AssetName()
    weight = Ratio(min_value=0, max_value=LARGEST)


class ViewBody(Body):
    asset = AssetName()
    over = AssetName(default=None, allow_null=True, help_text="left out: it is of the asset's own return")
    annual_return = Ratio(min_value=-1, max_value=100)
    confidence = Ratio(min_value=0, max_value=1, default=0.5)


class OptimiseBody(Body):
    strategy = serializers.ChoiceField(STRATEGIES)
    workspace_id = serializers.IntegerField(required=False, min_value=1)
    environment = serializers.ChoiceField(Environment.choices, required=False, help_text=USUAL)
    assets = serializers.ListField(
        child=AssetName(), default=list, max_length=MOST_ASSETS, help_text="left out: all coins that are held"
    )
    currency = AssetName(default="USDT", help_text="what worth and returns are measured in")
    stablecoins_at_par = serializers.BooleanField(
        default=None, allow_null=True, help_text="take them for what they promise; left out: as your settings say"
    )
    timeframe = serializers.ChoiceField(TIMEFRAMES, default="1d")
    days = serializers.IntegerField(min_value=1, max_value=1825, default=365, help_text="of the past to learn from")
    weights = WeightBody(
        many=True,
        default=list,
        max_length=MOST_ASSETS,
        help_text=(
            "given: the targets. market_cap: the size of each market, its capitalisation; black_litterman: the same, "
            "or left out for what is held. Nobody here knows sizes: they are asked for. Only proportions matter"
        ),
    )
    constraints = ConstraintsBody(default=dict)
    views = ViewBody(many=True, default=list, max_length=MOST_ASSETS, help_text="of black_litterman")
    risk_free_rate = Ratio(min_value=-1, max_value=10, default=0.0, help_text="a year")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if timedelta(days=attrs["days"]) / FIXED[attrs["timeframe"]] > MOST_STEPS:
            raise serializers.ValidationError({"days": [f"More than {MOST_STEPS} candles: a longer timeframe."]})
        limits = attrs["constraints"] = attrs["constraints"] or _unbounded()
        _refuse_twice(
            assets=attrs["assets"],
            weights=_names(attrs["weights"]),
            constraints=_names(limits["bounds"]),
        )
        return attrs


class QuestionRow(OptimiseBody):
    """As it is kept; whose and where is told beside it."""

    workspace_id = None
    environment = None


def _unbounded() -> dict[str, Any]:
    unbounded = ConstraintsBody(data={})
    unbounded.is_valid(raise_exception=True)
    return dict(unbounded.validated_data)


def _names(rows: Collection[Mapping[str, Any]]) -> list[str]:
    return [row["asset"] for row in rows]


def _refuse_twice(**names: Collection[str]) -> None:
    twice = {field: ["An asset is named twice."] for field, named in names.items() if len(set(named)) < len(named)}
    if twice:
        raise serializers.ValidationError(twice)
