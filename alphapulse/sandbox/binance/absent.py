"""Hosts that ccxt asks on its way although the sandbox trades nothing there: COIN-M futures and options, empty."""

from alphapulse.sandbox.binance import spot_market
from alphapulse.sandbox.binance.protocol import BinanceHost, Endpoint, Pool, Request, Security
from alphapulse.sandbox.binance.spot import ip_budget
from alphapulse.sandbox.binance.spot_orders import ERRORS
from alphapulse.sandbox.config import SandboxConfig
from alphapulse.sandbox.exchange import Exchange

Json = dict[str, object]
_WALLET = "delivery"


def coin_futures_host(exchange: Exchange, config: SandboxConfig) -> BinanceHost:
    paths = {
        ("GET", "/dapi/v1/ping"): Endpoint(spot_market.ping),
        ("GET", "/dapi/v1/time"): Endpoint(spot_market.server_time),
        ("GET", "/dapi/v1/exchangeInfo"): Endpoint(_futures_info),
        ("GET", "/dapi/v1/ticker/24hr"): Endpoint(_nothing, 40),
        ("GET", "/dapi/v1/ticker/price"): Endpoint(_nothing, 2),
        ("GET", "/dapi/v1/ticker/bookTicker"): Endpoint(_nothing, 5),
        ("GET", "/dapi/v1/premiumIndex"): Endpoint(_nothing, 10),
        ("GET", "/dapi/v1/account"): Endpoint(_futures_account, 5, Security.SIGNED, _WALLET),
        ("GET", "/dapi/v1/balance"): Endpoint(_nothing, 1, Security.SIGNED, _WALLET),
        ("GET", "/dapi/v1/positionRisk"): Endpoint(_nothing, 1, Security.SIGNED, _WALLET),
        ("GET", "/dapi/v1/positionSide/dual"): Endpoint(_one_way, 30, Security.SIGNED, _WALLET),
        ("GET", "/dapi/v1/openOrders"): Endpoint(_nothing, 40, Security.SIGNED, _WALLET),
        ("GET", "/dapi/v1/income"): Endpoint(_nothing, 20, Security.SIGNED, _WALLET),
        ("GET", "/dapi/v1/leverageBracket"): Endpoint(_nothing, 1, Security.SIGNED, _WALLET),
        ("GET", "/dapi/v2/leverageBracket"): Endpoint(_nothing, 1, Security.SIGNED, _WALLET),
    }
    return BinanceHost(exchange, paths, ERRORS, [Pool("/", ip_budget(config, 0.4))])


def options_host(exchange: Exchange, config: SandboxConfig) -> BinanceHost:
    paths = {
        ("GET", "/eapi/v1/ping"): Endpoint(spot_market.ping),
        ("GET", "/eapi/v1/time"): Endpoint(spot_market.server_time),
        ("GET", "/eapi/v1/exchangeInfo"): Endpoint(_options_info),
        ("GET", "/eapi/v1/ticker"): Endpoint(_nothing, 5),
    }
    return BinanceHost(exchange, paths, ERRORS, [Pool("/", ip_budget(config, 0.06))])


def _futures_info(request: Request) -> Json:
    now_ms = request.now_ms
    return {"timezone": "UTC", "serverTime": now_ms, "rateLimits": [], "exchangeFilters": [], "symbols": []}


def _options_info(request: Request) -> Json:
    return {
        "timezone": "UTC",
        "serverTime": request.now_ms,
        "optionContracts": [],
        "optionAssets": [],
        "optionSymbols": [],
        "rateLimits": [],
    }


def _futures_account(request: Request) -> Json:
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": False,
        "updateTime": 0,
        "assets": [],
        "positions": [],
    }


def _one_way(_request: Request) -> Json:
    return {"dualSidePosition": False}


def _nothing(_request: Request) -> list[Json]:
    return []
