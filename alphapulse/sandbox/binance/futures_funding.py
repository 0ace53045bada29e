"""USD-M's mark price and funding, open interest, and the statistics of `/futures/data`.

Nobody else trades here: open interest and the ratios of longs to shorts follow from the seed like prices do.
"""

from decimal import Decimal
from zlib import crc32

from alphapulse.sandbox.binance import futures_contracts as contract
from alphapulse.sandbox.binance.futures_asked import Json, asked_markets, market_of, time_of, window_of
from alphapulse.sandbox.binance.params import BinanceError
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.candle_edges import edges
from alphapulse.sandbox.clock import DAY_MS
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.funding import PERIOD_MS, last_funding_ms, next_funding_ms
from alphapulse.sandbox.markets import Market
from alphapulse.sandbox.prices import LISTED_MS

_PERIODS = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")
_KEPT_MS = 30 * DAY_MS  # how far back the statistics go


def premium_index(request: Request) -> object:
    rows = [mark_row(request.exchange, market, request.now_ms) for market in asked_markets(request)]
    return rows[0] if request.params.has("symbol") else rows


def funding_rates(request: Request) -> list[Json]:
    """Rates that have been paid, oldest first: from startTime on, or the latest."""
    exchange = request.exchange
    start_ms, end_ms = window_of(request)
    limit = request.params.integer("limit", 100, most=1000)
    newest = last_funding_ms(min(exchange.clock.market_ms(), end_ms or exchange.clock.market_ms()))
    if start_ms:
        oldest = next_funding_ms(max(start_ms, LISTED_MS) - 1)
        times = range(oldest, newest + 1, PERIOD_MS)[:limit]
    else:
        times = range(newest - (limit - 1) * PERIOD_MS, newest + 1, PERIOD_MS)
    if request.params.has("symbol"):
        market = market_of(request)
        return [_paid(exchange, market, at_ms) for at_ms in times]
    perpetuals = [market for market in asked_markets(request) if not market.delivery_ms]
    rows = [_paid(exchange, market, at_ms) for at_ms in times[-2:] for market in perpetuals]
    return rows[-limit:]


def funding_info(request: Request) -> list[Json]:
    return [
        {
            "symbol": market.id,
            "adjustedFundingRateCap": "0.02000000",
            "adjustedFundingRateFloor": "-0.02000000",
            "fundingIntervalHours": PERIOD_MS // 3_600_000,
            "disclaimer": False,
            "updateTime": LISTED_MS,
        }
        for market in asked_markets(request)
        if not market.delivery_ms
    ]


def open_interest(request: Request) -> Json:
    market = market_of(request)
    amount = _interest(request.exchange, market, request.exchange.clock.market_ms())
    return {"openInterest": contract.in_amount(market, amount), "symbol": market.id, "time": request.now_ms}


def open_interest_history(request: Request) -> list[Json]:
    market, exchange = market_of(request), request.exchange
    return [
        {
            "symbol": market.id,
            "sumOpenInterest": f"{_interest(exchange, market, at_ms):.8f}",
            "sumOpenInterestValue": f"{_interest(exchange, market, at_ms) * exchange.last(market, at_ms):.8f}",
            "CMCCirculatingSupply": "0.00000000",
            "timestamp": at_ms,
        }
        for at_ms in _moments(request)
    ]


def long_short_ratio(request: Request) -> list[Json]:
    market = market_of(request)
    return [_ratio(request.exchange, market, at_ms) for at_ms in _moments(request)]


def mark_row(exchange: Exchange, market: Market, now_ms: int) -> Json:
    market_ms = exchange.clock.market_ms()
    price = contract.money(exchange.last(market, market_ms))
    row: Json = {"symbol": market.id, "markPrice": price, "indexPrice": price, "estimatedSettlePrice": price}
    if market.delivery_ms:
        return row | {"lastFundingRate": "", "interestRate": "", "nextFundingTime": 0, "time": now_ms}
    return row | {
        "lastFundingRate": contract.money(exchange.funding_rate(market, next_funding_ms(market_ms))),
        "interestRate": "0.00010000",
        "nextFundingTime": exchange.clock.to_wall(next_funding_ms(market_ms)),
        "time": now_ms,
    }


def _paid(exchange: Exchange, market: Market, at_ms: int) -> Json:
    return {
        "symbol": market.id,
        "fundingTime": at_ms,
        "fundingRate": contract.money(exchange.funding_rate(market, at_ms)),
        "markPrice": contract.money(exchange.last(market, at_ms)),
    }


def _moments(request: Request) -> list[int]:
    """The ends of the asked periods, oldest first."""
    period = request.params.required("period")
    if period not in _PERIODS:
        raise BinanceError(-1130, "Data sent for parameter 'period' is not valid.")
    now_ms = request.exchange.clock.market_ms()
    start_ms = time_of(request, "startTime")
    if start_ms is not None and start_ms < now_ms - _KEPT_MS:
        raise BinanceError(-1130, "parameter 'startTime' is invalid.")
    limit = request.params.integer("limit", 30, most=500)
    asked = edges(period, start_ms=start_ms, end_ms=time_of(request, "endTime"), now_ms=now_ms, limit=limit)
    return [at_ms for at_ms in asked if at_ms <= now_ms]


def _interest(exchange: Exchange, market: Market, at_ms: int) -> Decimal:
    """About a third of a day's trade, a little more or less each day."""
    chance = crc32(f"{exchange.prices.seed}/{market.id}/interest/{at_ms // DAY_MS}".encode()) % 1000
    day = exchange.day(market)
    return market.to_amount(day.volume * (0.3 + chance / 10_000))


def _ratio(exchange: Exchange, market: Market, at_ms: int) -> Json:
    chance = crc32(f"{exchange.prices.seed}/{market.id}/ratio/{at_ms}".encode()) % 3000
    longs = Decimal(3500 + chance) / 10_000
    return {
        "symbol": market.id,
        "longAccount": f"{longs:.4f}",
        "shortAccount": f"{1 - longs:.4f}",
        "longShortRatio": f"{longs / (1 - longs):.4f}",
        "timestamp": at_ms,
    }
