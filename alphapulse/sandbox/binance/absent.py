"""A host that ccxt asks on its way although the sandbox trades nothing there: options, empty."""

from alphapulse.sandbox.binance import spot_market
from alphapulse.sandbox.binance.protocol import BinanceHost, Endpoint, Pool, Request
from alphapulse.sandbox.binance.spot import ip_budget
from alphapulse.sandbox.binance.spot_orders import ERRORS
from alphapulse.sandbox.config import SandboxConfig
from alphapulse.sandbox.exchange import Exchange

Json = dict[str, object]


def options_host(exchange: Exchange, config: SandboxConfig) -> BinanceHost:
    paths = {
        ("GET", "/eapi/v1/ping"): Endpoint(spot_market.ping),
        ("GET", "/eapi/v1/time"): Endpoint(spot_market.server_time),
        ("GET", "/eapi/v1/exchangeInfo"): Endpoint(_options_info),
        ("GET", "/eapi/v1/ticker"): Endpoint(_nothing, 5),
    }
    return BinanceHost(exchange, paths, ERRORS, [Pool("/", ip_budget(config, 0.06))])


def _options_info(request: Request) -> Json:
    return {
        "timezone": "UTC",
        "serverTime": request.now_ms,
        "optionContracts": [],
        "optionAssets": [],
        "optionSymbols": [],
        "rateLimits": [],
    }


def _nothing(_request: Request) -> list[Json]:
    return []
