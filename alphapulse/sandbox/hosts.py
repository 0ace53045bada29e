"""The hosts the sandbox answers for. Whoever adds an exchange adds its lines here."""

from alphapulse.sandbox.binance.absent import options_host
from alphapulse.sandbox.binance.coin_futures import coin_futures_host
from alphapulse.sandbox.binance.futures import futures_budget, futures_host
from alphapulse.sandbox.binance.spot import spot_host
from alphapulse.sandbox.bybit.host import BybitV5
from alphapulse.sandbox.engine import Engine
from alphapulse.sandbox.wire import Host


def hosts(engine: Engine) -> dict[str, Host]:
    """Original host name -> its face. `http://sandbox/<original-host>/<original-path>` leads there."""
    binance, futures_weights = engine.exchanges["binance"], futures_budget(engine.config)
    found: dict[str, Host] = {
        "api.bybit.com": BybitV5(engine.exchanges["bybit"]),
        "dapi.binance.com": coin_futures_host(binance, futures_weights),
        "fapi.binance.com": futures_host(binance, engine.config, futures_weights),
        "eapi.binance.com": options_host(binance, engine.config),
    }
    spot = spot_host(binance, engine.config)
    found |= dict.fromkeys(("api.binance.com", "api1.binance.com", "api2.binance.com", "api3.binance.com"), spot)
    return found
