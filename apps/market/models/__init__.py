"""What belongs to no account: what can be traded, what it costs, what it cost."""

from apps.market.models.markets import Market, Ticker

__all__ = ["Market", "Ticker"]
