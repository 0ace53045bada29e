from datetime import UTC, datetime
from decimal import Decimal

import pytest

from alphapulse.exchanges import parse
from alphapulse.exchanges.errors import BadResponse
from alphapulse.types import Balance, OrderStatus, PositionSide, Side


def account(free=None, used=None, total=None, **others):
    return {"free": free, "used": used, "total": total, **others}


def order(**given):
    row = {"id": "1", "symbol": "BTC/USDT", "side": "buy", "type": "limit", "status": "open", "amount": "2"}
    return row | {"filled": "0.5", "remaining": "1.5", "price": "100", "timestamp": 1700000000123} | given


def position(**given):
    return {"symbol": "BTC/USDT:USDT", "side": "long", "contracts": "1", "contractSize": "1"} | given


# Twenty digits before the point and eighteen after it: what our columns keep.
LONG = "12345678901234567890.123456789012345678"


# --- Thirty-eight digits


def test_a_balance_of_38_digits_keeps_them_all():
    (held,) = parse.balances({"A": account(LONG, "0.000000000000000001", None)})
    assert held.total == Decimal("12345678901234567890.123456789012345679")
    (held,) = parse.balances({"A": account(None, "0.000000000000000001", LONG)})
    assert held.free == Decimal("12345678901234567890.123456789012345677")
    (held,) = parse.balances({"A": account("0.000000000000000001", None, LONG)})
    assert held.used == Decimal("12345678901234567890.123456789012345677")
    (owed,) = parse.balances({"A": account(None, "0", f"-{LONG}")})
    assert owed.debt == Decimal(LONG)


def test_a_position_of_38_digits_keeps_them_all():
    given = dict.fromkeys(("contractSize", "entryPrice", "markPrice", "liquidationPrice"), LONG)
    (held,) = parse.positions([position(contracts=f"-{LONG}", notional=f"-{LONG}", unrealizedPnl=f"-{LONG}", **given)])
    assert held.contracts == held.notional == held.contract_size == held.entry_price == Decimal(LONG)
    assert held.mark_price == held.liquidation_price == Decimal(LONG)
    assert held.unrealized_pnl == Decimal(f"-{LONG}")


def test_an_order_and_a_ticker_of_38_digits_keep_them_all():
    names = ("amount", "filled", "remaining", "price", "average", "cost")
    (placed,) = parse.orders([order(**dict.fromkeys(names, LONG))])
    assert {getattr(placed, name) for name in names} == {Decimal(LONG)}
    (ticker,) = parse.tickers({"A/B": {"symbol": "A/B", "last": LONG, "bid": LONG, "ask": LONG, "baseVolume": LONG}})
    assert {ticker.last, ticker.bid, ticker.ask, ticker.base_volume} == {Decimal(LONG)}


# --- Balances


@pytest.mark.parametrize("known", [account(None, "0.00000001"), account("1", None), account()])
def test_a_balance_that_is_half_told_is_refused(known):
    with pytest.raises(BadResponse, match="balance of BTC"):
        parse.balances({"BTC": known})


def test_a_balance_keeps_every_digit():
    (held,) = parse.balances({"info": {}, "SHIB": account("1000000000000000000.00000001", "0", None)})
    assert held.total == Decimal("1000000000000000000.00000001")


def test_dust_of_one_satoshi_is_kept_and_zero_rows_are_not():
    held = parse.balances({"BTC": account("0.00000001", "0.00000000"), "ETH": account("0.0", "0.000", "0")})
    assert [balance.currency for balance in held] == ["BTC"]


def test_the_summaries_that_ccxt_adds_are_not_currencies():
    raw = {"info": {"x": 1}, "free": {"BTC": "1"}, "used": {}, "total": {"BTC": "1"}, "timestamp": 1, "datetime": ""}
    assert parse.balances(raw) == ()


def test_a_negative_balance_is_a_debt():
    (owed,) = parse.balances({"USDT": account(None, None, "-5")})
    assert owed == Balance(currency="USDT", free=Decimal(0), used=Decimal(0), total=Decimal(0), debt=Decimal(5))


def test_a_debt_without_holdings_is_kept_and_counted_once():
    (owed,) = parse.balances({"USDT": account("0", "0", "-5", debt="5.01")})
    assert (owed.total, owed.debt) == (0, Decimal("5.01"))


def test_borrowed_coins_that_are_held_are_both_owned_and_owed():
    (held,) = parse.balances({"BTC": account("10", "0", "10", debt="10")})
    assert (held.total, held.debt) == (10, 10)


def test_more_free_than_held_is_possible_under_multi_asset_margin():
    (held,) = parse.balances({"USDT": account("150", None, "100")})
    assert (held.free, held.used, held.total) == (150, 0, 100)


def test_an_empty_string_is_unknown_and_follows_from_the_others():
    (held,) = parse.balances({"USDC": account("", "19", "20")})
    assert held.free == 1


def test_receipts_for_what_lies_elsewhere_are_left_out_but_lido_is_a_coin():
    raw = {"LDUSDT": account("5", "0"), "LDO": account("7", "0"), "USDT": account("1", "0")}
    held = parse.balances(raw, receipt_prefix="LD", receipt_exceptions={"LDO"})
    assert {balance.currency for balance in held} == {"LDO", "USDT"}


def test_receipts_alone_are_the_coins_that_they_stand_for():
    raw = {"info": {}, "LDUSDT": account("5", "0"), "LDO": account("7", "0"), "LDBTC": account("0", "0")}
    (lent,) = parse.receipts(raw, receipt_prefix="LD", receipt_exceptions={"LDO"})
    assert (lent.currency, lent.total) == ("USDT", 5)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e400", "twelve", True, [1], "1" * 60])
def test_what_is_no_amount_is_refused_and_its_row_named(amount):
    with pytest.raises(BadResponse, match="balance of BTC"):
        parse.balances({"BTC": account(amount, "0")})


def test_a_balance_without_any_amount_is_refused():
    with pytest.raises(BadResponse, match="balance of BTC has no usable 'total'"):
        parse.balances({"BTC": account()})


# --- Positions


def test_a_short_position_has_a_side_and_no_negative_numbers():
    (short,) = parse.positions([position(side="short", contracts="-3", notional="-300", entryPrice="100")])
    assert (short.side, short.contracts, short.notional) == (PositionSide.SHORT, 3, 300)


def test_both_sides_of_a_hedge_are_two_positions_and_empty_rows_none():
    rows = [position(), position(side="short"), position(contracts="0.000", side=None), position(contracts=0)]
    assert [row.side for row in parse.positions(rows)] == [PositionSide.LONG, PositionSide.SHORT]


def test_a_price_of_zero_is_no_price_and_a_profit_of_zero_is_one():
    (held,) = parse.positions([position(liquidationPrice="0", markPrice="0", unrealizedPnl="0")])
    assert (held.liquidation_price, held.mark_price, held.unrealized_pnl) == (None, None, 0)


@pytest.mark.parametrize("broken", [{"side": None}, {"side": "both"}, {"contracts": None}, {"symbol": None}])
def test_a_position_that_cannot_be_read_is_refused(broken):
    with pytest.raises(BadResponse, match="position"):
        parse.positions([position(**broken)])


# --- Orders


def test_an_order_keeps_its_numbers_and_its_time():
    (read,) = parse.orders([order(clientOrderId="mine", average="99.5", cost="49.75")])
    assert (read.order_id, read.client_order_id, read.side, read.type) == ("1", "mine", Side.BUY, "limit")
    assert (read.amount, read.filled, read.remaining) == (2, Decimal("0.5"), Decimal("1.5"))
    assert (read.price, read.average, read.cost) == (100, Decimal("99.5"), Decimal("49.75"))
    assert read.exchange_at == datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=UTC)


def test_a_market_order_has_no_price():
    (read,) = parse.orders([order(type="market", price="0", average=None)])
    assert (read.price, read.average) == (None, None)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("open", OrderStatus.OPEN),
        ("closed", OrderStatus.CLOSED),
        ("canceled", OrderStatus.CANCELED),
        ("expired", OrderStatus.EXPIRED),
        ("rejected", OrderStatus.REJECTED),
        ("canceling", OrderStatus.OPEN),
        ("PENDING_CANCEL", OrderStatus.OPEN),
        ("EXPIRED_IN_MATCH", OrderStatus.EXPIRED),
        ("PartiallyFilled", OrderStatus.OPEN),
    ],
)
def test_statuses_that_leak_through_are_mapped(word, status):
    assert parse.order_status(word) is status


@pytest.mark.parametrize("status", ["HALF_DONE", None, ""])
def test_a_status_that_nobody_has_seen_is_refused_and_named(status):
    with pytest.raises(BadResponse, match="order 1"):
        parse.orders([order(status=status)])


@pytest.mark.parametrize("broken", [{"id": None}, {"symbol": ""}, {"side": "long"}, {"amount": "x"}, {"id": 5}])
def test_an_order_that_cannot_be_read_is_refused(broken):
    with pytest.raises(BadResponse, match="order"):
        parse.orders([order(**broken)])


# --- Tickers and markets


def test_a_ticker_says_none_where_the_exchange_says_nothing():
    (read,) = parse.tickers({"BTC/USDT": {"symbol": "BTC/USDT", "last": "0", "bid": None, "ask": "101"}})
    assert (read.last, read.bid, read.ask, read.percentage, read.exchange_at) == (None, None, 101, None, None)


def market(**given):
    row = {"id": "BTCUSDT", "symbol": "BTC/USDT", "type": "spot", "base": "BTC", "quote": "USDT", "active": True}
    return row | {"precision": {"amount": "0.001", "price": "0.01"}, "limits": {"amount": {"min": "0.1"}}} | given


def test_a_market_has_its_steps_and_smallest_amounts():
    (read,) = parse.markets([market()], precision_mode=parse.TICK_SIZE)
    assert (read.amount_step, read.price_tick) == (Decimal("0.001"), Decimal("0.01"))
    assert (read.min_amount, read.min_cost, read.is_active) == (Decimal("0.1"), None, True)


def test_steps_that_are_counts_of_decimals_become_steps():
    (read,) = parse.markets([market(precision={"amount": "3", "price": 0})], precision_mode=parse.DECIMAL_PLACES)
    assert (read.amount_step, read.price_tick) == (Decimal("0.001"), 1)


def test_significant_digits_are_no_step():
    (read,) = parse.markets([market(precision={"amount": 5})], precision_mode=parse.SIGNIFICANT_DIGITS)
    assert read.amount_step is None


def test_a_halted_market_is_not_active_and_one_that_does_not_say_is():
    halted, silent = parse.markets([market(active=False), market(active=None)], precision_mode=parse.TICK_SIZE)
    assert (halted.is_active, silent.is_active) == (False, True)


def test_a_market_without_a_name_is_refused():
    with pytest.raises(BadResponse, match="market"):
        parse.markets([market(id=None)], precision_mode=parse.TICK_SIZE)
