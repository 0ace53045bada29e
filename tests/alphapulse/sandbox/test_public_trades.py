from itertools import pairwise

from alphapulse.sandbox import public_trades
from alphapulse.sandbox.engine import Engine
from alphapulse.sandbox.markets import MarketKind
from tests.alphapulse.sandbox.conftest import Wall


def test_the_latest_trades_are_in_order_and_at_the_price_of_their_time(engine: Engine):
    exchange = engine.exchanges["binance"]
    market = exchange.markets.of(MarketKind.SPOT)["BTCUSDT"]

    trades = public_trades.latest(exchange, market, 50)

    assert len(trades) == 50
    assert all(after.id == before.id + 1 and after.at_ms > before.at_ms for before, after in pairwise(trades))
    assert trades[-1].at_ms <= exchange.clock.market_ms()
    assert all(trade.price == exchange.last(market, trade.at_ms) for trade in trades)
    assert {trade.is_buyer_maker for trade in trades} == {True, False}


def test_the_same_trade_is_the_same_whenever_one_asks(engine: Engine, wall: Wall):
    exchange = engine.exchanges["binance"]
    market = exchange.markets.of(MarketKind.SPOT)["ETHBTC"]
    trades = public_trades.latest(exchange, market, 10)

    wall.pass_(seconds=3600)

    assert list(public_trades.from_id(exchange, market, trades[0].id, 10)) == trades


def test_nothing_is_traded_in_the_future(engine: Engine):
    exchange = engine.exchanges["binance"]
    market = exchange.markets.of(MarketKind.SPOT)["BTCUSDT"]
    last = public_trades.trade_id_at(exchange.clock.market_ms())

    assert list(public_trades.from_id(exchange, market, last + 1, 10)) == []
