"""USD-M's and COIN-M's past: the account's trades, and every change of its wallet with its reason.

Both are forgotten after some months.
"""

from alphapulse.sandbox.binance.futures_asked import WEEK_MS, Json, market_of, page_of, week_of, window_of
from alphapulse.sandbox.binance.futures_rows import INCOME_TYPES, told_income, told_trade
from alphapulse.sandbox.binance.params import BinanceError
from alphapulse.sandbox.binance.protocol import Request

_MOST_INCOME = 1000


def user_trades(request: Request) -> list[Json]:
    """From a trade id on, or of one order, or within seven days."""
    market, params = market_of(request), request.params
    first, order_id = params.integer("fromId", 0), params.integer("orderId", 0)
    if first and (params.has("startTime") or params.has("endTime")):
        raise BinanceError(-1128, "Combination of optional parameters invalid.")
    memory, now_ms = request.exchange.memory, request.now_ms
    start_ms, end_ms = week_of(request)
    found = [
        trade
        for trade in request.owner.trades_of(market)
        if order_id in (0, trade.order_id)
        and (trade.id >= first if first else bool(order_id) or start_ms <= trade.at_ms <= end_ms)
        and memory.keeps_trade(trade, now_ms)
    ]
    begins = bool(first) or params.has("startTime")
    return [told_trade(trade) for trade in page_of(request, found, default=500, most=1000, from_first=begins)]


def income(request: Request) -> list[Json]:
    """Oldest first; without times the last seven days. `page` counts from 1."""
    params = request.params
    kind, symbol = params.get("incomeType"), params.get("symbol")
    if kind and kind not in {*INCOME_TYPES.values(), "INSURANCE_CLEAR", "WELCOME_BONUS", "REFERRAL_KICKBACK"}:
        raise BinanceError(-4083, "Invalid income type.")
    if symbol:
        market_of(request)
    start_ms, end_ms = window_of(request)
    if not start_ms and end_ms is None:
        start_ms = request.now_ms - WEEK_MS
    memory, now_ms = request.exchange.memory, request.now_ms
    found = [
        entry
        for entry in request.owner.entries
        if entry.wallet == request.wallet
        and entry.kind in INCOME_TYPES
        and kind in ("", INCOME_TYPES[entry.kind])
        and symbol in ("", entry.market)
        and start_ms <= entry.at_ms <= (end_ms if end_ms is not None else entry.at_ms)
        and memory.keeps_line(entry, now_ms)
    ]
    limit, page = params.integer("limit", 100, most=_MOST_INCOME), params.integer("page", 0)
    if page:
        return [told_income(entry) for entry in found[(page - 1) * limit : page * limit]]
    begins = params.has("startTime")
    return [told_income(entry) for entry in page_of(request, found, default=100, most=_MOST_INCOME, from_first=begins)]


def order_limits(_request: Request) -> list[Json]:
    return [
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
        {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
    ]


def nothing(_request: Request) -> list[Json]:
    return []
