"""Whatever is traded, money is neither made nor lost, and no order holds what is not there."""

import contextlib
from collections import Counter
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.sandbox.config import SandboxConfig
from alphapulse.sandbox.engine import Engine
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.markets import Market, MarketKind
from alphapulse.sandbox.orders import NewOrder, OrderType, Rejection, Side, TimeInForce
from tests.alphapulse.sandbox.conftest import Wall

STARTED = {("spot", "USDT"): 1_000_000, ("spot", "BTC"): 10, ("spot", "ETH"): 100, ("futures", "USDT"): 200_000}
STARTED |= {("delivery", "BTC"): 5, ("delivery", "ETH"): 50}
MARKETS = [("spot", "BTCUSDT"), ("spot", "ETHUSDT"), ("spot", "ETHBTC"), ("linear", "BTCUSDT"), ("linear", "ETHUSDT")]
MARKETS += [("inverse", "BTCUSD_PERP"), ("inverse", "ETHUSD_PERP")]

steps = st.one_of(
    st.tuples(
        st.just("order"),
        st.sampled_from(MARKETS),
        st.sampled_from(Side),
        st.integers(1, 400),  # hundredths of the base's unit, or contracts
        st.sampled_from([None, *range(85, 116)]),  # percent of the price; None: a market order
        st.sampled_from([TimeInForce.GTC] * 6 + [TimeInForce.IOC, TimeInForce.FOK]),
    ),
    st.tuples(st.just("cancel"), st.integers(0, 50)),
    st.tuples(st.just("fill"), st.integers(0, 50), st.integers(1, 100)),
    st.tuples(st.just("amend"), st.integers(0, 50), st.integers(90, 110)),
    st.tuples(st.just("move"), st.sampled_from(["BTC", "ETH"]), st.floats(0.93, 1.07)),
    st.tuples(st.just("wait"), st.integers(1, 40_000)),
)


def units(market: Market, number: int) -> Decimal:
    return Decimal(number) if market.is_inverse else Decimal(number).scaleb(-2)


def act(exchange: Exchange, wall: Wall, step: tuple[object, ...]) -> None:
    account = exchange.accounts["trader"]
    match step:
        case ("order", (str(kind), str(name)), Side() as side, int(amount), percent, TimeInForce() as in_force):
            market = exchange.markets.of(MarketKind(kind))[name]
            wish = NewOrder(
                market=market,
                side=side,
                type=OrderType.MARKET if percent is None else OrderType.LIMIT,
                amount=units(market, amount),
                price=None if percent is None else market.to_price(float(exchange.last(market)) * percent / 100),
                time_in_force=in_force,
            )
            exchange.place(account, wish)
        case ("cancel", int(index)):
            orders = list(account.open_orders.values())
            if orders:
                exchange.cancel(account, orders[index % len(orders)])
        case ("fill", int(index), int(amount)):
            orders = list(account.open_orders.values())
            if orders:
                order = orders[index % len(orders)]
                exchange.fill_by_hand(account, order, units(order.market, amount))
        case ("amend", int(index), int(percent)):
            orders = list(account.open_orders.values())
            if orders:
                order = orders[index % len(orders)]
                price = order.market.to_price(float(exchange.last(order.market)) * percent / 100)
                exchange.amend(account, order, price=price)
        case ("move", str(code), float(factor)):
            exchange.prices.move(code, at_ms=exchange.clock.market_ms(), factor=factor)
        case ("wait", int(seconds)):
            wall.pass_(seconds=seconds)


@settings(max_examples=100, deadline=None)
@given(plan=st.lists(steps, min_size=4, max_size=25))
def test_what_the_trader_gains_the_house_loses_and_locks_are_what_open_orders_hold(plan: list[tuple[object, ...]]):
    wall = Wall()
    engine = Engine(SandboxConfig(markets=30, seed=3), now_ms=wall)
    exchange = engine.exchanges["binance"]
    account = exchange.add_account("trader")
    for (wallet, code), amount in STARTED.items():
        exchange.set_balance(account, wallet, code, Decimal(amount))

    for step in plan:
        with contextlib.suppress(Rejection):
            act(exchange, wall, step)
        exchange.settle(account, at_once=True)

        owned: Counter[str] = Counter()
        for holdings in account.wallets.values():
            for code, holding in holdings.items():
                owned[code] += holding.total  # type: ignore[assignment]
        assert all(owned[code] == -exchange.books.house[code] for code in owned)

        held: Counter[str] = Counter()
        for order in account.open_orders.values():
            if order.market.is_spot:
                held[order.market.quote if order.is_buy else order.market.base] += order.locked  # type: ignore[assignment]
        for code, holding in account.wallets["spot"].items():
            assert holding.locked == held[code]
            assert holding.free >= 0
            assert holding.locked >= 0


@settings(max_examples=30, deadline=None)
@given(plan=st.lists(steps, min_size=4, max_size=25))
def test_the_book_of_entries_adds_up_to_the_wallets(plan: list[tuple[object, ...]]):
    wall = Wall()
    exchange = Engine(SandboxConfig(markets=30, seed=3), now_ms=wall).exchanges["binance"]
    account = exchange.add_account("trader")
    for (wallet, code), amount in STARTED.items():
        exchange.set_balance(account, wallet, code, Decimal(amount))
    for step in plan:
        try:
            act(exchange, wall, step)
        except Rejection:
            continue

    for wallet, holdings in account.wallets.items():
        for code, holding in holdings.items():
            entries = [entry.amount for entry in account.entries if (entry.wallet, entry.currency) == (wallet, code)]
            assert sum(entries) == holding.total
