"""Candles of futures: of trades, of the mark and index price, of the premium."""

from collections.abc import Callable
from itertools import pairwise

from alphapulse.sandbox import public_trades
from alphapulse.sandbox.binance import futures_contracts as contract
from alphapulse.sandbox.binance.futures_asked import market_named, market_of, time_of
from alphapulse.sandbox.binance.params import BinanceError
from alphapulse.sandbox.binance.protocol import Request, by_limit
from alphapulse.sandbox.candle_edges import TIMEFRAMES, edges
from alphapulse.sandbox.markets import Market
from alphapulse.sandbox.prices import Bar

Told = Callable[[Market, Bar, int], list[object]]
WEIGHT = by_limit(500, (99, 1), (499, 2), (1000, 5), beyond=10)
_INTERVALS = [name for name in TIMEFRAMES if name != "1s"]


def klines(request: Request) -> list[list[object]]:
    return _klines(request, market_of(request), _kline)


def coin_klines(request: Request) -> list[list[object]]:
    """COIN-M's: the volume is in contracts, and where USD-M tells the quote's volume it tells the coin's."""
    return _klines(request, market_of(request), _coin_kline)


def continuous_klines(request: Request) -> list[list[object]]:
    if request.params.required("contractType") not in ("PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER"):
        raise BinanceError(-4104, "Invalid contract type.")
    return _klines(request, market_named(request, request.params.required("pair")), _kline)


def mark_klines(request: Request) -> list[list[object]]:
    return _klines(request, market_of(request), _priced_kline)


def index_klines(request: Request) -> list[list[object]]:
    return _klines(request, market_named(request, request.params.required("pair")), _priced_kline)


def premium_klines(request: Request) -> list[list[object]]:
    """Mark and index price are the same here: the premium is zero."""
    return _klines(request, market_of(request), _premium_kline)


def _klines(request: Request, market: Market, told: Told) -> list[list[object]]:
    timeframe = request.params.required("interval")
    if timeframe not in _INTERVALS:
        raise BinanceError(-1120, "Invalid interval.")
    opens = edges(
        timeframe,
        start_ms=time_of(request, "startTime"),
        end_ms=time_of(request, "endTime"),
        now_ms=request.exchange.clock.market_ms(),
        limit=request.params.integer("limit", 500, most=1500),
    )
    if len(opens) < 2:
        return []
    ends = dict(pairwise(opens))
    return [told(market, bar, ends[bar.open_ms] - 1) for bar in request.exchange.candles(market, opens)]


def _kline(market: Market, bar: Bar, close_ms: int) -> list[object]:
    quote_volume = bar.volume * (bar.open + bar.high + bar.low + bar.close) / 4
    return [
        bar.open_ms,
        *_prices(market, bar),
        f"{bar.volume:.{market.amount_digits}f}",
        close_ms,
        f"{quote_volume:.5f}",
        max(1, (close_ms - bar.open_ms) // public_trades.EVERY_MS),
        f"{bar.volume * 0.5:.{market.amount_digits}f}",
        f"{quote_volume * 0.5:.5f}",
        "0",
    ]


def _coin_kline(market: Market, bar: Bar, close_ms: int) -> list[object]:
    row = _kline(market, bar, close_ms)
    contracts = float(str(row[7])) / float(market.contract_size)
    row[5], row[7] = f"{contracts:.0f}", f"{bar.volume:.8f}"
    row[9], row[10] = f"{contracts * 0.5:.0f}", f"{bar.volume * 0.5:.8f}"
    return row


def _priced_kline(market: Market, bar: Bar, close_ms: int) -> list[object]:
    return [bar.open_ms, *_prices(market, bar), "0", close_ms, "0", 0, "0", "0", "0"]


def _premium_kline(_market: Market, bar: Bar, close_ms: int) -> list[object]:
    return [bar.open_ms, *["0.00000000"] * 4, "0", close_ms, "0", 12, "0", "0", "0"]


def _prices(market: Market, bar: Bar) -> list[str]:
    return [contract.in_price(market, market.to_price(value)) for value in (bar.open, bar.high, bar.low, bar.close)]
