from django.urls import path

from apps.market.api.features import Features, FeatureValues
from apps.market.api.history import Export, History
from apps.market.api.indicators import IndicatorNames, Indicators
from apps.market.api.pins import Pin, Pins
from apps.market.api.prices import Prices
from apps.market.api.symbols import Symbols

urlpatterns = [
    path("export", Export.as_view()),
    path("features", Features.as_view()),
    path("features/values", FeatureValues.as_view()),
    path("history", History.as_view()),
    path("indicators", Indicators.as_view()),
    path("indicators/names", IndicatorNames.as_view()),
    path("pins", Pins.as_view()),
    path("pins/<int:pin_id>", Pin.as_view()),
    path("prices", Prices.as_view()),
    path("symbols", Symbols.as_view()),
]
