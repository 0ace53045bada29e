"""Positions on Bybit: one-way and hedged, their margin, their profit in the equity."""

from typing import Any

import ccxt
import pytest

from tests.alphapulse.sandbox.bybit.conftest import code_of

SWAP = "BTC/USDT:USDT"
CREATE, LIST = "/v5/order/create", "/v5/position/list"


def trade(desk, side: str, qty: str, **more: Any) -> None:
    order = {"category": "linear", "symbol": "BTCUSDT", "side": side, "orderType": "Market", "qty": qty} | more
    answer = desk.post(CREATE, **order)
    assert answer["retCode"] == 0, answer


def held(desk) -> list[tuple[str, int, str, str]]:
    rows = desk.rows(LIST, category="linear", settleCoin="USDT")
    return [(row["symbol"], row["positionIdx"], row["side"], row["size"]) for row in rows]


def coin(desk, name: str = "USDT") -> dict[str, str]:
    [account] = desk.rows("/v5/account/wallet-balance", accountType="UNIFIED", coin=name)
    [row] = account["coin"]
    return row


def test_a_purchase_opens_a_long_and_a_sale_turns_it_round(desk):
    trade(desk, "Buy", "0.5")
    assert held(desk) == [("BTCUSDT", 0, "Buy", "0.5")]

    trade(desk, "Sell", "0.8")
    assert held(desk) == [("BTCUSDT", 0, "Sell", "0.3")]

    trade(desk, "Buy", "0.3", reduceOnly=True)
    assert held(desk) == []


def test_a_symbol_that_is_flat_is_shown_when_it_is_asked_for(desk):
    [row] = desk.rows(LIST, category="linear", symbol="BTCUSDT")

    assert (row["size"], row["side"], row["avgPrice"]) == ("0", "", "0")
    assert desk.get(LIST, category="linear")["retCode"] == 10001


def test_equity_has_the_unrealised_profit_and_the_wallet_has_not(sandbox, open_client):
    client = open_client("swap")
    client.create_order("ETH/USDT:USDT", "market", "buy", 10)
    before = client.fetch_balance()["info"]["result"]["list"][0]["coin"]
    sandbox.move_price("ETH/USDT", 1.02)

    [position] = client.fetch_positions()
    assert position["unrealizedPnl"] == pytest.approx((position["markPrice"] - position["entryPrice"]) * 10)
    [usdt] = [row for row in client.fetch_balance()["info"]["result"]["list"][0]["coin"] if row["coin"] == "USDT"]
    [earlier] = [row for row in before if row["coin"] == "USDT"]
    assert usdt["walletBalance"] == earlier["walletBalance"]
    assert float(usdt["unrealisedPnl"]) == pytest.approx(position["unrealizedPnl"])
    assert float(usdt["equity"]) == pytest.approx(float(usdt["walletBalance"]) + position["unrealizedPnl"])


def test_closing_turns_profit_into_money(sandbox, open_client):
    client = open_client("swap", holdings={"unified": {"USDT": "10000"}})
    client.create_order("SOL/USDT:USDT", "market", "buy", 10)
    sandbox.move_price("SOL/USDT", 1.03)
    client.create_order("SOL/USDT:USDT", "market", "sell", 10, None, {"reduceOnly": True})

    trades = client.fetch_my_trades("SOL/USDT:USDT")
    profit = sum(
        (trade["cost"] if trade["side"] == "sell" else -trade["cost"]) - trade["fee"]["cost"] for trade in trades
    )
    assert profit > 0
    assert client.fetch_balance()["USDT"]["total"] == pytest.approx(10_000 + profit)
    assert client.fetch_positions() == []


def test_a_hedged_symbol_has_two_legs_beside_a_one_way_symbol(desk):
    mode = "/v5/position/switch-mode"
    assert desk.post(mode, category="linear", symbol="BTCUSDT", mode=3)["retCode"] == 0
    trade(desk, "Buy", "0.2", positionIdx=1)
    trade(desk, "Sell", "0.1", positionIdx=2)
    trade(desk, "Buy", "1", symbol="ETHUSDT")

    assert held(desk) == [("BTCUSDT", 1, "Buy", "0.2"), ("BTCUSDT", 2, "Sell", "0.1"), ("ETHUSDT", 0, "Buy", "1")]
    assert len(desk.rows(LIST, category="linear", symbol="BTCUSDT")) == 2


def test_a_hedged_leg_is_closed_from_the_other_side(desk):
    desk.post("/v5/position/switch-mode", category="linear", symbol="BTCUSDT", mode=3)
    trade(desk, "Buy", "0.2", positionIdx=1)
    trade(desk, "Sell", "0.2", positionIdx=1, reduceOnly=True)

    assert held(desk) == []


def test_an_order_must_fit_the_mode(desk):
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.1"}
    assert desk.post(CREATE, **order, positionIdx=1)["retMsg"] == "position idx not match position mode"

    desk.post("/v5/position/switch-mode", category="linear", coin="USDT", mode=3)
    assert desk.post(CREATE, **order)["retMsg"] == "position idx not match position mode"
    assert desk.post(CREATE, **order, positionIdx=1)["retCode"] == 0


def test_the_mode_stays_while_something_is_open(desk):
    mode = {"category": "linear", "symbol": "BTCUSDT", "mode": 3}
    assert desk.post("/v5/position/switch-mode", **mode | {"mode": 0})["retCode"] == 110025
    trade(desk, "Buy", "0.1")
    assert desk.post("/v5/position/switch-mode", **mode)["retCode"] == 110024
    trade(desk, "Sell", "0.1")
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1"}
    last = float(desk.rows("/v5/market/tickers", category="linear", symbol="BTCUSDT")[0]["lastPrice"])
    assert desk.post(CREATE, **order, price=f"{last * 0.9:.1f}")["retCode"] == 0
    assert desk.post("/v5/position/switch-mode", **mode)["retCode"] == 110028


def test_ccxt_trades_in_hedge_mode(open_client):
    client = open_client("swap")
    client.set_position_mode(True, SWAP)
    client.create_order(SWAP, "market", "buy", 0.01, None, {"hedged": True})
    client.create_order(SWAP, "market", "sell", 0.02, None, {"hedged": True})

    sides = {position["side"]: (position["contracts"], position["hedged"]) for position in client.fetch_positions()}
    assert sides == {"long": (0.01, True), "short": (0.02, True)}


def test_leverage_decides_the_margin(open_client):
    client = open_client("swap")
    client.set_leverage(5, SWAP)
    with pytest.raises(ccxt.BadRequest) as same:
        client.set_leverage(5, SWAP)
    assert code_of(same.value) == 110043
    with pytest.raises(ccxt.BadRequest) as much:
        client.set_leverage(101, SWAP)
    assert code_of(much.value) == 110013

    client.create_order(SWAP, "market", "buy", 0.1)
    position, used = at_one_price(client)
    assert position["leverage"] == 5
    assert position["initialMargin"] == pytest.approx(position["markPrice"] * 0.1 / 5)
    assert used == pytest.approx(position["initialMargin"])


def at_one_price(client):
    """The position and the margin that is used, from between two moves of the price."""
    for _ in range(100):
        [before], used, [after] = (
            client.fetch_positions(),
            client.fetch_balance()["USDT"]["used"],
            client.fetch_positions(),
        )
        if before["markPrice"] == after["markPrice"]:
            return before, used
    raise AssertionError("the price moved a hundred times in a row")


def test_a_position_larger_than_its_margin_allows_is_110007(open_client):
    client = open_client("swap", holdings={"unified": {"USDT": "1000"}})

    with pytest.raises(ccxt.InsufficientFunds) as poor:
        client.create_order(SWAP, "market", "buy", 1)
    assert code_of(poor.value) == 110007


def test_a_position_near_its_wallet_s_limit_knows_where_it_ends(open_client):
    client = open_client("swap", holdings={"unified": {"USDT": "1000"}})
    client.create_order(SWAP, "market", "buy", 0.2)

    [position] = client.fetch_positions()
    assert 0 < position["liquidationPrice"] < position["entryPrice"]
    loss = (position["entryPrice"] - position["liquidationPrice"]) * 0.2
    assert loss + position["maintenanceMargin"] == pytest.approx(1000, rel=0.05)


def test_isolated_margin_is_set_aside_for_its_position(desk):
    assert desk.post("/v5/account/set-margin-mode", setMarginMode="ISOLATED_MARGIN")["retCode"] == 0
    assert desk.get("/v5/account/info")["result"]["marginMode"] == "ISOLATED_MARGIN"
    trade(desk, "Buy", "0.1")

    [row] = desk.rows(LIST, category="linear", symbol="BTCUSDT")
    assert row["tradeMode"] == 1
    assert float(row["positionBalance"]) == pytest.approx(float(row["positionValue"]) / 20, rel=1e-6)
    assert desk.post("/v5/account/set-margin-mode", setMarginMode="REGULAR_MARGIN")["retCode"] == 3400045


def test_closed_profit_is_told_order_by_order(sandbox, open_client):
    client = open_client("swap")
    client.create_order("ADA/USDT:USDT", "market", "buy", 1000)
    sandbox.move_price("ADA/USDT", 1.04)
    client.create_order("ADA/USDT:USDT", "market", "sell", 400)
    client.create_order("ADA/USDT:USDT", "market", "sell", 600)

    closed = client.fetch_positions_history(["ADA/USDT:USDT"])
    assert sorted(row["contracts"] for row in closed) == [400, 600]
    fees = sum(trade["fee"]["cost"] for trade in client.fetch_my_trades("ADA/USDT:USDT") if trade["side"] == "buy")
    gained = client.fetch_balance()["USDT"]["total"] - 100_000
    assert sum(row["realizedPnl"] for row in closed) - fees == pytest.approx(gained)
    for row in closed:
        info = row["info"]
        made = (float(info["avgExitPrice"]) - float(info["avgEntryPrice"])) * row["contracts"]
        assert float(info["closedPnl"]) + float(info["closeFee"]) == pytest.approx(made, abs=1e-4)


def test_a_fill_that_turns_a_position_round_closes_only_what_there_was(desk):
    trade(desk, "Buy", "0.2")
    trade(desk, "Sell", "0.5")

    fills = desk.rows("/v5/execution/list", category="linear", symbol="BTCUSDT")
    closed = {side: sum(float(row["closedSize"]) for row in fills if row["side"] == side) for side in ("Buy", "Sell")}
    assert closed == {"Buy": 0, "Sell": pytest.approx(0.2)}
    [row] = desk.rows("/v5/position/closed-pnl", category="linear")
    assert (row["side"], row["closedSize"], row["qty"]) == ("Sell", "0.2", "0.5")


def test_profit_since_flat_is_the_open_position_s_own(desk):
    trade(desk, "Buy", "0.2")
    trade(desk, "Sell", "0.2")
    trade(desk, "Buy", "0.1")

    [row] = desk.rows(LIST, category="linear", symbol="BTCUSDT")
    order_id = desk.rows("/v5/order/history", category="linear", symbol="BTCUSDT")[0]["orderId"]
    fees = sum(float(fill["execFee"]) for fill in desk.rows("/v5/execution/list", category="linear", orderId=order_id))
    assert float(row["curRealisedPnl"]) == pytest.approx(-fees)
    assert float(row["cumRealisedPnl"]) < float(row["curRealisedPnl"])


def test_funding_sits_among_the_fills_and_leaves_the_wallet(desk):
    trade(desk, "Buy", "0.01")
    before = float(coin(desk)["walletBalance"])
    desk.pass_time(8 * 3_600_000)

    paid = before - float(coin(desk)["walletBalance"])
    rows = desk.rows("/v5/execution/list", category="linear", symbol="BTCUSDT")
    assert [row["execType"] for row in rows] == ["Funding", "Trade"]
    assert float(rows[0]["execFee"]) == pytest.approx(paid)
    assert paid != 0
    assert [row["execType"] for row in desk.rows("/v5/execution/list", category="linear", execType="Trade")] == [
        "Trade"
    ]
    [settled] = desk.rows("/v5/account/transaction-log", currency="USDT", limit=1)
    assert settled["type"] == "SETTLEMENT"


def test_a_dated_future_pays_no_funding(desk):
    trade(desk, "Buy", "1", symbol="BTCUSDT-25DEC26")
    before = coin(desk)["walletBalance"]
    desk.pass_time(24 * 3_600_000)

    assert coin(desk)["walletBalance"] == before
    assert held(desk) == [("BTCUSDT-25DEC26", 0, "Buy", "1")]


def test_positions_put_by_the_control_are_there(sandbox, open_client):
    client = open_client("swap")
    sandbox.set_position("bybit", client.apiKey, "BTCUSDT", "-0.25", entry_price="60000", leverage=10)

    [position] = client.fetch_positions()
    assert (position["side"], position["contracts"], position["entryPrice"]) == ("short", 0.25, 60_000)
    assert position["leverage"] == 10


def test_inverse_has_no_positions(open_client):
    client = open_client("swap")

    assert client.fetch_positions(params={"subType": "inverse"}) == []
