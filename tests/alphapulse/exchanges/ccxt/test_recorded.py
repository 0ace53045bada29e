"""What real exchanges answered, as peers read it, comes out as our types."""

from decimal import Decimal

import pytest

from alphapulse.exchanges.ccxt.client import open_client
from alphapulse.exchanges.errors import CredentialsRejected
from alphapulse.types import Credentials, OrderStatus, SyncKind
from tests import recorded
from tests.alphapulse.exchanges.asking import CREDENTIALS, fetch, route_to, run

# One line for the whole file, where there are none.
if not recorded.FOLDER.is_dir():
    pytest.skip("THE RECORDED ANSWERS ARE NOT CHECKED: ALPHAPULSE_RECORDED names no folder", allow_module_level=True)

CASES = {
    "binance": "binance_spot_rotki",
    "bybit": "bybit_uta_rotki",
    "kraken": "kraken_xchange",
    "okx": "okx_rotki",
}
# Which wallet a check of expected.json is about.
WALLETS = {
    ("binance", "balance"): "spot",
    ("bybit", "unified wallet"): "unified",
    ("bybit", "funding wallet"): "funding",
    ("kraken", "balance"): "spot",
    ("okx", "trading"): "trading",
    ("okx", "funding"): "funding",
}


def credentials(exchange_id: str) -> Credentials:
    case = recorded.case(CASES[exchange_id])
    return Credentials(api_key=case["api_key"], secret=case["secret"], password=case["password"] or "")


def readings(replay: str, exchange_id: str, kind: SyncKind) -> dict:
    found = fetch(route_to(exchange_id, replay), kind, credentials(exchange_id))
    errors = [str(reading.error) for reading in found if reading.error is not None]
    assert all("nothing recorded" in error for error in errors), errors
    return {reading.wallet: reading for reading in found}


@pytest.mark.parametrize(("exchange_id", "name"), WALLETS)
def test_balances_are_what_peers_read_out_of_the_same_answer(replay, exchange_id, name):
    checks = recorded.expected(CASES[exchange_id])["checks"]
    (expected,) = (check["expect"] for check in checks if check["name"] == name)
    reading = readings(replay, exchange_id, SyncKind.BALANCES)[WALLETS[exchange_id, name]]
    held = {balance.currency: balance for balance in reading.rows}
    for currency, amounts in expected.items():
        if Decimal(amounts["total"]) == 0:
            assert currency not in held
            continue
        for field, amount in amounts.items():
            assert getattr(held[currency], field) == Decimal(amount), (currency, field)


def test_both_bybit_wallets_together_are_the_whole_account(replay):
    expected = recorded.expected(CASES["bybit"])["facts"]["account_totals_both_wallets"]
    totals: dict[str, Decimal] = {}
    for reading in readings(replay, "bybit", SyncKind.BALANCES).values():
        for balance in reading.rows:
            totals[balance.currency] = totals.get(balance.currency, Decimal(0)) + balance.total
    assert totals == {currency: Decimal(amount) for currency, amount in expected.items()}


def test_kraken_open_orders_are_what_peers_read(replay):
    checks = recorded.expected(CASES["kraken"])["checks"]
    (expected,) = (check for check in checks if check["name"] == "open orders")
    orders = {order.order_id: order for order in readings(replay, "kraken", SyncKind.ORDERS)["spot"].rows}
    assert len(orders) == expected["count"]
    for row in expected["expect"]:
        order = orders[row["id"]]
        assert order.symbol == row["symbol"]
        assert order.amount == Decimal(row["amount"])
        assert order.price == Decimal(row["price"])
        assert order.side == row.get("side", order.side)
        assert order.status is OrderStatus.OPEN


@pytest.mark.parametrize("exchange_id", CASES)
def test_no_positions_are_an_empty_complete_answer(replay, exchange_id):
    for reading in readings(replay, exchange_id, SyncKind.POSITIONS).values():
        assert reading.rows == ()


# From venues/: the exchanges' own answers.


def test_binance_tickers_are_those_of_the_exchange(replay):
    found = readings(replay, "binance", SyncKind.TICKERS)
    (wire,) = (row for row in recorded.venue("binance", "spot_ticker_24hr") if row["symbol"] == "BTCUSDT")
    (ticker,) = (row for row in found["spot"].rows if row.symbol == "BTC/USDT")
    assert (ticker.last, ticker.bid, ticker.ask) == tuple(
        Decimal(wire[x]) for x in ("lastPrice", "bidPrice", "askPrice")
    )
    assert ticker.quote_volume == Decimal(wire["quoteVolume"])
    (wire,) = (row for row in recorded.venue("binance", "usdm_ticker_24hr") if row["symbol"] == "BTCUSDT")
    (ticker,) = (row for row in found["usdm"].rows if row.symbol == "BTC/USDT:USDT")
    assert ticker.last == Decimal(wire["lastPrice"])


def test_binance_markets_have_the_filters_of_the_exchange(replay):
    (reading,) = fetch(route_to("binance", replay), SyncKind.MARKETS)
    markets = {market.symbol: market for market in reading.rows}
    (wire,) = (row for row in recorded.venue("binance", "spot_exchange_info")["symbols"] if row["symbol"] == "ETHBTC")
    filters = {row["filterType"]: row for row in wire["filters"]}
    market = markets["ETH/BTC"]
    assert market.market_id == "ETHBTC"
    assert market.amount_step == Decimal(filters["LOT_SIZE"]["stepSize"])
    assert market.price_tick == Decimal(filters["PRICE_FILTER"]["tickSize"])
    assert market.min_amount == Decimal(filters["LOT_SIZE"]["minQty"])
    assert (market.type, market.settle, market.is_inverse) == ("spot", None, False)
    assert (markets["BTC/USDT:USDT"].type, markets["BTC/USDT:USDT"].settle) == ("swap", "USDT")


def test_bybit_tickers_and_markets_are_those_of_the_exchange(replay):
    wire = {row["symbol"]: row for row in recorded.venue("bybit", "tickers_linear")["result"]["list"]}["BTCUSDT"]
    found = readings(replay, "bybit", SyncKind.TICKERS)
    (ticker,) = (row for row in found["contracts"].rows if row.symbol == "BTC/USDT:USDT")
    assert (ticker.last, ticker.base_volume) == (Decimal(wire["lastPrice"]), Decimal(wire["volume24h"]))
    (reading,) = fetch(route_to("bybit", replay), SyncKind.MARKETS)
    inverse = next(market for market in reading.rows if market.symbol == "BTC/USD:BTC")
    assert (inverse.is_inverse, inverse.settle) == (True, "BTC")


def test_kraken_markets_and_tickers_are_under_their_usual_names(replay):
    (reading,) = fetch(route_to("kraken", replay), SyncKind.MARKETS)
    assert {"BTC/EUR": "XXBTZEUR", "ETH/BTC": "XETHXXBT"}.items() <= {
        m.symbol: m.market_id for m in reading.rows
    }.items()
    wire = recorded.venue("kraken", "ticker")["result"]["XBTUSDT"]
    ticker = next(row for row in readings(replay, "kraken", SyncKind.TICKERS)["spot"].rows if row.symbol == "BTC/USDT")
    assert (ticker.last, ticker.bid) == (Decimal(wire["c"][0]), Decimal(wire["b"][0]))


def test_okx_swaps_count_in_contracts_of_a_size(replay):
    (reading,) = fetch(route_to("okx", replay), SyncKind.MARKETS)
    wire = {row["instId"]: row for row in recorded.venue("okx", "instruments_swap")["data"]}["BTC-USDT-SWAP"]
    swap = next(market for market in reading.rows if market.market_id == "BTC-USDT-SWAP")
    assert swap.contract_size == Decimal(wire["ctVal"])
    assert swap.amount_step == Decimal(wire["lotSz"])


@pytest.mark.parametrize("exchange_id", CASES)
def test_an_unknown_key_is_rejected(replay, exchange_id):
    with pytest.raises(CredentialsRejected):
        fetch(route_to(exchange_id, replay), SyncKind.BALANCES, CREDENTIALS)


@pytest.mark.parametrize("exchange_id", CASES)
def test_a_key_is_checked_against_the_exchange(replay, exchange_id):
    async def checked():
        client = await open_client(route_to(exchange_id, replay), credentials(exchange_id))
        return await client.check_credentials()

    report = run(checked())
    assert report.wallets
    assert report.wallets_not_permitted == ()
    assert report.can_withdraw is not True
