"""The one way markets and prices become rows, and what is asked of them."""

from apps.market.services.markets import are_listed, listed, store_markets, store_tickers

__all__ = ["are_listed", "listed", "store_markets", "store_tickers"]
