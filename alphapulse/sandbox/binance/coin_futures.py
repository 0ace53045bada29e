"""Binance COIN-M futures (dapi.binance.com): USD-M's paths and handlers, for contracts that are settled in the coin."""

from alphapulse.sandbox.binance import (
    coin_account,
    coin_market,
    futures_algo,
    futures_candles,
    futures_history,
    futures_market,
    futures_orders,
    futures_settings,
)
from alphapulse.sandbox.binance.futures_checks import ERRORS
from alphapulse.sandbox.binance.protocol import BinanceHost, Endpoint, Handle, Pool, Security, Weight, by_symbol
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.limits import MINUTE_MS, IpBudget, Windows
from alphapulse.sandbox.markets import MarketKind

_WALLET = "delivery"


def _private(handle: Handle, weight: Weight) -> Endpoint:
    return Endpoint(handle, weight, Security.SIGNED, _WALLET)


def _trading(handle: Handle, weight: Weight = 1, *, orders: int = 0) -> Endpoint:
    return Endpoint(handle, weight, Security.SIGNED, _WALLET, trades=True, orders=orders)


_ENDPOINTS = {
    ("GET", "ping"): Endpoint(futures_market.ping),
    ("GET", "time"): Endpoint(futures_market.server_time),
    ("GET", "exchangeInfo"): Endpoint(coin_market.exchange_info),
    ("GET", "ticker/24hr"): Endpoint(coin_market.ticker_24h, by_symbol(1, 40)),
    ("GET", "ticker/price"): Endpoint(coin_market.ticker_price, by_symbol(1, 2)),
    ("GET", "ticker/bookTicker"): Endpoint(coin_market.ticker_book, by_symbol(2, 5)),
    ("GET", "premiumIndex"): Endpoint(coin_market.premium_index, 10),
    ("GET", "klines"): Endpoint(futures_candles.coin_klines, futures_candles.WEIGHT),
    ("GET", "account"): _private(coin_account.account, 5),
    ("GET", "balance"): _private(coin_account.balance, 1),
    ("GET", "positionRisk"): _private(coin_account.position_risk, 1),
    ("GET", "leverageBracket"): _private(coin_account.leverage_brackets, 1),
    ("GET", "positionSide/dual"): _private(futures_settings.position_mode, 30),
    ("GET", "openOrders"): _private(futures_orders.open_orders, by_symbol(1, 40)),
    ("GET", "openOrder"): _private(futures_orders.query_open, 1),
    ("GET", "order"): _private(futures_orders.query, 1),
    ("GET", "allOrders"): _private(futures_orders.all_orders, 20),
    ("GET", "openAlgoOrders"): _private(futures_algo.open_orders, by_symbol(1, 40)),
    ("GET", "algoOrder"): _private(futures_algo.query, 1),
    ("GET", "allAlgoOrders"): _private(futures_algo.all_orders, 5),
    ("GET", "userTrades"): _private(futures_history.user_trades, by_symbol(20, 40)),
    ("GET", "income"): _private(futures_history.income, 20),
    ("POST", "order"): _trading(futures_orders.place, 0, orders=1),
    ("DELETE", "order"): _trading(futures_orders.cancel),
    ("DELETE", "allOpenOrders"): _trading(futures_orders.cancel_all),
    ("POST", "algoOrder"): _trading(futures_algo.place, 0, orders=1),
    ("DELETE", "algoOrder"): _trading(futures_algo.cancel),
    ("POST", "positionSide/dual"): _trading(futures_settings.set_position_mode),
    ("POST", "leverage"): _trading(futures_settings.set_leverage),
    ("POST", "marginType"): _trading(futures_settings.set_margin_type),
}


def coin_futures_host(exchange: Exchange, budget: IpBudget) -> BinanceHost:
    """`budget` is the one of USD-M: they share it."""
    endpoints = {(method, f"/dapi/v1/{path}"): endpoint for (method, path), endpoint in _ENDPOINTS.items()}
    endpoints["GET", "/dapi/v2/leverageBracket"] = _private(coin_account.leverage_brackets, 1)
    return BinanceHost(
        exchange=exchange,
        endpoints=endpoints,
        errors=ERRORS,
        pools=[Pool("/dapi/", budget)],
        order_windows={"1M": Windows(MINUTE_MS, 1200)},
        kind=MarketKind.INVERSE,
    )
