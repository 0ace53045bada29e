"""Whatever is traded on USD-M, the wallet is what was put in, plus profit, less fees, plus funding; in both modes."""

from decimal import Decimal as D

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.alphapulse.sandbox.binance.futures_desk import BTC, ETH, Desk, Refused

STARTED = D(500_000)
PRICES = {BTC: 50_000, ETH: 3_000}

symbols = st.sampled_from([BTC, ETH])
sides = st.sampled_from(["BUY", "SELL"])
trades = st.tuples(st.just("trade"), symbols, sides, st.integers(100, 5000))
rests = st.tuples(st.just("rest"), symbols, sides, st.integers(100, 5000))
# Whole tenths, so that no part is below the least notional, and few enough that no margin runs out.
tenths = st.integers(1, 15).map(lambda number: number * 100)
small_trades = st.tuples(st.just("trade"), symbols, sides, tenths)
moves = st.tuples(st.just("move"), symbols, st.integers(-40, 40))
waits = st.tuples(st.just("wait"), st.integers(1, 12))
plans = st.lists(st.one_of(trades, rests, moves, waits), min_size=1, max_size=14)


def act(desk: Desk, step: tuple, *, hedged: bool) -> None:
    """Market orders, resting orders a little off the market, prices that jump, hours that pass."""
    match step:
        case ("trade", symbol, side, thousandths):
            trade(desk, symbol, side, D(thousandths) / 1000, hedged=hedged)
        case ("rest", symbol, side, thousandths):
            price = desk.price("0.998" if side == "BUY" else "1.002", symbol)
            leg = {"positionSide": "LONG" if side == "BUY" else "SHORT"} if hedged else {}
            desk.order(side, str(D(thousandths) / 1000), price, symbol=symbol, **leg)
        case ("move", symbol, thousandths):
            desk.pin(str(PRICES[symbol] * (1000 + thousandths) / 1000), symbol)
        case ("wait", hours):
            desk.wall.pass_(seconds=hours * 3600)
    desk.get("/fapi/v3/account")


def trade(desk: Desk, symbol: str, side: str, amount: D, *, hedged: bool) -> None:
    """What is held against it is closed first, as far as it goes; the rest opens, with an order of its own."""
    opens, closes = ("LONG", "SHORT") if side == "BUY" else ("SHORT", "LONG")
    held = sum(D(row["positionAmt"]) for row in desk.positions(symbol).values())
    closing = min(amount, abs(held)) if (held > 0) == (side == "SELL") else D(0)
    for leg, part in ((closes, closing), (opens, amount - closing)):
        if part:
            desk.order(side, str(part), symbol=symbol, **({"positionSide": leg} if hedged else {}))


def opened(*, hedged: bool) -> Desk:
    desk = Desk(usdt=str(STARTED), markets=20)
    for symbol, price in PRICES.items():
        desk.pin(str(price), symbol)
    if hedged:
        desk.ask("POST", "/fapi/v1/positionSide/dual", dualSidePosition=True)
    return desk


@settings(max_examples=120, deadline=None)
@given(plans, st.booleans())
def test_the_wallet_is_its_start_and_every_line_of_income(plan, hedged):
    desk = opened(hedged=hedged)
    for step in plan:
        try:
            act(desk, step, hedged=hedged)
        except Refused:
            continue
    asset = desk.asset()
    lines = desk.income("REALIZED_PNL") + desk.income("COMMISSION") + desk.income("FUNDING_FEE")
    assert asset["walletBalance"] == STARTED + sum(lines)
    fills = [row for symbol in PRICES for row in desk.get("/fapi/v1/userTrades", symbol=symbol)]
    assert sum(desk.income("REALIZED_PNL")) == sum(D(row["realizedPnl"]) for row in fills)
    assert -sum(desk.income("COMMISSION")) == sum(D(row["commission"]) for row in fills)


@settings(max_examples=120, deadline=None)
@given(plans, st.booleans())
def test_equity_is_the_cash_flow_of_all_fills_and_what_is_held_now(plan, hedged):
    desk = opened(hedged=hedged)
    for step in plan:
        try:
            act(desk, step, hedged=hedged)
        except Refused:
            continue
    equity = STARTED + sum(desk.income("FUNDING_FEE"))
    for symbol in PRICES:
        for row in desk.get("/fapi/v1/userTrades", symbol=symbol):
            signed = D(row["qty"]) if row["buyer"] else -D(row["qty"])
            equity += signed * (desk.price(symbol=symbol) - D(row["price"])) - D(row["commission"])
    assert desk.asset()["marginBalance"] == equity


@settings(max_examples=120, deadline=None)
@given(st.lists(st.one_of(small_trades, moves, waits), min_size=1, max_size=14))
def test_hedge_and_one_way_mode_make_the_same_of_the_same_trades(plan):
    one_way, hedge = opened(hedged=False), opened(hedged=True)
    for step in plan:
        for desk, is_hedged in ((one_way, False), (hedge, True)):
            act(desk, step, hedged=is_hedged)
    for symbol in PRICES:
        for row, same in zip(one_way.positions(symbol).values(), hedge.positions(symbol).values(), strict=True):
            assert {**row, "positionSide": ""} == {**same, "positionSide": ""}
    assert one_way.asset() == hedge.asset()
