"""Which candles are read for what accounts hold, and for the money that it is told in."""

import pytest

from apps.ledger.services.held import watch_held
from apps.market.models import Market, WatchedSymbol
from apps.users.models import User, UserSettings
from tests.apps.builders import NOON
from tests.apps.portfolio.holdings import holding

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture(autouse=True)
def _markets():
    for symbol in ("BTC/USDT", "ETH/USDT", "BTC/EUR", "EUR/USDT", "USDT/TRY", "USDC/USDT"):
        base, _, quote = symbol.partition("/")
        names = {"symbol": symbol, "market_id": symbol, "base": base, "quote": quote}
        where = {"exchange_id": "binance", "environment": "sandbox", "type": "spot"}
        Market.objects.create(**names, **where, is_active=True, is_inverse=False)


def looks_in(currency, name="family"):
    UserSettings.objects.create(user=User.objects.get(username=name), base_currency=currency)


def watched(account):
    watch_held([account.pk], NOON)
    rows = WatchedSymbol.objects.filter(source="held")
    assert {row.timeframe for row in rows} == {"1h", "1d"}
    return {row.symbol for row in rows}


@pytest.mark.parametrize(
    ("currency", "more"),
    [("EUR", {"EUR/USDT"}), ("TRY", {"USDT/TRY"}), ("BTC", {"BTC/USDT"}), ("USDT", set()), ("PLN", set())],
)
def test_what_is_held_is_watched_and_the_money_that_its_owner_looks_in(currency, more):
    account = holding("main", ETH="1", USDT="5")
    looks_in(currency)
    assert watched(account) == {"ETH/USDT"} | more


def test_who_has_not_chosen_looks_in_dollars_which_have_no_market_here():
    assert watched(holding("main", ETH="1")) == {"ETH/USDT"}


def test_of_all_who_have_accounts_there_each_has_his_own():
    first, second = holding("main", ETH="1"), holding("other", owner="neighbours", BTC="1")
    looks_in("EUR")
    looks_in("TRY", "neighbours")
    assert watched(second) == watched(first) == {"ETH/USDT", "BTC/USDT", "EUR/USDT", "USDT/TRY"}
    User.objects.filter(username="neighbours").update(is_active=False)
    assert watched(first) == {"ETH/USDT", "BTC/USDT", "EUR/USDT"}
