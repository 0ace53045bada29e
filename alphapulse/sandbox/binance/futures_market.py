"""USD-M's public prices: exchange information, tickers, book, trades."""

from collections.abc import Callable, Iterable
from decimal import Decimal

from alphapulse.sandbox import public_trades
from alphapulse.sandbox.binance import futures_contracts as contract
from alphapulse.sandbox.binance.futures_asked import Json, asked_markets, market_of, time_of
from alphapulse.sandbox.binance.params import BinanceError
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.clock import DAY_MS
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.markets import Market
from alphapulse.sandbox.public_trades import PublicTrade

ORDER_TYPES = ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"]
DEPTHS = (5, 10, 20, 50, 100, 500, 1000)
ONBOARD_MS = 1_569_398_400_000
PERPETUAL_MS = 4_133_404_800_000  # what Binance gives a contract that is never delivered
# Each with the level of debt below which multi-assets mode would exchange other coins for it.
MARGIN_ASSETS = {"USDT": "-10000", "USDC": "-10000", "BTC": "-0.10000000", "ETH": "-5", "BNB": "-10", "FDUSD": "0"}


def ping(_request: Request) -> Json:
    return {}


def server_time(request: Request) -> Json:
    return {"serverTime": request.now_ms}


def exchange_info(request: Request) -> Json:
    return {
        "timezone": "UTC",
        "serverTime": request.now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": rate_limits(),
        "exchangeFilters": [],
        "assets": [
            {"asset": code, "marginAvailable": True, "autoAssetExchange": level}
            for code, level in MARGIN_ASSETS.items()
        ],
        "symbols": [_symbol(market, request.exchange.clock.market_ms()) for market in asked_markets(request)],
    }


def rate_limits() -> list[Json]:
    return [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
        {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
    ]


def ticker_24h(request: Request) -> object:
    return _one_or_many(request, day_row)


def ticker_price(request: Request) -> object:
    return _one_or_many(request, price_row)


def ticker_book(request: Request) -> object:
    return _one_or_many(request, book_row)


def depth(request: Request) -> Json:
    market = market_of(request)
    levels = request.params.integer("limit", 500)
    if levels not in DEPTHS:
        raise BinanceError(-4021, f"'{levels}' is not valid depth limit.")
    book = request.exchange.book(market)
    return {
        "lastUpdateId": request.exchange.clock.market_ms() // 100,
        "E": request.now_ms,
        "T": request.now_ms,
        "bids": [
            [contract.in_price(market, level.price), contract.in_amount(market, level.amount)]
            for level in book.bids(levels)
        ],
        "asks": [
            [contract.in_price(market, level.price), contract.in_amount(market, level.amount)]
            for level in book.asks(levels)
        ],
    }


def trades(request: Request) -> list[Json]:
    market, limit = market_of(request), request.params.integer("limit", 500, most=1000)
    found: Iterable[PublicTrade] = public_trades.latest(request.exchange, market, limit)
    if request.params.has("fromId"):
        found = public_trades.from_id(request.exchange, market, request.params.required_int("fromId"), limit)
    return [_trade(request.exchange, market, trade) for trade in found]


def agg_trades(request: Request) -> list[Json]:
    market, limit = market_of(request), request.params.integer("limit", 500, most=1000)
    return [_agg_trade(request.exchange, market, trade) for trade in _asked_trades(request, market, limit)]


def _one_or_many(request: Request, told: Callable[[Exchange, Market, int], Json]) -> object:
    rows = [told(request.exchange, market, request.now_ms) for market in asked_markets(request)]
    return rows[0] if request.params.has("symbol") else rows


def price_row(exchange: Exchange, market: Market, now_ms: int) -> Json:
    return {"symbol": market.id, "price": contract.in_price(market, exchange.last(market)), "time": now_ms}


def book_row(exchange: Exchange, market: Market, now_ms: int) -> Json:
    top = exchange.book(market).top()
    return {
        "symbol": market.id,
        "bidPrice": contract.in_price(market, top.bid.price),
        "bidQty": contract.in_amount(market, top.bid.amount),
        "askPrice": contract.in_price(market, top.ask.price),
        "askQty": contract.in_amount(market, top.ask.amount),
        "time": now_ms,
        "lastUpdateId": exchange.clock.market_ms() // 100,
    }


def day_row(exchange: Exchange, market: Market, now_ms: int) -> Json:
    day = exchange.day(market)
    last, opened = market.to_price(day.last), market.to_price(day.open)
    last_trade, count = public_trades.trade_id_at(exchange.clock.market_ms()), DAY_MS // public_trades.EVERY_MS
    return {
        "symbol": market.id,
        "priceChange": contract.in_price(market, last - opened),
        "priceChangePercent": f"{(last - opened) / opened * 100:.3f}",
        "weightedAvgPrice": f"{(day.high + day.low + day.last) / 3:.{market.price_digits}f}",
        "lastPrice": contract.in_price(market, last),
        "lastQty": contract.in_amount(market, market.step * 100),
        "openPrice": contract.in_price(market, opened),
        "highPrice": contract.in_price(market, market.to_price(day.high)),
        "lowPrice": contract.in_price(market, market.to_price(day.low)),
        "volume": f"{day.volume:.{market.amount_digits}f}",
        "quoteVolume": f"{day.quote_volume:.2f}",
        "openTime": now_ms - DAY_MS,
        "closeTime": now_ms,
        "firstId": last_trade - count + 1,
        "lastId": last_trade,
        "count": count,
    }


def _trade(exchange: Exchange, market: Market, trade: PublicTrade) -> Json:
    return {
        "id": trade.id,
        "price": contract.in_price(market, trade.price),
        "qty": contract.in_amount(market, trade.amount),
        "quoteQty": f"{trade.price * trade.amount:.2f}",
        "time": exchange.clock.to_wall(trade.at_ms),
        "isBuyerMaker": trade.is_buyer_maker,
    }


def _agg_trade(exchange: Exchange, market: Market, trade: PublicTrade) -> Json:
    return {
        "a": trade.id,
        "p": contract.in_price(market, trade.price),
        "q": contract.in_amount(market, trade.amount),
        "f": trade.id,
        "l": trade.id,
        "T": exchange.clock.to_wall(trade.at_ms),
        "m": trade.is_buyer_maker,
    }


def _asked_trades(request: Request, market: Market, limit: int) -> Iterable[PublicTrade]:
    exchange = request.exchange
    if request.params.has("fromId"):
        return public_trades.from_id(exchange, market, request.params.required_int("fromId"), limit)
    start_ms, end_ms = time_of(request, "startTime"), time_of(request, "endTime")
    if start_ms is None:
        return public_trades.latest(exchange, market, limit)
    first = public_trades.trade_id_at(exchange.clock.to_market(start_ms) - 1) + 1
    found = public_trades.from_id(exchange, market, first, limit)
    return [trade for trade in found if end_ms is None or exchange.clock.to_wall(trade.at_ms) <= end_ms]


def _symbol(market: Market, market_ms: int) -> Json:
    return {
        "symbol": market.id,
        "pair": f"{market.base}{market.quote}",
        "contractType": contract.contract_type(market, market_ms),
        "deliveryDate": market.delivery_ms or PERPETUAL_MS,
        "onboardDate": ONBOARD_MS,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": market.base,
        "quoteAsset": market.quote,
        "marginAsset": market.settle,
        "pricePrecision": contract.price_precision(market),
        "quantityPrecision": market.amount_digits,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"] if market.base == "BTC" else ["Layer-1"],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": _filters(market),
        "orderTypes": ORDER_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        "permissionSets": ["GRID", "COPY"],
    }


def _filters(market: Market) -> list[Json]:
    tick, step = contract.in_price(market, market.tick), contract.in_amount(market, market.step)
    smallest, largest = contract.in_amount(market, market.min_amount), contract.in_amount(market, market.max_amount)
    at_market = contract.in_amount(market, contract.max_market_amount(market))
    highest = contract.in_price(market, Decimal(10) ** 6 * market.tick * 1000)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": highest, "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": smallest, "maxQty": largest, "stepSize": step},
        {"filterType": "MARKET_LOT_SIZE", "minQty": smallest, "maxQty": at_market, "stepSize": step},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
        {"filterType": "MIN_NOTIONAL", "notional": f"{market.min_notional:f}"},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": f"{contract.MULTIPLIER_UP:.4f}",
            "multiplierDown": f"{contract.MULTIPLIER_DOWN:.4f}",
            "multiplierDecimal": "4",
        },
        {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
    ]
