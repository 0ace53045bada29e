"""Binance spot and `sapi` (api.binance.com): which path leads where, and what it costs."""

from collections.abc import Mapping

from alphapulse.sandbox.binance import (
    deposits,
    earn,
    ledger,
    margin_account,
    spot_account,
    spot_market,
    spot_orders,
    transfers,
)
from alphapulse.sandbox.binance.protocol import BinanceHost, Endpoint, Handle, Pool, Security, Weight
from alphapulse.sandbox.clock import DAY_MS
from alphapulse.sandbox.config import SandboxConfig
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.limits import SECOND_MS, IpBudget, Windows

Params = Mapping[str, str]


def _by_symbol(one: int, every: int) -> Weight:
    return lambda params: one if params.get("symbol") else every


def _day_ticker_weight(params: Params) -> int:
    if params.get("symbol"):
        return 2
    if not params.get("symbols"):
        return 80
    count = params["symbols"].count(",") + 1
    return 2 if count <= 20 else 40 if count <= 100 else 80


def _depth_weight(params: Params) -> int:
    limit = int(params["limit"]) if params.get("limit", "").isdigit() else 100
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250


def _private(handle: Handle, weight: Weight, *, wallet: str = "spot") -> Endpoint:
    return Endpoint(handle, weight, Security.SIGNED, wallet)


def _by_uid(handle: Handle, weight: Weight) -> Endpoint:
    return Endpoint(handle, weight, Security.SIGNED, "spot", by_uid=True)


def _trading(handle: Handle, *, orders: int = 0, weight: int = 1, wallet: str = "spot") -> Endpoint:
    return Endpoint(handle, weight, Security.SIGNED, wallet, trades=True, orders=orders)


_PUBLIC = {
    "ping": Endpoint(spot_market.ping),
    "time": Endpoint(spot_market.server_time),
    "ticker/24hr": Endpoint(spot_market.ticker_24h, _day_ticker_weight),
    "ticker/tradingDay": Endpoint(spot_market.ticker_24h, 4),
    "ticker/price": Endpoint(spot_market.ticker_price, _by_symbol(2, 4)),
    "ticker/bookTicker": Endpoint(spot_market.ticker_book, _by_symbol(2, 4)),
    "ticker": Endpoint(spot_market.ticker_24h, 4),
    "avgPrice": Endpoint(spot_market.average_price, 2),
    "depth": Endpoint(spot_market.depth, _depth_weight),
    "trades": Endpoint(spot_market.trades, 25),
    "aggTrades": Endpoint(spot_market.agg_trades, 4),
    "historicalTrades": Endpoint(spot_market.historical_trades, 25, Security.KEY, "spot"),
    "klines": Endpoint(spot_market.klines, 2),
    "uiKlines": Endpoint(spot_market.klines, 2),
}
_TRADING = {
    ("GET", "account"): _private(spot_account.account, 20),
    ("GET", "rateLimit/order"): _private(spot_account.order_limits, 40),
    ("GET", "openOrders"): _private(spot_orders.open_orders, _by_symbol(6, 80)),
    ("GET", "allOrders"): _private(spot_orders.all_orders, 20),
    ("GET", "order"): _private(spot_orders.query, 4),
    ("GET", "myTrades"): _private(spot_orders.my_trades, lambda params: 5 if params.get("orderId") else 20),
    ("GET", "allOrderList"): _private(spot_orders.nothing, 20),
    ("GET", "openOrderList"): _private(spot_orders.nothing, 6),
    ("GET", "myPreventedMatches"): _private(spot_orders.nothing, 20),
    ("POST", "order"): _trading(spot_orders.place, orders=1),
    ("POST", "order/test"): _trading(spot_orders.try_out),
    ("DELETE", "order"): _trading(spot_orders.cancel),
    ("DELETE", "openOrders"): _trading(spot_orders.cancel_all),
    ("POST", "order/cancelReplace"): _trading(spot_orders.cancel_replace, orders=1),
}
_SAPI = {
    ("GET", "v1/system/status"): Endpoint(spot_account.system_status),
    ("GET", "v1/capital/config/getall"): _private(spot_account.coins, 10),
    ("GET", "v1/capital/deposit/hisrec"): _private(deposits.deposits, 1),
    ("GET", "v1/capital/withdraw/history"): _by_uid(deposits.withdrawals, 18_000),
    ("GET", "v1/margin/allPairs"): Endpoint(spot_account.margin_pairs, 1, Security.KEY),
    ("GET", "v1/margin/isolated/allPairs"): Endpoint(spot_account.margin_pairs, 10, Security.KEY),
    ("GET", "v1/margin/account"): _private(margin_account.account, 10, wallet="margin"),
    ("GET", "v1/margin/isolated/account"): _private(spot_account.isolated_account, 10, wallet="margin"),
    ("GET", "v1/margin/openOrders"): _private(spot_orders.open_orders, 10, wallet="margin"),
    ("GET", "v1/margin/order"): _private(spot_orders.query, 10, wallet="margin"),
    ("POST", "v1/margin/order"): _trading(spot_orders.place, orders=1, weight=6, wallet="margin"),
    ("DELETE", "v1/margin/order"): _trading(spot_orders.cancel, weight=10, wallet="margin"),
    ("GET", "v1/margin/allOrders"): _private(spot_orders.all_orders, 200, wallet="margin"),
    ("GET", "v1/margin/myTrades"): _private(spot_orders.my_trades, 10, wallet="margin"),
    ("GET", "v1/margin/interestHistory"): _private(ledger.interest, 1, wallet="margin"),
    ("GET", "v1/margin/borrow-repay"): _private(spot_account.no_rows, 10, wallet="margin"),
    ("POST", "v1/asset/get-funding-asset"): _private(spot_account.funding_assets, 1, wallet="funding"),
    ("POST", "v3/asset/getUserAsset"): _private(spot_account.user_assets, 5),
    ("GET", "v1/asset/wallet/balance"): _private(spot_account.wallet_balances, 60),
    ("GET", "v1/asset/tradeFee"): _private(spot_account.commission, 1),
    ("GET", "v1/asset/assetDividend"): _private(ledger.dividends, 10),
    ("GET", "v1/asset/dribblet"): _private(ledger.dust, 1),
    ("POST", "v1/asset/transfer"): _trading(transfers.transfer, weight=900),
    ("GET", "v1/asset/transfer"): _private(transfers.transfers, 1),
    ("GET", "v1/account/apiRestrictions"): _private(spot_account.api_restrictions, 1, wallet=""),
    ("GET", "v1/account/status"): _private(spot_account.account_status, 1),
    ("GET", "v1/account/apiTradingStatus"): _private(spot_account.trading_status, 1),
    ("GET", "v1/account/info"): _private(spot_account.account_info, 1),
    ("GET", "v1/simple-earn/flexible/position"): _private(earn.flexible, 150, wallet="earn"),
    ("GET", "v1/simple-earn/locked/position"): _private(earn.locked, 150, wallet="earn"),
    ("GET", "v1/simple-earn/flexible/history/rewardsRecord"): _private(ledger.flexible_rewards, 150, wallet="earn"),
    ("GET", "v1/simple-earn/locked/history/rewardsRecord"): _private(ledger.locked_rewards, 150, wallet="earn"),
    ("GET", "v1/rebate/taxQuery"): _by_uid(ledger.rebates, 12_000),
    ("GET", "v1/convert/tradeFlow"): _by_uid(ledger.converts, 3000),
    ("GET", "v1/fiat/orders"): _by_uid(ledger.fiat_orders, 90_000),
    ("GET", "v1/fiat/payments"): _private(ledger.fiat_payments, 1),
}


def endpoints(weight_limit: int) -> dict[tuple[str, str], Endpoint]:
    info = Endpoint(lambda request: spot_market.exchange_info(request, weight_limit), 20)
    table = {("GET", "/api/v3/exchangeInfo"): info} | {
        ("GET", f"/api/v3/{path}"): endpoint for path, endpoint in _PUBLIC.items()
    }
    table |= {(method, f"/api/v3/{path}"): endpoint for (method, path), endpoint in _TRADING.items()}
    return table | {(method, f"/sapi/{path}"): endpoint for (method, path), endpoint in _SAPI.items()}


def spot_host(exchange: Exchange, config: SandboxConfig) -> BinanceHost:
    return BinanceHost(
        exchange=exchange,
        endpoints=endpoints(config.weight_limit),
        errors=spot_orders.ERRORS,
        pools=[
            Pool("/api/", ip_budget(config, 1.0)),
            Pool("/sapi/", ip_budget(config, 2.0), header="X-SAPI-USED-IP-WEIGHT-1M"),
            Pool("/sapi/", ip_budget(config, 30.0), header="X-SAPI-USED-UID-WEIGHT-1M", by_uid=True),
        ],
        order_windows={"10S": Windows(10 * SECOND_MS, 100), "1D": Windows(DAY_MS, 200_000)},
    )


def ip_budget(config: SandboxConfig, share: float) -> IpBudget:
    """A pool whose limit is this share of the configured one (6,000 for spot)."""
    return IpBudget(
        limit=int(config.weight_limit * share), patience=config.patience, first_ban_ms=config.first_ban_s * SECOND_MS
    )
