"""Candles of every interval Bybit has, newest first."""

from collections.abc import Callable
from decimal import Decimal

from alphapulse.money import plain
from alphapulse.sandbox.bybit import errors
from alphapulse.sandbox.bybit.asks import Ask
from alphapulse.sandbox.bybit.listings import Listing
from alphapulse.sandbox.bybit.params import Category
from alphapulse.sandbox.candle_edges import edges
from alphapulse.sandbox.prices import Bar

_TIMEFRAMES = {
    "1": "1m",
    "3": "3m",
    "5": "5m",
    "15": "15m",
    "30": "30m",
    "60": "1h",
    "120": "2h",
    "240": "4h",
    "360": "6h",
    "720": "12h",
    "D": "1d",
    "W": "1w",
    "M": "1M",
}
_CENT = Decimal("1e-8")

Shown = Callable[[Listing, Bar], list[str]]


def kline(ask: Ask) -> dict[str, object]:
    return _klines(ask, _traded)


def mark_price_kline(ask: Ask) -> dict[str, object]:
    return _klines(ask, _prices_only)


def premium_index_price_kline(ask: Ask) -> dict[str, object]:
    """Contracts trade at their index here, so the premium is nothing."""
    return _klines(ask, lambda _listing, bar: [str(bar.open_ms), "0", "0", "0", "0"])


def _klines(ask: Ask, shown: Shown) -> dict[str, object]:
    category = ask.params.category(default=Category.LINEAR)
    listing = ask.listings.find(category, ask.params.required("symbol"))
    asked = _edges(ask)
    bars = ask.exchange.candles(listing.market, asked) if len(asked) > 1 else []
    rows = [shown(listing, bar) for bar in reversed(bars)]
    return {"symbol": listing.symbol, "category": category, "list": rows}


def _edges(ask: Ask) -> list[int]:
    """From start on, or the latest before end; with both the latest of those between."""
    timeframe = _TIMEFRAMES.get(ask.params.required("interval"))
    if timeframe is None:
        raise errors.bad_parameter("params error: Invalid period!")
    limit = ask.params.limit(default=200, most=1000)
    now_ms = ask.exchange.clock.market_ms()
    start, end = ask.params.whole("start"), ask.params.whole("end")
    if start is None or end is None:
        return edges(timeframe, start_ms=start, end_ms=end, now_ms=now_ms, limit=limit)
    latest = edges(timeframe, start_ms=None, end_ms=end, now_ms=now_ms, limit=limit)
    return [edge for edge in latest if edge >= start]


def _traded(listing: Listing, bar: Bar) -> list[str]:
    """Base and quote volume; their ratio is an average price, which lies between the bar's low and high."""
    base = listing.market.to_amount(bar.volume)
    average = Decimal(repr((bar.open + bar.high + bar.low + bar.close) / 4))
    quote = (base * average).quantize(_CENT)
    volume, turnover = (quote, base) if listing.is_inverse else (base, quote)
    return [*_prices_only(listing, bar), plain(volume), plain(turnover)]


def _prices_only(listing: Listing, bar: Bar) -> list[str]:
    to_price = listing.market.to_price
    return [str(bar.open_ms), *(plain(to_price(price)) for price in (bar.open, bar.high, bar.low, bar.close))]
