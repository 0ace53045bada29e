"""COIN-M's public prices: exchange information, tickers, mark prices. Always lists, of one contract too."""

from collections.abc import Callable

from alphapulse.sandbox.binance import futures_contracts as contract
from alphapulse.sandbox.binance import futures_funding, futures_market
from alphapulse.sandbox.binance.futures_asked import Json, asked_markets
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.markets import Market


def exchange_info(request: Request) -> Json:
    market_ms = request.exchange.clock.market_ms()
    return {
        "timezone": "UTC",
        "serverTime": request.now_ms,
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
            {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
        ],
        "exchangeFilters": [],
        "symbols": [_symbol(market, market_ms) for market in asked_markets(request)],
    }


def ticker_24h(request: Request) -> list[Json]:
    return [_day_ticker(request, market) for market in asked_markets(request)]


def ticker_price(request: Request) -> list[Json]:
    return _paired(request, futures_market.price_row, "ps")


def ticker_book(request: Request) -> list[Json]:
    return _paired(request, futures_market.book_row, "pair")


def premium_index(request: Request) -> list[Json]:
    return _paired(request, futures_funding.mark_row, "pair")


def _paired(request: Request, told: Callable[[Exchange, Market, int], Json], name: str) -> list[Json]:
    """USD-M's rows, with the pair that a contract belongs to."""
    exchange, now_ms = request.exchange, request.now_ms
    return [told(exchange, market, now_ms) | {name: pair(market)} for market in asked_markets(request)]


def pair(market: Market) -> str:
    return f"{market.base}{market.quote}"


def _day_ticker(request: Request, market: Market) -> Json:
    """The volume is in contracts, the base volume in the coin."""
    day = request.exchange.day(market)
    row = futures_market.day_row(request.exchange, market, request.now_ms)
    del row["quoteVolume"]
    volume = day.quote_volume / float(market.contract_size)
    return row | {"pair": pair(market), "volume": f"{volume:.0f}", "baseVolume": f"{day.volume:.8f}"}


def _symbol(market: Market, market_ms: int) -> Json:
    tick, most = contract.in_price(market, market.tick), contract.in_amount(market, market.max_amount)
    return {
        "symbol": market.id,
        "pair": pair(market),
        "contractType": contract.contract_type(market, market_ms),
        "deliveryDate": market.delivery_ms or futures_market.PERPETUAL_MS,
        "onboardDate": futures_market.ONBOARD_MS,
        "contractStatus": "TRADING",
        "contractSize": int(market.contract_size),
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": market.base,
        "quoteAsset": market.quote,
        "marginAsset": market.settle,
        "pricePrecision": contract.price_precision(market),
        "quantityPrecision": market.amount_digits,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "equalQtyPrecision": 4,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.015000",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "4520958", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": "1", "maxQty": most, "stepSize": "1"},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "1", "maxQty": "60000", "stepSize": "1"},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 20},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": f"{contract.MULTIPLIER_UP:.4f}",
                "multiplierDown": f"{contract.MULTIPLIER_DOWN:.4f}",
                "multiplierDecimal": "4",
            },
        ],
        "orderTypes": futures_market.ORDER_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }
