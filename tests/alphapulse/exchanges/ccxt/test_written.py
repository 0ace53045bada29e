"""Payloads that we wrote after the documentation, for all seven described exchanges, as our types."""

from decimal import Decimal

import pytest

from alphapulse.exchanges.catalogue import exchange as facts_of
from alphapulse.exchanges.ccxt.client import open_client
from alphapulse.exchanges.errors import BadResponse, PermissionMissing
from alphapulse.types import OrderStatus, PositionSide, Side, SyncKind
from tests.alphapulse.exchanges import written
from tests.alphapulse.exchanges.asking import credentials_for, fetch, route_to, run
from tests.alphapulse.exchanges.scripted import Said, ScriptedExchange

COIN = "BTC/USD:BTC"
LOCKED_EARN = "api.binance.com/sapi/v1/simple-earn/locked/position"
MARGIN_ACCOUNT = "api.binance.com/sapi/v1/margin/account"


def read(exchange: ScriptedExchange, exchange_id: str, kind: SyncKind) -> dict:
    exchange.answers = {**written.answers(exchange_id), **exchange.answers}
    readings = fetch(route_to(exchange_id, exchange.base), kind)
    assert {reading.wallet for reading in readings} == {read.wallet for read in facts_of(exchange_id).reads[kind]}
    return {reading.wallet: reading for reading in readings}


def held(exchange: ScriptedExchange, exchange_id: str) -> dict:
    found = {}
    for wallet, reading in read(exchange, exchange_id, SyncKind.BALANCES).items():
        assert reading.error is None, reading.error
        for row in reading.rows:
            found[wallet, row.currency] = (str(row.free), str(row.used), str(row.total), str(row.debt))
    return {key: tuple(Decimal(amount) for amount in amounts) for key, amounts in found.items()}


def amounts(*texts: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(text) for text in texts)


# --- Balances: free, used, total, debt


def test_binance_balances(exchange):
    assert held(exchange, "binance") == {
        ("spot", "BTC"): amounts("0.50000001", "0.1", "0.60000001", "0"),
        ("spot", "LDO"): amounts("7", "0", "7", "0"),
        # Its receipt is among the spot balances, where it is left out.
        ("earn", "USDT"): amounts("100", "0", "100", "0"),
        ("funding", "USDT"): amounts("12.5", "2.5", "15", "0"),
        # 50 of unrealised PnL are in the margin balance; positions tell them.
        ("usdm", "USDT"): amounts("850", "200", "1000", "0"),
        # Never changed, so without an update time; held all the same.
        ("usdm", "BNB"): amounts("0.5", "0", "0.5", "0"),
        # In the coin, and without the unrealised PnL.
        ("coinm", "BTC"): amounts("0.49714285", "0.01714286", "0.5", "0"),
        ("margin", "BTC"): amounts("0.004995", "0.001", "0.005995", "0"),
        ("margin", "BNB"): amounts("2346.5", "0", "2346.5", "201.66666772"),
        # Sold what was borrowed: only the debt is left.
        ("margin", "USDT"): amounts("0", "0", "0", "0.12"),
        # Two positions of a coin, with dust that counts; spot shows no receipt of them.
        ("earn-locked", "AXS"): amounts("0", "122.09202929", "122.09202929", "0"),
        ("earn-locked", "USDT"): amounts("0", "50", "50", "0"),
    }


def test_locked_earn_is_read_to_its_last_page(exchange):
    (row, *_) = written.answers("binance")[LOCKED_EARN](None).json["rows"]

    def page(asked):
        first = 100 * (int(asked.query["current"]) - 1)
        rows = [row | {"positionId": n, "asset": f"C{n}", "amount": "1"} for n in range(first, min(first + 100, 130))]
        return Said(json={"rows": rows, "total": 130})

    exchange.answers = {LOCKED_EARN: page}
    found = read(exchange, "binance", SyncKind.BALANCES)["earn-locked"]
    assert len({row.currency for row in found.rows}) == 130
    assert exchange.paths().count(LOCKED_EARN) == 2


@pytest.mark.parametrize("bad", [{"asset": "AXS"}, {"asset": "AXS", "amount": "much"}, {"amount": "1"}])
def test_a_locked_position_that_cannot_be_read_costs_its_own_wallet(exchange, bad):
    exchange.answers = {LOCKED_EARN: Said(json={"rows": [bad], "total": 1})}
    found = read(exchange, "binance", SyncKind.BALANCES)
    assert isinstance(found["earn-locked"].error, BadResponse)
    assert found["spot"].error is None


def test_a_margin_account_that_was_never_opened_is_no_failure(exchange):
    missing = {"code": -3003, "msg": "Margin account does not exist."}
    exchange.answers = {MARGIN_ACCOUNT: Said(json=missing, status=400)}
    found = read(exchange, "binance", SyncKind.BALANCES)
    assert isinstance(found["margin"].error, PermissionMissing)
    assert "-3003" in found["margin"].error.message


def test_two_wallets_of_one_answer_are_asked_for_once(exchange):
    found = read(exchange, "binance", SyncKind.BALANCES)
    assert exchange.paths().count("api.binance.com/api/v3/account") == 1
    assert found["earn"].as_of == found["spot"].as_of


def test_bybit_balances_with_a_debt_and_an_empty_available(exchange):
    assert held(exchange, "bybit") == {
        ("unified", "USDT"): amounts("700", "300", "1000", "0"),
        ("unified", "BTC"): amounts("0", "0", "0", "0.01"),
        ("funding", "USDC"): amounts("5", "0", "5", "0"),
    }


def test_kraken_balances_under_their_usual_names(exchange):
    assert held(exchange, "kraken") == {("spot", "BTC"): amounts("0.38885833", "0.1", "0.48885833", "0")}


def test_okx_balances_without_unrealised_profit(exchange):
    assert held(exchange, "okx") == {
        ("trading", "USDT"): amounts("850", "200", "1000", "0"),
        ("trading", "BTC"): amounts("0", "0", "0", "0.01"),
        ("funding", "USDC"): amounts("4.5", "0.5", "5", "0"),
    }


def test_coinbase_balances_over_pages_with_two_accounts_of_a_coin_and_holds(exchange):
    assert held(exchange, "coinbase") == {
        ("spot", "BTC"): amounts("0.75", "0.15", "0.90", "0"),
        ("spot", "USD"): amounts("12.34", "0", "12.34", "0"),
    }


def test_kucoin_balances(exchange):
    assert held(exchange, "kucoin") == {
        ("main", "BTC"): amounts("1", "0.5", "1.5", "0"),
        ("trade", "USDT"): amounts("90", "10.00000001", "100.00000001", "0"),
        ("futures", "USDT"): amounts("930", "70", "1000", "0"),
    }


def test_gate_balances(exchange):
    assert held(exchange, "gate") == {
        ("spot", "BTC"): amounts("0.5", "0.10000001", "0.60000001", "0"),
        ("futures", "USDT"): amounts("900", "100", "1000", "0"),
    }


def test_a_unified_gate_account_is_not_counted_twice(exchange):
    balances = {"USDT": {"available": "900", "freeze": "100", "borrowed": "0", "total_liab": "0", "equity": "1000"}}
    exchange.answers = {
        "api.gateio.ws/api/v4/account/detail": Said(json={"user_id": 1, "key": {"mode": 2}}),
        "api.gateio.ws/api/v4/unified/accounts": Said(json={"user_id": 1, "locked": False, "balances": balances}),
    }
    found = read(exchange, "gate", SyncKind.BALANCES)
    assert [(row.currency, row.total) for row in found["spot"].rows] == [("USDT", 1000)]
    assert isinstance(found["futures"].error, PermissionMissing)


# --- Positions


def test_both_sides_of_a_binance_hedge(exchange):
    long, short = read(exchange, "binance", SyncKind.POSITIONS)["usdm"].rows
    assert (long.side, long.contracts, long.margin_mode) == (PositionSide.LONG, Decimal("0.01"), "cross")
    assert (short.side, short.contracts, short.notional) == (PositionSide.SHORT, Decimal("0.02"), 700)
    assert (short.entry_price, short.mark_price, short.unrealized_pnl) == (36000, 35000, 20)
    assert (short.liquidation_price, short.margin_mode) == (90000, "isolated")


def test_binance_coin_margined_positions_are_contracts_of_dollars_with_profit_in_the_coin(exchange):
    rows = read(exchange, "binance", SyncKind.POSITIONS)["coinm"].rows
    long, short, unpriced = rows
    assert (long.symbol, long.side, long.contracts, long.contract_size) == (COIN, PositionSide.LONG, 60, 100)
    assert (short.symbol, short.side, short.contracts) == (COIN, PositionSide.SHORT, 20)
    # 60 contracts of 100 dollars, bought at 30,000 and worth 35,000.
    assert long.unrealized_pnl == Decimal("0.02857143")
    assert abs(long.unrealized_pnl - 60 * 100 * (1 / Decimal(30000) - 1 / Decimal(35000))) < Decimal("1e-8")
    assert (long.notional, short.notional) == (Decimal("0.17142857"), Decimal("0.05714286"))
    assert (long.leverage, long.margin_mode, long.liquidation_price) == (10, "cross", Decimal("12345.6"))
    # The exchange leaves out what it is worth: 5 contracts of 10 dollars, at 2,500 a coin.
    assert (unpriced.symbol, unpriced.side, unpriced.contracts) == ("ETH/USD:ETH", PositionSide.SHORT, 5)
    assert (unpriced.contract_size, unpriced.notional) == (10, Decimal("0.02"))


def test_a_bybit_position_beside_the_empty_row_of_its_other_side(exchange):
    (short,) = read(exchange, "bybit", SyncKind.POSITIONS)["unified"].rows
    assert (short.symbol, short.side, short.contracts) == ("BTC/USDT:USDT", PositionSide.SHORT, Decimal("0.02"))
    assert (short.leverage, short.unrealized_pnl, short.notional) == (10, 20, 720)


def test_an_okx_position_counts_contracts(exchange):
    (short,) = read(exchange, "okx", SyncKind.POSITIONS)["trading"].rows
    assert (short.contracts, short.contract_size, short.notional) == (3, Decimal("0.01"), 1050)
    assert (short.side, short.unrealized_pnl) == (PositionSide.SHORT, 30)


@pytest.mark.parametrize(
    ("exchange_id", "wallet", "symbol", "size"),
    [
        ("kucoin", "futures", "BTC/USDT:USDT", "0.001"),
        ("gate", "futures", "BTC/USDT:USDT", "0.0001"),
    ],
)
def test_contracts_of_a_size(exchange, exchange_id, wallet, symbol, size):
    (short,) = read(exchange, exchange_id, SyncKind.POSITIONS)[wallet].rows
    assert (short.symbol, short.side, short.contracts) == (symbol, PositionSide.SHORT, 20)
    assert short.contract_size == Decimal(size)
    assert (short.entry_price, short.liquidation_price) == (36000, 90000)


def test_a_kraken_margin_position_is_in_the_coin(exchange):
    (long,) = read(exchange, "kraken", SyncKind.POSITIONS)["margin"].rows
    assert (long.symbol, long.side, long.contracts, long.contract_size) == ("BTC/EUR", PositionSide.LONG, 1, 1)
    assert (long.unrealized_pnl, long.leverage) == (200, 2)


def test_no_coinbase_futures_are_no_positions(exchange):
    assert read(exchange, "coinbase", SyncKind.POSITIONS)["futures"].rows == ()


# --- Open orders


@pytest.mark.parametrize(
    ("exchange_id", "wallet", "order_id", "client_order_id", "filled", "remaining"),
    [
        ("binance", "spot", "11", "mine-1", "0.04", "0.06"),
        ("binance", "coinm", "11", "coin-1", "2", "8"),
        ("bybit", "unified", "21", "mine", "0.04", "0.06"),
        ("kraken", "spot", "OQCLML-BW3P3-BUCMWZ", None, "0.375", "0.875"),
        ("okx", "trading", "31", "mine", "0.5", "1.5"),
        ("coinbase", "spot", "a", "mine-a", "0.04", "0.06"),
        ("kucoin", "trade", "o1", "mine", "0.04", "0.06"),
        ("gate", "spot", "41", "t-mine", "0.04", "0.06"),
    ],
)
def test_an_open_order(exchange, exchange_id, wallet, order_id, client_order_id, filled, remaining):
    order = read(exchange, exchange_id, SyncKind.ORDERS)[wallet].rows[0]
    assert (order.order_id, order.client_order_id, order.side) == (order_id, client_order_id, Side.BUY)
    assert (order.status, order.type) == (OrderStatus.OPEN, "limit")
    assert (order.filled, order.remaining) == (Decimal(filled), Decimal(remaining))
    assert order.exchange_at is not None


def test_trigger_orders_are_kept_apart_from_orders_that_may_have_the_same_id(exchange):
    found = read(exchange, "binance", SyncKind.ORDERS)
    (linear,), (inverse,) = found["usdm-trigger"].rows, found["coinm-trigger"].rows
    assert found["coinm"].rows[0].order_id == linear.order_id == inverse.order_id == "11"
    assert (linear.symbol, linear.side, linear.type) == ("BTC/USDT:USDT", Side.SELL, "market")
    assert (linear.status, linear.amount, linear.filled) == (OrderStatus.OPEN, Decimal("0.01"), 0)
    assert (linear.client_order_id, linear.price) == ("stop-11", None)
    assert (inverse.symbol, inverse.type, inverse.price) == (COIN, "limit", 29900)


def test_orders_of_the_cross_margin_account(exchange):
    (order,) = read(exchange, "binance", SyncKind.ORDERS)["margin"].rows
    assert (order.symbol, order.side, order.amount, order.price) == ("ETH/USDT", Side.SELL, Decimal("0.5"), 2500)


@pytest.mark.parametrize(
    ("exchange_id", "wallet", "ids"), [("bybit", "unified", ["21", "22"]), ("coinbase", "spot", ["a", "b"])]
)
def test_orders_are_read_to_the_last_page(exchange, exchange_id, wallet, ids):
    rows = read(exchange, exchange_id, SyncKind.ORDERS)[wallet].rows
    assert [row.order_id for row in rows] == ids


def test_full_pages_are_followed_by_the_last_id_where_there_is_no_cursor(exchange):
    (row,) = written.answers("okx")["www.okx.com/api/v5/trade/orders-pending"](None).json["data"]

    def page(asked):
        start = int(asked.query.get("after", 1000))
        count = 100 if start == 1000 else 7
        return Said(json={"code": "0", "msg": "", "data": [row | {"ordId": str(start - 1 - n)} for n in range(count)]})

    exchange.answers = {"www.okx.com/api/v5/trade/orders-pending": page}
    rows = read(exchange, "okx", SyncKind.ORDERS)["trading"].rows
    assert len({row.order_id for row in rows}) == 107


def test_counted_pages_are_followed_until_each_market_is_complete(exchange):
    (market,) = written.answers("gate")["api.gateio.ws/api/v4/spot/open_orders"](None).json
    (row,) = market["orders"]

    def page(asked):
        number = int(asked.query.get("page", 1))
        first = 100 * (number - 1)
        orders = [row | {"id": str(n)} for n in range(first, min(first + 100, 130))]
        return Said(json=[{"currency_pair": "BTC_USDT", "total": 130, "orders": orders}])

    exchange.answers = {"api.gateio.ws/api/v4/spot/open_orders": page}
    rows = read(exchange, "gate", SyncKind.ORDERS)["spot"].rows
    assert len({row.order_id for row in rows}) == 130


# --- Tickers and markets


@pytest.mark.parametrize(
    ("exchange_id", "wallet", "symbol", "last"),
    [
        ("binance", "spot", "BTC/USDT", "35000.01"),
        ("binance", "usdm", "BTC/USDT:USDT", "35010.1"),
        ("binance", "coinm", "BTC/USD:BTC", "35020.1"),
        ("bybit", "spot", "BTC/USDT", "35000.05"),
        ("kraken", "spot", "BTC/EUR", "30300"),
        ("okx", "spot", "BTC/USDT", "35000.1"),
        ("coinbase", "spot", "BTC/USD", "35000.01"),
        ("kucoin", "spot", "BTC/USDT", "35000.1"),
        ("kucoin", "futures", "BTC/USDT:USDT", "35000.2"),
        ("gate", "spot", "BTC/USDT", "35000.1"),
        ("gate", "futures", "BTC/USDT:USDT", "35000.3"),
    ],
)
def test_a_ticker(exchange, exchange_id, wallet, symbol, last):
    tickers = {row.symbol: row for row in read(exchange, exchange_id, SyncKind.TICKERS)[wallet].rows}
    assert tickers[symbol].last == Decimal(last)


@pytest.mark.parametrize(
    ("exchange_id", "market_id", "amount_step", "price_tick"),
    [
        ("binance", "BTCUSDT", "0.00001", "0.01"),
        ("bybit", "BTCUSDT", "0.000001", "0.01"),
        ("kraken", "XXBTZEUR", "0.00000001", "0.1"),
        ("okx", "BTC-USDT", "0.00000001", "0.1"),
        ("coinbase", "BTC-USD", "0.00000001", "0.01"),
        ("kucoin", "BTC-USDT", "0.00000001", "0.1"),
        ("gate", "BTC_USDT", "0.000001", "0.1"),
    ],
)
def test_a_market(exchange, exchange_id, market_id, amount_step, price_tick):
    rows = read(exchange, exchange_id, SyncKind.MARKETS)[""].rows
    (market,) = (row for row in rows if row.market_id == market_id and row.type == "spot")
    assert (market.amount_step, market.price_tick) == (Decimal(amount_step), Decimal(price_tick))


def test_an_inverse_market_counts_contracts_of_dollars(exchange):
    rows = read(exchange, "binance", SyncKind.MARKETS)[""].rows
    (market,) = (row for row in rows if row.market_id == "BTCUSD_PERP")
    assert (market.symbol, market.type, market.settle, market.is_inverse) == (COIN, "swap", "BTC", True)
    assert (market.contract_size, market.amount_step, market.price_tick) == (100, 1, Decimal("0.1"))


def test_a_market_that_does_not_trade_is_not_active(exchange):
    rows = read(exchange, "coinbase", SyncKind.MARKETS)[""].rows
    assert {row.symbol: row.is_active for row in rows} == {"BTC/USD": True, "ETH/USD": False}


# --- What a key may do


def report(exchange: ScriptedExchange, exchange_id: str):
    exchange.answers = {**written.answers(exchange_id), **exchange.answers}

    async def checked():
        client = await open_client(route_to(exchange_id, exchange.base), credentials_for(exchange_id))
        return await client.check_credentials()

    return run(checked())


@pytest.mark.parametrize(
    ("exchange_id", "trade", "withdraw", "ip"),
    [
        ("binance", True, True, False),
        ("bybit", True, True, False),
        ("kraken", None, None, None),
        ("okx", True, False, True),
        ("coinbase", False, True, None),
        ("kucoin", True, False, False),
        ("gate", None, None, None),
    ],
)
def test_what_a_key_may_do(exchange, exchange_id, trade, withdraw, ip):
    told = report(exchange, exchange_id)
    assert (told.can_trade, told.can_withdraw, told.ip_restricted) == (trade, withdraw, ip)
    assert any("WITHDRAW" in warning for warning in told.warnings) is bool(withdraw)


@pytest.mark.parametrize(
    ("exchange_id", "uid"),
    [
        ("binance", "1"),
        ("bybit", "1448939"),
        ("kraken", "AA88 N84G WOAK NMOI"),
        ("okx", "1"),
        ("coinbase", "p"),
        ("kucoin", "1"),
        ("gate", "1"),
    ],
)
def test_whose_a_key_is(exchange, exchange_id, uid):
    """Of a sub-account's key its own number, not its parent's."""
    assert report(exchange, exchange_id).exchange_uid == uid


def test_a_key_whose_owner_is_not_told_is_still_a_key(exchange):
    denied = {"error": ["EGeneral:Permission denied"]}
    exchange.answers = {"api.kraken.com/0/private/GetApiKeyInfo": Said(json=denied)}
    told = report(exchange, "kraken")
    assert (told.wallets, told.exchange_uid) == (("spot",), None)


@pytest.mark.parametrize("nobody", [0, "", None, "0", []])
def test_a_number_that_is_none_is_nobodys(exchange, nobody):
    exchange.answers = {"www.okx.com/api/v5/account/config": Said(json={"code": "0", "data": [{"uid": nobody}]})}
    assert report(exchange, "okx").exchange_uid is None


def test_a_bybit_key_without_an_ip_list_expires(exchange):
    told = report(exchange, "bybit")
    assert told.expires_at is not None
    assert any("2031-05-03" in warning for warning in told.warnings)


def test_a_key_that_may_not_ask_about_itself_is_still_a_key(exchange):
    exchange.answers = {
        "api.bybit.com/v5/user/query-api": Said(json={"retCode": 10005, "retMsg": "Permission denied", "result": {}})
    }
    told = report(exchange, "bybit")
    assert told.wallets == ("unified", "funding")
    assert told.can_withdraw is None


# --- A key that is tried and reads nothing


def tried(exchange: ScriptedExchange, exchange_id: str):
    async def asked():
        client = await open_client(route_to(exchange_id, exchange.base), credentials_for(exchange_id))
        return await client.check_credentials()

    return run(asked())


def test_a_key_that_read_nothing_is_not_called_good(exchange):
    exchange.answers = written.answers("kraken")
    fetch(route_to("kraken", exchange.base), SyncKind.TICKERS)
    exchange.answers = {"*": Said(raw="<html>")}
    with pytest.raises(BadResponse):
        tried(exchange, "kraken")


def test_a_wallet_that_could_not_be_read_is_among_the_warnings_of_a_key(exchange):
    exchange.answers = written.answers("binance")
    exchange.answers["fapi.binance.com/fapi/v3/account"] = Said(raw="<html>")
    report = tried(exchange, "binance")
    assert report.wallets == ("spot", "earn", "earn-locked", "funding", "margin", "coinm")
    assert [warning for warning in report.warnings if warning.startswith("The usdm wallet could not be read now")]
