"""Spot's public endpoints: time, exchange information, tickers, book, trades, candles."""

import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import lru_cache

import orjson

from alphapulse.sandbox import public_trades
from alphapulse.sandbox.binance.params import BinanceError, fixed8
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.book import OrderBook
from alphapulse.sandbox.candle_edges import TIMEFRAMES, edges
from alphapulse.sandbox.clock import DAY_MS
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.markets import Market, MarketKind
from alphapulse.sandbox.prices import Bar
from alphapulse.sandbox.public_trades import PublicTrade

Json = dict[str, object]
ORDER_TYPES = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"]
DEPTHS = 5000


def ping(_request: Request) -> Json:
    return {}


def server_time(request: Request) -> Json:
    return {"serverTime": request.now_ms}


def exchange_info(request: Request, weight_limit: int) -> Json:
    return {
        "timezone": "UTC",
        "serverTime": request.now_ms,
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight_limit},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
            {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000},
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61000},
        ],
        "exchangeFilters": [],
        "symbols": [_symbol(market) for market in asked_markets(request)],
    }


def market_of(request: Request, name: str = "symbol") -> Market:
    symbol = request.params.required(name)
    market = request.exchange.markets.get(MarketKind.SPOT, symbol)
    if market is None:
        raise BinanceError(-1121, "Invalid symbol.")
    return market


def asked_markets(request: Request) -> list[Market]:
    """The market of `symbol`, those of `symbols` (a JSON list), or all."""
    if request.params.has("symbol"):
        return [market_of(request)]
    known = request.exchange.markets.of(MarketKind.SPOT)
    if not request.params.has("symbols"):
        return list(known.values())
    try:
        symbols = orjson.loads(request.params.get("symbols"))
        return [known[symbol] for symbol in symbols]
    except (orjson.JSONDecodeError, TypeError):
        raise BinanceError(-1100, "Illegal characters found in parameter 'symbols'.") from None
    except KeyError:
        raise BinanceError(-1121, "Invalid symbol.") from None


def ticker_24h(request: Request) -> object:
    return _one_or_many(request, _day_ticker)


def ticker_price(request: Request) -> object:
    return _one_or_many(
        request, lambda exchange, market, _now: {"symbol": market.id, "price": fixed8(exchange.last(market))}
    )


def ticker_book(request: Request) -> object:
    return _one_or_many(request, lambda exchange, market, _now: {"symbol": market.id, **_top(exchange.book(market))})


def average_price(request: Request) -> Json:
    market = market_of(request)
    return {"mins": 5, "price": fixed8(request.exchange.last(market)), "closeTime": request.now_ms}


def depth(request: Request) -> Json:
    market = market_of(request)
    levels = request.params.integer("limit", 100, most=DEPTHS)
    book = request.exchange.book(market)
    return {
        "lastUpdateId": request.exchange.clock.market_ms() // 100,
        "bids": [[fixed8(level.price), fixed8(level.amount)] for level in book.bids(levels)],
        "asks": [[fixed8(level.price), fixed8(level.amount)] for level in book.asks(levels)],
    }


def trades(request: Request) -> list[Json]:
    market = market_of(request)
    limit = request.params.integer("limit", 500, most=1000)
    found = public_trades.latest(request.exchange, market, limit)
    return [_trade(request.exchange, trade) for trade in found]


def historical_trades(request: Request) -> list[Json]:
    market = market_of(request)
    limit = request.params.integer("limit", 500, most=1000)
    if not request.params.has("fromId"):
        return trades(request)
    first = request.params.required_int("fromId")
    return [_trade(request.exchange, trade) for trade in public_trades.from_id(request.exchange, market, first, limit)]


def agg_trades(request: Request) -> list[Json]:
    market = market_of(request)
    limit = request.params.integer("limit", 500, most=1000)
    return [_agg_trade(request.exchange, trade) for trade in _asked_trades(request, market, limit)]


def klines(request: Request) -> list[list[object]]:
    market = market_of(request)
    timeframe = request.params.required("interval")
    if timeframe not in TIMEFRAMES:
        raise BinanceError(-1120, "Invalid interval.")
    asked = edges(
        timeframe,
        start_ms=optional_time(request, "startTime"),
        end_ms=optional_time(request, "endTime"),
        now_ms=request.exchange.clock.market_ms(),
        limit=request.params.integer("limit", 500, most=1000),
    )
    if len(asked) < 2:
        return []
    bars = request.exchange.candles(market, asked)
    ends = dict(itertools.pairwise(asked))
    return [_kline(market, bar, ends[bar.open_ms] - 1) for bar in bars]


def optional_time(request: Request, name: str) -> int | None:
    return request.params.required_int(name) if request.params.has(name) else None


def _one_or_many(request: Request, told: Callable[[Exchange, Market, int], Json]) -> object:
    rows = [told(request.exchange, market, request.now_ms) for market in asked_markets(request)]
    return rows[0] if request.params.has("symbol") else rows


def _top(book: OrderBook) -> Json:
    top = book.top()
    return {
        "bidPrice": fixed8(top.bid.price),
        "bidQty": fixed8(top.bid.amount),
        "askPrice": fixed8(top.ask.price),
        "askQty": fixed8(top.ask.amount),
    }


def _day_ticker(exchange: Exchange, market: Market, now_ms: int) -> Json:
    day = exchange.day(market)
    last, opened = market.to_price(day.last), market.to_price(day.open)
    last_trade = public_trades.trade_id_at(exchange.clock.market_ms())
    count = DAY_MS // public_trades.EVERY_MS
    return {
        "symbol": market.id,
        "priceChange": fixed8(last - opened),
        "priceChangePercent": f"{(last - opened) / opened * 100:.3f}",
        "weightedAvgPrice": f"{(day.high + day.low + day.last) / 3:.8f}",
        "prevClosePrice": fixed8(opened),
        "lastPrice": fixed8(last),
        "lastQty": fixed8(market.step * 100),
        **_top(exchange.book(market)),
        "openPrice": fixed8(opened),
        "highPrice": fixed8(market.to_price(day.high)),
        "lowPrice": fixed8(market.to_price(day.low)),
        "volume": f"{day.volume:.8f}",
        "quoteVolume": f"{day.quote_volume:.8f}",
        "openTime": now_ms - DAY_MS,
        "closeTime": now_ms,
        "firstId": last_trade - count + 1,
        "lastId": last_trade,
        "count": count,
    }


def _trade(exchange: Exchange, trade: PublicTrade) -> Json:
    return {
        "id": trade.id,
        "price": fixed8(trade.price),
        "qty": fixed8(trade.amount),
        "quoteQty": fixed8(trade.price * trade.amount),
        "time": exchange.clock.to_wall(trade.at_ms),
        "isBuyerMaker": trade.is_buyer_maker,
        "isBestMatch": True,
    }


def _agg_trade(exchange: Exchange, trade: PublicTrade) -> Json:
    return {
        "a": trade.id,
        "p": fixed8(trade.price),
        "q": fixed8(trade.amount),
        "f": trade.id,
        "l": trade.id,
        "T": exchange.clock.to_wall(trade.at_ms),
        "m": trade.is_buyer_maker,
        "M": True,
    }


def _asked_trades(request: Request, market: Market, limit: int) -> list[PublicTrade] | Iterator[PublicTrade]:
    exchange, params = request.exchange, request.params
    if params.has("fromId"):
        return public_trades.from_id(exchange, market, params.required_int("fromId"), limit)
    start_ms, end_ms = optional_time(request, "startTime"), optional_time(request, "endTime")
    if start_ms is None:
        return public_trades.latest(exchange, market, limit)
    first = public_trades.trade_id_at(exchange.clock.to_market(start_ms) - 1) + 1
    found = public_trades.from_id(exchange, market, first, limit)
    return [trade for trade in found if end_ms is None or exchange.clock.to_wall(trade.at_ms) <= end_ms]


def _kline(market: Market, bar: Bar, close_ms: int) -> list[object]:
    quote_volume = bar.volume * (bar.open + bar.high + bar.low + bar.close) / 4
    prices = [fixed8(market.to_price(value)) for value in (bar.open, bar.high, bar.low, bar.close)]
    return [
        bar.open_ms,
        *prices,
        f"{bar.volume:.8f}",
        close_ms,
        f"{quote_volume:.8f}",
        max(1, (close_ms - bar.open_ms) // public_trades.EVERY_MS),
        f"{bar.volume * 0.5:.8f}",
        f"{quote_volume * 0.5:.8f}",
        "0",
    ]


@lru_cache(maxsize=4096)
def _symbol(market: Market) -> Json:
    return {
        "symbol": market.id,
        "status": "TRADING",
        "baseAsset": market.base,
        "baseAssetPrecision": 8,
        "quoteAsset": market.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ORDER_TYPES,
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": market.index < 100,
        "filters": _filters(market),
        "permissions": [],
        "permissionSets": [["SPOT", *(["MARGIN"] if market.index < 100 else []), "TRD_GRP_004"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def _filters(market: Market) -> list[Json]:
    tick, step = fixed8(market.tick), fixed8(market.step)
    up, down = f"{market.highest_factor.normalize():f}", f"{market.lowest_factor.normalize():f}"
    most = fixed8(market.max_amount)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": fixed8(Decimal(10) ** 9), "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": fixed8(market.min_amount), "maxQty": most, "stepSize": step},
        {"filterType": "ICEBERG_PARTS", "limit": 10},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": most, "stepSize": "0.00000000"},
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": up,
            "bidMultiplierDown": down,
            "askMultiplierUp": up,
            "askMultiplierDown": down,
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": fixed8(market.min_notional),
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
    ]
