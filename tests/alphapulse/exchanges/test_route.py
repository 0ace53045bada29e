import pytest

from alphapulse.exchanges.route import NoGateway, Route, rewritten
from alphapulse.types import Environment

URL = "https://api.binance.com/api/v3/account?timestamp=1&signature=a%2Fb"


def route(**given):
    return Route(exchange_id="binance", **{"environment": Environment.SANDBOX, **given})


def test_a_gateway_gets_the_original_host_and_the_untouched_path_and_query():
    sent = rewritten(URL, route(gateway="http://127.0.0.1:9100"))
    assert sent == "http://127.0.0.1:9100/api.binance.com/api/v3/account?timestamp=1&signature=a%2Fb"


def test_a_gateway_with_a_path_and_a_slash_keeps_its_path():
    sent = rewritten("https://api.bybit.com/v5/market/time", route(gateway="https://proxy.example/exchanges/"))
    assert sent == "https://proxy.example/exchanges/api.bybit.com/v5/market/time"


def test_a_live_route_without_a_gateway_leaves_the_address_alone():
    assert rewritten(URL, route(environment=Environment.LIVE)) == URL


def test_a_live_route_with_a_gateway_goes_through_it():
    sent = rewritten(URL, route(environment=Environment.LIVE, gateway="http://gateway"))
    assert sent.startswith("http://gateway/api.binance.com/")


def test_a_sandbox_route_without_a_gateway_refuses_and_names_the_setting():
    with pytest.raises(NoGateway, match="SANDBOX_URL"):
        rewritten(URL, route())


def test_a_proxy_with_its_password_is_not_printed():
    assert "hunter2" not in repr(route(proxy="http://me:hunter2@proxy.example"))


def test_a_route_is_a_key():
    assert {route(gateway="a"): 1}[route(gateway="a")] == 1
