"""Binance USD-M futures (fapi.binance.com): which path leads where, and what it costs."""

from collections.abc import Mapping

from alphapulse.sandbox.binance import (
    futures_account,
    futures_algo,
    futures_candles,
    futures_funding,
    futures_history,
    futures_market,
    futures_orders,
    futures_settings,
)
from alphapulse.sandbox.binance.futures_asked import WALLET
from alphapulse.sandbox.binance.futures_checks import ERRORS
from alphapulse.sandbox.binance.protocol import (
    BinanceHost,
    Endpoint,
    Handle,
    Pool,
    Security,
    Weight,
    by_limit,
    by_symbol,
)
from alphapulse.sandbox.config import SandboxConfig
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.limits import MINUTE_MS, SECOND_MS, IpBudget, Windows
from alphapulse.sandbox.markets import MarketKind

_SPOT_LIMIT, _FUTURES_LIMIT = 6000, 2400
_DATA_LIMIT = 1000  # requests to /futures/data in five minutes

Params = Mapping[str, str]


_DEPTH = by_limit(500, (50, 2), (100, 5), (500, 10), beyond=20)


def _private(handle: Handle, weight: Weight) -> Endpoint:
    return Endpoint(handle, weight, Security.SIGNED, WALLET)


def _trading(handle: Handle, weight: Weight = 1, *, orders: int = 0) -> Endpoint:
    return Endpoint(handle, weight, Security.SIGNED, WALLET, trades=True, orders=orders)


_PUBLIC = {
    "/fapi/v1/ping": Endpoint(futures_market.ping),
    "/fapi/v1/time": Endpoint(futures_market.server_time),
    "/fapi/v1/exchangeInfo": Endpoint(futures_market.exchange_info),
    "/fapi/v1/ticker/24hr": Endpoint(futures_market.ticker_24h, by_symbol(1, 40)),
    "/fapi/v1/ticker/price": Endpoint(futures_market.ticker_price, by_symbol(1, 2)),
    "/fapi/v2/ticker/price": Endpoint(futures_market.ticker_price, by_symbol(1, 2)),
    "/fapi/v1/ticker/bookTicker": Endpoint(futures_market.ticker_book, by_symbol(2, 5)),
    "/fapi/v1/depth": Endpoint(futures_market.depth, _DEPTH),
    "/fapi/v1/rpiDepth": Endpoint(futures_market.depth, 20),
    "/fapi/v1/trades": Endpoint(futures_market.trades, 5),
    "/fapi/v1/historicalTrades": Endpoint(futures_market.trades, 20, Security.KEY, WALLET),
    "/fapi/v1/aggTrades": Endpoint(futures_market.agg_trades, 20),
    "/fapi/v1/klines": Endpoint(futures_candles.klines, futures_candles.WEIGHT),
    "/fapi/v1/continuousKlines": Endpoint(futures_candles.continuous_klines, futures_candles.WEIGHT),
    "/fapi/v1/markPriceKlines": Endpoint(futures_candles.mark_klines, futures_candles.WEIGHT),
    "/fapi/v1/indexPriceKlines": Endpoint(futures_candles.index_klines, futures_candles.WEIGHT),
    "/fapi/v1/premiumIndexKlines": Endpoint(futures_candles.premium_klines, futures_candles.WEIGHT),
    "/fapi/v1/premiumIndex": Endpoint(futures_funding.premium_index, by_symbol(1, 10)),
    "/fapi/v1/fundingRate": Endpoint(futures_funding.funding_rates),
    "/fapi/v1/fundingInfo": Endpoint(futures_funding.funding_info),
    "/fapi/v1/openInterest": Endpoint(futures_funding.open_interest),
    "/futures/data/openInterestHist": Endpoint(futures_funding.open_interest_history),
    "/futures/data/globalLongShortAccountRatio": Endpoint(futures_funding.long_short_ratio),
}
_READING = {
    "/fapi/v2/account": _private(futures_account.account_v2, 5),
    "/fapi/v3/account": _private(futures_account.account_v3, 5),
    "/fapi/v2/balance": _private(futures_account.balance, 5),
    "/fapi/v3/balance": _private(futures_account.balance, 5),
    "/fapi/v2/positionRisk": _private(futures_account.position_risk_v2, 5),
    "/fapi/v3/positionRisk": _private(futures_account.position_risk_v3, 5),
    "/fapi/v1/adlQuantile": _private(futures_account.adl_quantile, 5),
    "/fapi/v1/leverageBracket": _private(futures_settings.leverage_brackets, 1),
    "/fapi/v1/commissionRate": _private(futures_settings.commission_rate, 20),
    "/fapi/v1/accountConfig": _private(futures_settings.account_config, 5),
    "/fapi/v1/symbolConfig": _private(futures_settings.symbol_config, 5),
    "/fapi/v1/positionSide/dual": _private(futures_settings.position_mode, 30),
    "/fapi/v1/multiAssetsMargin": _private(futures_settings.multi_assets_mode, 30),
    "/fapi/v1/openOrders": _private(futures_orders.open_orders, by_symbol(1, 40)),
    "/fapi/v1/openOrder": _private(futures_orders.query_open, 1),
    "/fapi/v1/order": _private(futures_orders.query, 1),
    "/fapi/v1/allOrders": _private(futures_orders.all_orders, 5),
    "/fapi/v1/openAlgoOrders": _private(futures_algo.open_orders, by_symbol(1, 40)),
    "/fapi/v1/algoOrder": _private(futures_algo.query, 1),
    "/fapi/v1/allAlgoOrders": _private(futures_algo.all_orders, 5),
    "/fapi/v1/userTrades": _private(futures_history.user_trades, 5),
    "/fapi/v1/income": _private(futures_history.income, 30),
    "/fapi/v1/forceOrders": _private(futures_history.nothing, by_symbol(20, 50)),
    "/fapi/v1/rateLimit/order": _private(futures_history.order_limits, 1),
}
_TRADING = {
    ("POST", "/fapi/v1/order"): _trading(futures_orders.place, 0, orders=1),
    ("PUT", "/fapi/v1/order"): _trading(futures_orders.change, orders=1),
    ("DELETE", "/fapi/v1/order"): _trading(futures_orders.cancel),
    ("POST", "/fapi/v1/order/test"): _trading(futures_orders.try_out, 0),
    ("DELETE", "/fapi/v1/allOpenOrders"): _trading(futures_orders.cancel_all),
    ("POST", "/fapi/v1/batchOrders"): _trading(futures_orders.place_batch, 5, orders=5),
    ("PUT", "/fapi/v1/batchOrders"): _trading(futures_orders.change_batch, 5, orders=5),
    ("DELETE", "/fapi/v1/batchOrders"): _trading(futures_orders.cancel_batch),
    ("POST", "/fapi/v1/algoOrder"): _trading(futures_algo.place, 0, orders=1),
    ("DELETE", "/fapi/v1/algoOrder"): _trading(futures_algo.cancel),
    ("DELETE", "/fapi/v1/algoOpenOrders"): _trading(futures_algo.cancel_all),
    ("POST", "/fapi/v1/positionSide/dual"): _trading(futures_settings.set_position_mode),
    ("POST", "/fapi/v1/multiAssetsMargin"): _trading(futures_settings.set_multi_assets_mode),
    ("POST", "/fapi/v1/leverage"): _trading(futures_settings.set_leverage),
    ("POST", "/fapi/v1/marginType"): _trading(futures_settings.set_margin_type),
    ("POST", "/fapi/v1/positionMargin"): _trading(futures_settings.change_position_margin),
}


def futures_budget(config: SandboxConfig) -> IpBudget:
    """One for USD-M and COIN-M together, as it is since June 2026."""
    return ip_budget(config, config.weight_limit * _FUTURES_LIMIT // _SPOT_LIMIT)


def futures_host(exchange: Exchange, config: SandboxConfig, budget: IpBudget | None = None) -> BinanceHost:
    return BinanceHost(
        exchange=exchange,
        endpoints={("GET", path): endpoint for path, endpoint in (_PUBLIC | _READING).items()} | _TRADING,
        errors=ERRORS,
        pools=[
            Pool("/fapi/", budget or futures_budget(config)),
            Pool("/futures/data/", ip_budget(config, _DATA_LIMIT, window_ms=5 * MINUTE_MS), header="X-Used-Weight-5M"),
        ],
        order_windows={"10S": Windows(10 * SECOND_MS, 300), "1M": Windows(MINUTE_MS, 1200)},
        kind=MarketKind.LINEAR,
    )


def ip_budget(config: SandboxConfig, limit: int, *, window_ms: int = MINUTE_MS) -> IpBudget:
    first_ban_ms = config.first_ban_s * SECOND_MS
    return IpBudget(limit=limit, window_ms=window_ms, patience=config.patience, first_ban_ms=first_ban_ms)
