from decimal import Decimal

import pytest

from alphapulse.sandbox.markets import Market, linear_markets, spot_markets
from alphapulse.sandbox.prices import Prices
from tests.alphapulse.sandbox.conftest import NOON_MS

PRICES = Prices(7)


def price_of(market: Market) -> float:
    return PRICES.price(market.base, market.quote, NOON_MS)


@pytest.mark.parametrize("count", [20, 300, 2000])
def test_as_many_markets_as_asked_for_each_with_a_name_of_its_own(count: int):
    markets = spot_markets(count)

    assert len({market.id for market in markets}) == count
    assert markets[0].id == "BTCUSDT"


def test_markets_are_listed_the_way_real_ones_are():
    names = {f"{market.base}/{market.quote}" for market in spot_markets(2000)}

    assert {"BTC/USDT", "ETH/BTC", "USDT/TRY", "EUR/USDT", "USDC/USDT", "BTC/EUR", "LDO/USDT"} <= names
    assert not {"BTC/ETH", "USDT/BTC", "USDC/BTC", "TRY/USDT", "BTC/BTC"} & names


def test_filters_fit_the_price():
    for market in (*spot_markets(2000), *linear_markets(300)):
        price = price_of(market)
        assert price / float(market.tick) > 50, market.id
        assert float(market.min_notional) / price < float(market.max_amount), market.id
        assert Decimal(10) ** market.tick.adjusted() == market.tick, market.id
        assert Decimal(10) ** market.step.adjusted() == market.step, market.id


def test_contracts_of_coins_worth_nothing_come_by_the_thousand():
    markets = {market.id: market for market in linear_markets(100)}

    assert "1000SHIBUSDT" in markets
    assert "SHIBUSDT" not in markets
    assert price_of(markets["1000SHIBUSDT"]) == pytest.approx(PRICES.price("SHIB", "USDT", NOON_MS) * 1000)


def test_prices_become_money_on_the_tick_and_never_zero():
    [btc] = spot_markets(1)

    assert btc.to_price(64250.123456) == Decimal("64250.12")
    assert btc.to_price(0.0000001) == btc.tick
