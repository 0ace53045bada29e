"""Orders at the engine: what they take, hold, get and give back."""

from decimal import Decimal
from typing import Any

import pytest

from alphapulse.sandbox.accounts import Account
from alphapulse.sandbox.engine import Engine
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.markets import Market, MarketKind
from alphapulse.sandbox.orders import (
    NewOrder,
    Order,
    OrderStatus,
    OrderType,
    Reason,
    Rejection,
    Side,
    TimeInForce,
    Trigger,
)
from alphapulse.sandbox.positions import PositionSide
from tests.alphapulse.sandbox.conftest import Wall

D = Decimal


class Desk:
    """One trader at Binance with 100,000 USDT and 2 BTC in spot, 10,000 USDT in futures."""

    def __init__(self, engine: Engine, wall: Wall) -> None:
        self.engine, self.wall = engine, wall
        self.exchange: Exchange = engine.exchanges["binance"]
        self.account: Account = self.exchange.add_account("trader")
        self.spot: Market = self.exchange.markets.of(MarketKind.SPOT)["BTCUSDT"]
        self.swap: Market = self.exchange.markets.of(MarketKind.LINEAR)["BTCUSDT"]
        for wallet, code, amount in (("spot", "USDT", 100_000), ("spot", "BTC", 2), ("futures", "USDT", 10_000)):
            self.exchange.set_balance(self.account, wallet, code, D(amount))
        self.set_price(50_000)

    def set_price(self, price: int) -> None:
        self.engine.prices.pin("BTC", at_ms=self.engine.clock.market_ms(), worth=float(price))
        self.wall.pass_(seconds=1)

    def place(self, side: Side, amount: str, price: int | None = None, **more: Any) -> Order:
        market = more.pop("market", self.spot)
        wish = NewOrder(
            market=market,
            side=side,
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            amount=D(amount),
            price=None if price is None else D(price),
            **more,
        )
        return self.exchange.place(self.account, wish)

    def settle(self) -> None:
        self.exchange.settle(self.account, at_once=True)

    def free(self, code: str, wallet: str = "spot") -> Decimal:
        return self.account.held(wallet, code).free

    def locked(self, code: str) -> Decimal:
        return self.account.held("spot", code).locked

    def position(self, side: PositionSide = PositionSide.BOTH) -> Decimal:
        return self.account.positions.position("BTCUSDT", side).amount


@pytest.fixture
def desk(engine: Engine, wall: Wall) -> Desk:
    return Desk(engine, wall)


def refusal(desk: Desk, side: Side, amount: str, price: int | None = None, **more: Any) -> Reason:
    with pytest.raises(Rejection) as caught:
        desk.place(side, amount, price, **more)
    return caught.value.reason


def test_a_market_order_takes_from_the_book_and_pays_the_taker_fee_in_what_it_gets(desk: Desk):
    order = desk.place(Side.BUY, "0.1")

    assert order.status is OrderStatus.FILLED
    assert order.filled == D("0.1")
    assert 50_000 <= order.average < 50_100
    assert desk.free("BTC") == 2 + D("0.1") * D("0.999")
    assert desk.free("USDT") == 100_000 - order.cost
    assert all(trade.fee_currency == "BTC" and not trade.is_maker for trade in order.trades)


def test_a_large_market_order_walks_the_book_to_worse_prices(desk: Desk):
    desk.exchange.set_balance(desk.account, "spot", "USDT", D(10**9))
    small, large = desk.place(Side.BUY, "0.01"), desk.place(Side.BUY, "30")

    assert len({trade.price for trade in large.trades}) > 5
    assert large.average > small.average


def test_a_market_order_larger_than_the_book_expires_with_what_it_got(desk: Desk):
    desk.exchange.set_balance(desk.account, "spot", "USDT", D(10**12))
    order = desk.place(Side.BUY, "999")

    assert order.status is OrderStatus.EXPIRED
    assert 0 < order.filled < 999
    assert order.id not in desk.account.open_orders


def test_a_market_order_by_cost_spends_no_more_than_that(desk: Desk):
    wish = NewOrder(market=desk.spot, side=Side.BUY, type=OrderType.MARKET, cost=D(1000))
    order = desk.exchange.place(desk.account, wish)

    assert order.status is OrderStatus.FILLED
    assert 999 < order.cost <= 1000
    assert order.amount == order.filled


def test_a_resting_order_holds_its_funds_and_gives_them_back_when_canceled(desk: Desk):
    buy, sell = desk.place(Side.BUY, "0.5", 40_000), desk.place(Side.SELL, "1.5", 60_000)
    assert (desk.locked("USDT"), desk.locked("BTC")) == (20_000, D("1.5"))
    assert (desk.free("USDT"), desk.free("BTC")) == (80_000, D("0.5"))

    for order in (buy, sell):
        desk.exchange.cancel(desk.account, order)

    assert (desk.free("USDT"), desk.free("BTC")) == (100_000, 2)
    assert desk.locked("USDT") == desk.locked("BTC") == 0
    assert buy.status is sell.status is OrderStatus.CANCELED


def test_a_resting_order_is_filled_at_its_own_price_as_a_maker_when_the_market_comes(desk: Desk):
    order = desk.place(Side.BUY, "0.5", 48_000)
    desk.settle()
    assert order.status is OrderStatus.NEW

    desk.set_price(47_000)
    desk.settle()

    assert order.status is OrderStatus.FILLED
    assert order.average == 48_000
    assert order.trades[0].is_maker
    assert desk.free("USDT") == 100_000 - 24_000
    assert desk.locked("USDT") == 0


def test_a_price_that_was_there_and_left_again_fills_too(desk: Desk):
    order = desk.place(Side.BUY, "0.1", 48_000)
    desk.wall.pass_(seconds=60)
    desk.set_price(47_000)
    desk.wall.pass_(seconds=60)
    desk.set_price(50_000)
    desk.wall.pass_(seconds=60)

    desk.settle()

    assert order.status is OrderStatus.FILLED


def test_a_large_resting_order_is_filled_in_parts(desk: Desk):
    desk.exchange.set_balance(desk.account, "spot", "USDT", D(10**8))
    order = desk.place(Side.BUY, "50", 49_000)
    desk.set_price(48_995)
    seen = []
    while order.is_open and len(seen) < 200:
        desk.settle()
        seen.append(order.filled)
        desk.wall.pass_(seconds=1)

    assert order.status is OrderStatus.FILLED
    assert 1 < len(seen) < 200
    assert seen == sorted(seen)
    assert desk.locked("USDT") == 0


def test_a_limit_order_takes_what_crosses_and_rests_with_what_is_left(desk: Desk):
    desk.exchange.set_balance(desk.account, "spot", "USDT", D(10**8))
    order = desk.place(Side.BUY, "100", 50_010)

    assert order.status is OrderStatus.PARTIALLY_FILLED
    assert 0 < order.filled < 100
    assert max(trade.price for trade in order.trades) <= 50_010
    assert desk.locked("USDT") == order.remaining * 50_010


@pytest.mark.parametrize(("in_force", "filled"), [(TimeInForce.IOC, True), (TimeInForce.FOK, False)])
def test_ioc_takes_a_part_and_fok_all_or_nothing(desk: Desk, in_force: TimeInForce, filled: bool):
    desk.exchange.set_balance(desk.account, "spot", "USDT", D(10**8))
    order = desk.place(Side.BUY, "100", 50_010, time_in_force=in_force)

    assert order.status is OrderStatus.EXPIRED
    assert bool(order.filled) is filled
    assert desk.locked("USDT") == 0


@pytest.mark.parametrize(
    ("amount", "price", "reason"),
    [
        ("0.000001", 40_000, Reason.LOT_SIZE),
        ("0.00001", 40_000, Reason.MIN_NOTIONAL),
        ("5000", 40_000, Reason.LOT_SIZE),
        ("1", 9_000, Reason.PERCENT_PRICE),
        ("1", 300_000, Reason.PERCENT_PRICE),
        ("1", 0, Reason.PRICE_FILTER),
        ("3", 40_000, Reason.INSUFFICIENT_BALANCE),
    ],
)
def test_what_the_filters_and_the_wallet_do_not_allow_is_refused(desk: Desk, amount: str, price: int, reason: Reason):
    assert refusal(desk, Side.BUY, amount, price) is reason
    assert not desk.account.orders
    assert desk.free("USDT") == 100_000


def test_funds_that_open_orders_hold_cannot_be_spent_twice(desk: Desk):
    desk.place(Side.SELL, "1.5", 60_000)

    assert refusal(desk, Side.SELL, "1") is Reason.INSUFFICIENT_BALANCE


def test_a_client_order_id_guards_only_while_its_order_is_open(desk: Desk):
    first = desk.place(Side.BUY, "0.1", 40_000, client_order_id="mine")
    assert refusal(desk, Side.BUY, "0.1", 40_000, client_order_id="mine") is Reason.DUPLICATE_CLIENT_ID

    desk.exchange.cancel(desk.account, first)
    second = desk.place(Side.BUY, "0.1", 40_000, client_order_id="mine")

    assert desk.account.order_by_client_id(MarketKind.SPOT, "mine") is second


def test_post_only_orders_do_not_take(desk: Desk):
    assert refusal(desk, Side.BUY, "0.1", 51_000, post_only=True) is Reason.WOULD_TAKE
    assert desk.place(Side.BUY, "0.1", 49_000, post_only=True).status is OrderStatus.NEW


def test_a_stop_sleeps_with_its_funds_held_until_the_price_is_there(desk: Desk):
    order = desk.place(Side.SELL, "1", trigger=Trigger(D(45_000), when_rising=False))
    desk.settle()
    assert (order.status, desk.locked("BTC")) == (OrderStatus.UNTRIGGERED, 1)

    desk.set_price(44_900)
    desk.settle()

    assert order.status is OrderStatus.FILLED
    assert order.average < 45_000
    assert desk.locked("BTC") == 0


def test_a_stop_behind_the_market_is_refused(desk: Desk):
    trigger = Trigger(D(55_000), when_rising=False)

    assert refusal(desk, Side.SELL, "1", trigger=trigger) is Reason.WOULD_TRIGGER


def test_amending_moves_the_funds_and_may_trade_at_once(desk: Desk):
    order = desk.place(Side.BUY, "0.5", 40_000)

    desk.exchange.amend(desk.account, order, price=D(42_000), amount=D("0.4"))
    assert desk.locked("USDT") == 16_800

    desk.exchange.amend(desk.account, order, price=D(52_000))
    assert order.status is OrderStatus.FILLED
    assert order.average < 50_100


def test_an_amend_that_is_refused_changes_nothing(desk: Desk):
    order = desk.place(Side.BUY, "0.5", 40_000)

    with pytest.raises(Rejection):
        desk.exchange.amend(desk.account, order, amount=D(100))

    assert (order.amount, order.price, desk.locked("USDT")) == (D("0.5"), 40_000, 20_000)
    assert order.id in desk.account.open_orders


def test_what_is_closed_cannot_be_canceled(desk: Desk):
    order = desk.place(Side.BUY, "0.1")

    with pytest.raises(Rejection) as caught:
        desk.exchange.cancel(desk.account, order)

    assert caught.value.reason is Reason.UNKNOWN_ORDER


def test_a_fill_by_hand_is_exactly_as_large_as_asked(desk: Desk):
    order = desk.place(Side.BUY, "0.5", 40_000)

    desk.exchange.fill_by_hand(desk.account, order, D("0.2"))
    assert (order.status, order.filled) == (OrderStatus.PARTIALLY_FILLED, D("0.2"))
    assert desk.locked("USDT") == 12_000

    desk.exchange.fill_by_hand(desk.account, order, D(1))
    assert (order.status, order.filled) == (OrderStatus.FILLED, D("0.5"))


def test_a_swap_opens_and_closes_a_position_and_realises_its_profit(desk: Desk):
    opened = desk.place(Side.SELL, "0.1", market=desk.swap)
    assert desk.position() == D("-0.1")

    desk.set_price(45_000)
    closed = desk.place(Side.BUY, "0.1", market=desk.swap)

    fees = sum(trade.fee for trade in (*opened.trades, *closed.trades))
    assert desk.position() == 0
    assert desk.free("USDT", "futures") == 10_000 + opened.cost - closed.cost - fees
    assert sum(trade.realised for trade in closed.trades) == opened.cost - closed.cost


def test_a_swap_needs_margin_and_reducing_does_not(desk: Desk):
    desk.account.positions.configure("BTCUSDT", leverage=10)
    assert refusal(desk, Side.BUY, "2.1", market=desk.swap) is Reason.INSUFFICIENT_BALANCE

    desk.place(Side.BUY, "1.9", market=desk.swap)
    desk.set_price(45_500)

    assert refusal(desk, Side.BUY, "0.1", market=desk.swap) is Reason.INSUFFICIENT_BALANCE
    assert desk.place(Side.SELL, "1.9", market=desk.swap).status is OrderStatus.FILLED


def test_open_swap_orders_demand_margin(desk: Desk):
    desk.account.positions.configure("BTCUSDT", leverage=10)
    desk.place(Side.BUY, "1.5", 48_000, market=desk.swap)

    assert desk.exchange.collateral(desk.account, "USDT").available == 10_000 - 7_200
    assert refusal(desk, Side.BUY, "1", 48_000, market=desk.swap) is Reason.INSUFFICIENT_BALANCE


def test_reduce_only_never_turns_a_position_round(desk: Desk):
    assert refusal(desk, Side.SELL, "0.1", market=desk.swap, reduce_only=True) is Reason.REDUCE_ONLY
    desk.place(Side.BUY, "0.1", market=desk.swap)

    desk.place(Side.SELL, "0.5", market=desk.swap, reduce_only=True)

    assert desk.position() == 0


def test_in_hedge_mode_long_and_short_stand_side_by_side(desk: Desk):
    desk.account.positions.set_hedged(True)
    assert refusal(desk, Side.BUY, "0.1", market=desk.swap) is Reason.POSITION_SIDE

    desk.place(Side.BUY, "0.2", market=desk.swap, position_side=PositionSide.LONG)
    desk.place(Side.SELL, "0.1", market=desk.swap, position_side=PositionSide.SHORT)

    assert (desk.position(PositionSide.LONG), desk.position(PositionSide.SHORT)) == (D("0.2"), D("-0.1"))


def test_funding_is_paid_every_eight_hours_by_who_holds_a_position_then(desk: Desk):
    desk.wall.pass_(seconds=9 * 3600)
    desk.place(Side.BUY, "0.1", market=desk.swap)
    desk.wall.pass_(seconds=16 * 3600)
    desk.settle()

    entries = [entry for entry in desk.account.entries if entry.kind == "funding"]
    assert len(entries) == 2
    assert all(abs(entry.amount) < 5 for entry in entries)


def test_an_order_of_one_cent_of_another_market_does_not_disturb(desk: Desk):
    shib = desk.exchange.markets.of(MarketKind.SPOT)["SHIBUSDT"]
    order = desk.place(Side.BUY, "100000000", market=shib)

    assert order.status is OrderStatus.FILLED
    assert desk.free("SHIB") == D("99900000")
