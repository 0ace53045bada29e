"""Of which candles an answer's numbers are, and how old these are."""

from collections.abc import Mapping
from datetime import datetime

from rest_framework import serializers

from alphapulse.market import timeframes
from apps.market.models import CandleSeries
from apps.market.services import newest_closed


class CandlesUsedRow(serializers.Serializer):
    timeframe = serializers.ChoiceField(timeframes.TIMEFRAMES, help_text="that is read; others are made of it")
    last_closed_at = serializers.DateTimeField(allow_null=True, help_text="when the newest closed candle opened")
    age_seconds = serializers.IntegerField(allow_null=True, help_text="since that candle was closed")
    covered_from = serializers.DateTimeField(allow_null=True, help_text="from then on all there are have been read")
    covered_to = serializers.DateTimeField(allow_null=True, help_text="all there are until then have been read")
    is_behind = serializers.BooleanField(help_text="there are others that are not read yet, older or newer")
    stale = serializers.BooleanField(help_text="nobody reads them on, or they cannot be read: there may be newer ones")


def candles_used(series: CandleSeries, now: datetime) -> Mapping[str, object]:
    last = newest_closed(series)
    return {
        "timeframe": series.timeframe,
        "last_closed_at": last,
        "age_seconds": last and int((now - timeframes.ends(last, series.timeframe)).total_seconds()),
        "covered_from": series.covered_from,
        "covered_to": series.covered_to,
        "is_behind": series.is_behind,
        "stale": series.is_stale(now),
    }
