"""What belongs to no account: what can be traded, what it costs, what it cost."""

from apps.market.models.assets import Asset, AssetAlias, AssetKind, FiatRate
from apps.market.models.candles import (
    Candle,
    CandleHole,
    CandleSeries,
    SeriesStatus,
    WatchedSymbol,
    WatchSource,
)
from apps.market.models.features import Feature, FeatureSeries, FeatureValue
from apps.market.models.markets import FundingRate, Market, Ticker
from apps.market.models.quarantine import QuarantinedValue

__all__ = [
    "Asset",
    "AssetAlias",
    "AssetKind",
    "Candle",
    "CandleHole",
    "CandleSeries",
    "Feature",
    "FeatureSeries",
    "FeatureValue",
    "FiatRate",
    "FundingRate",
    "Market",
    "QuarantinedValue",
    "SeriesStatus",
    "Ticker",
    "WatchSource",
    "WatchedSymbol",
]
