"""The one way markets and prices become rows, and what is asked of them."""

from apps.market.services.candles import (
    candles_of,
    holes_of,
    newest_closed,
    series_behind,
    series_of,
    store_candles,
)
from apps.market.services.markets import (
    are_listed,
    listed,
    priced_by,
    store_funding_rates,
    store_markets,
    store_tickers,
)
from apps.market.services.watch import watch

__all__ = [
    "are_listed",
    "candles_of",
    "holes_of",
    "listed",
    "newest_closed",
    "priced_by",
    "series_behind",
    "series_of",
    "store_candles",
    "store_funding_rates",
    "store_markets",
    "store_tickers",
    "watch",
]
