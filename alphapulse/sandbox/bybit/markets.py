"""Bybit's markets for the engine: spot, perpetuals and the coming quarters of the two biggest coins."""

from dataclasses import replace
from datetime import datetime

from alphapulse.sandbox.dated import dated_futures
from alphapulse.sandbox.markets import Market, MarketBook, linear_markets, spot_markets

_MOST_LEVERAGE = 100


def bybit_markets(count: int, now_ms: int) -> MarketBook:
    """`count` is Binance's number of spot markets; Bybit has fewer."""
    perpetuals = [
        replace(market, max_leverage=min(market.max_leverage, _MOST_LEVERAGE))
        for market in linear_markets(max(20, count // 4), maker="0.0002", taker="0.00055")
    ]
    dated = dated_futures(perpetuals, now_ms, _quarterly)
    return MarketBook([*spot_markets(max(20, count // 3)), *perpetuals, *dated])


def _quarterly(market: Market, delivery: datetime) -> str:
    """`BTCUSDT-26DEC25`"""
    return f"{market.id}-{delivery:%d%b%y}".upper()
