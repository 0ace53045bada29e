"""What trusted peers read out of real answers must be what stands in our tables."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from alphapulse.types import Credentials, SyncKind
from apps.exchanges.models import Environment, ExchangeAccount
from apps.ledger.models import Balance, Order
from apps.market.models import Market, Ticker
from apps.sync.models import SyncState
from apps.sync.services import states
from apps.sync.services.batch import sync_batch
from tests import recorded
from tests.apps.builders import workspace

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.usefixtures("shared_redis")]

EXCHANGES = ("binance", "bybit", "kraken", "okx")


@pytest.fixture(scope="module")
def replay() -> Iterator[str]:
    recorded.required()
    with recorded.replayed() as base:
        yield base


@pytest.fixture
def gateways(replay, settings) -> None:
    settings.EXCHANGE_GATEWAYS = dict.fromkeys(EXCHANGES, replay)


@pytest.fixture
def synced(gateways):
    """A function: syncs every kind of a case's account once; returns the account."""

    def sync(name: str) -> ExchangeAccount:
        case = recorded.case(name)
        account = ExchangeAccount(
            workspace=workspace(), label=name, exchange_id=case["venue"], environment=Environment.LIVE
        )
        account.set_credentials(
            Credentials(api_key=case["api_key"], secret=case["secret"], password=case["password"] or "")
        )
        account.save()
        states.make_states(account.pk)
        for kind in SyncKind:
            sync_batch(account.exchange_id, kind)
        return account

    return sync


def errors(account: ExchangeAccount) -> dict[str, str]:
    return {
        state.kind: state.error for state in SyncState.objects.filter(exchange_id=account.exchange_id) if state.error
    }


def totals(account: ExchangeAccount) -> dict[str, Decimal]:
    """By currency, over all wallets."""
    found: dict[str, Decimal] = {}
    for row in Balance.objects.filter(reading__account=account):
        found[row.currency] = found.get(row.currency, Decimal(0)) + row.total
    return found


def check_balances(account: ExchangeAccount, wallet: str, check: str) -> None:
    """Every amount that the named check of the case expects is in that wallet's rows."""
    expected = next(item for item in recorded.expected(account.label)["checks"] if item["name"] == check)["expect"]
    rows = {row.currency: row for row in Balance.objects.filter(reading__account=account, reading__wallet=wallet)}
    for currency, amounts in expected.items():
        for column, amount in amounts.items():
            stored = getattr(rows[currency], column) if currency in rows else Decimal(0)
            assert stored == Decimal(amount), (wallet, currency, column)


def test_binance_spot_balances_are_exact_and_an_asset_without_a_market_stays(synced):
    account = synced("binance_spot_rotki")
    check_balances(account, "spot", "balance")
    assert totals(account)["IDONTEXIST"] == 5


def test_bybit_money_in_both_wallets_is_counted_once_each(synced):
    account = synced("bybit_uta_rotki")
    check_balances(account, "unified", "unified wallet")
    check_balances(account, "funding", "funding wallet")
    facts = recorded.expected("bybit_uta_rotki")["facts"]["account_totals_both_wallets"]
    assert {currency: totals(account)[currency] for currency in facts} == {
        currency: Decimal(amount) for currency, amount in facts.items()
    }


def test_kraken_balances_and_open_orders_have_their_usual_names(synced):
    account = synced("kraken_xchange")
    facts = recorded.expected("kraken_xchange")["facts"]
    assert {c: str(totals(account)[c]) for c in facts["balances"]} == facts["balances"]
    expected = next(c for c in recorded.expected("kraken_xchange")["checks"] if c["name"] == "open orders")["expect"]
    orders = {row.order_id: row for row in Order.objects.filter(reading__account=account, status="open")}
    assert len(orders) == facts["open_orders"]
    for order in expected:
        row = orders[order["id"]]
        assert (row.symbol, row.amount, row.price) == (
            order["symbol"],
            Decimal(order["amount"]),
            Decimal(order["price"]),
        )


def test_okx_trading_and_funding_wallets_stand_apart(synced):
    account = synced("okx_rotki")
    check_balances(account, "trading", "trading")
    check_balances(account, "funding", "funding")


# The recordings hold a handful of markets; a last price of each, as the exchange's own text has it.
PRICES = [
    ("binance_spot_rotki", "ETH/BTC", "spot_ticker_24hr", lambda answer: answer[0]["lastPrice"]),
    ("bybit_uta_rotki", "MATIC/USDC", "tickers_spot", lambda answer: answer["result"]["list"][0]["lastPrice"]),
    ("kraken_xchange", "BTC/USDT", "ticker", lambda answer: answer["result"]["XBTUSDT"]["c"][0]),
]


@pytest.mark.parametrize(("name", "symbol", "file", "price"), PRICES)
def test_prices_are_stored_exactly_as_the_exchange_wrote_them(synced, name, symbol, file, price):
    account = synced(name)
    assert errors(account).keys().isdisjoint({"tickers", "markets"})
    row = Ticker.objects.get(exchange_id=account.exchange_id, environment="live", symbol=symbol)
    assert row.last == Decimal(price(recorded.venue(account.exchange_id, file)))


@pytest.mark.parametrize("name", ["binance_spot_rotki", "bybit_uta_rotki", "kraken_xchange", "okx_rotki"])
def test_markets_come_with_the_steps_and_minimums_that_orders_need(synced, name):
    account = synced(name)
    markets = Market.objects.filter(exchange_id=account.exchange_id, environment="live", is_active=True)
    assert markets.filter(type="spot").count() > 3
    assert not markets.filter(amount_step=None).exists()
    assert not markets.filter(price_tick=None).exists()
