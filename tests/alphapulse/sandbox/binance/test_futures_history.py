"""Asking USD-M for what was: windows of seven days, ids to go on from, income by type and page."""

from decimal import Decimal as D

import pytest

from tests.alphapulse.sandbox.binance.futures_desk import BTC, Desk, Refused

DAY_MS = 86_400_000


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.pin("50000")
    return desk


def traded(desk: Desk, times: int, *, days_between: float = 0) -> list[int]:
    ids = []
    for _ in range(times):
        ids.append(desk.order("BUY", "0.002")["orderId"])
        desk.wall.pass_(seconds=days_between * 86_400 + 1)
    return ids


def test_orders_older_than_a_week_are_seen_only_when_asked_for(desk: Desk):
    began = desk.wall.ms
    ids = traded(desk, 3, days_between=5)
    assert [row["orderId"] for row in desk.get("/fapi/v1/allOrders", symbol=BTC)] == ids[2:]
    early = desk.get("/fapi/v1/allOrders", symbol=BTC, startTime=began)
    assert [row["orderId"] for row in early] == ids[:2]
    onward = desk.get("/fapi/v1/allOrders", symbol=BTC, orderId=ids[1])
    assert [row["orderId"] for row in onward] == ids[1:]


def test_a_window_of_more_than_a_week_is_refused(desk: Desk):
    now_ms = desk.wall.ms
    for path in ("/fapi/v1/allOrders", "/fapi/v1/userTrades"):
        with pytest.raises(Refused, match="-4165"):
            desk.get(path, symbol=BTC, startTime=now_ms - 8 * DAY_MS, endTime=now_ms)
        with pytest.raises(Refused, match="-1023"):
            desk.get(path, symbol=BTC, startTime=now_ms, endTime=now_ms - 1)


def test_trades_are_paged_by_id_without_gap_or_overlap(desk: Desk):
    traded(desk, 7)
    every = [row["id"] for row in desk.get("/fapi/v1/userTrades", symbol=BTC)]
    paged, first = [], 1
    while rows := desk.get("/fapi/v1/userTrades", symbol=BTC, fromId=first, limit=3):
        paged += [row["id"] for row in rows]
        first = paged[-1] + 1
    assert paged == every
    assert len(every) == 7


def test_trades_of_one_order(desk: Desk):
    ids = traded(desk, 2)
    [row] = desk.get("/fapi/v1/userTrades", symbol=BTC, orderId=ids[0])
    assert row["orderId"] == ids[0]


def test_income_by_type_symbol_and_page(desk: Desk):
    traded(desk, 3)
    every = desk.get("/fapi/v1/income")
    assert [row["incomeType"] for row in every] == ["TRANSFER", "COMMISSION", "COMMISSION", "COMMISSION"]
    assert len({row["tranId"] for row in every}) == 4
    trades = desk.get("/fapi/v1/userTrades", symbol=BTC)
    fees = desk.get("/fapi/v1/income", incomeType="COMMISSION", symbol=BTC)
    assert [(row["tradeId"], -D(row["income"])) for row in fees] == [
        (str(row["id"]), D(row["commission"])) for row in trades
    ]
    assert desk.get("/fapi/v1/income", limit=3, page=2) == every[3:]
    assert desk.get("/fapi/v1/income", limit=2) == every[-2:]


def test_an_income_type_that_is_not_one_is_refused(desk: Desk):
    with pytest.raises(Refused, match="-4083"):
        desk.get("/fapi/v1/income", incomeType="LUCK")


def test_money_that_came_over_from_spot_is_a_transfer(desk: Desk):
    desk.exchange.set_balance(desk.account, "spot", "USDT", D(50))
    desk.exchange.transfer(desk.account, "USDT", D(50), source="spot", target="futures")
    assert desk.income("TRANSFER") == [D(10_000), D(50)]
    assert desk.asset()["walletBalance"] == 10_050
