"""The worth of accounts whose content is known: what counts, what does not, and what is said of the rest."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from alphapulse.types import Balance, PositionSide, SyncKind
from apps.market.models import Asset, AssetAlias, Market
from apps.market.services.assets import store_fiat_rates
from apps.portfolio.services.prices import prices_of
from apps.portfolio.services.valuation import value_accounts
from tests.apps.builders import NOON, account, later
from tests.apps.portfolio.holdings import fail, forget_wallet, holding, position, store, tell

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def worth(*accounts, currency="USDT", now=NOON, **more):
    return value_accounts(accounts, currency, now=now, **more).worth


def test_the_worksheet():
    """0.5 BTC + 2 ETH less 0.25 owed + 1,000 USDT that earned 12.5: 50,000 + 7,000 + 1,012.5."""
    tell()
    mine = holding(BTC="0.5")
    eth = Balance(currency="ETH", free=Decimal(2), used=Decimal(0), total=Decimal(2), debt=Decimal("0.25"))
    usdt = Balance(currency="USDT", free=Decimal(900), used=Decimal(100), total=Decimal(1000), debt=Decimal(0))
    store(mine, SyncKind.BALANCES, eth, wallet="margin")
    store(mine, SyncKind.BALANCES, usdt, wallet="usdm")
    store(mine, SyncKind.POSITIONS, position("BTC/USDT:USDT", earned="12.5"), wallet="usdm")
    found = worth(mine)
    assert (found.total, found.is_complete) == (Decimal("58012.5"), True)
    assert {line.holding.wallet for line in found.lines} == {"spot", "margin", "usdm"}
    assert worth(mine, currency="EUR").total == Decimal("46410")


def test_an_inverse_position_counts_in_its_coin():
    tell()
    mine = holding(BTC="1", wallet="coinm")
    store(mine, SyncKind.POSITIONS, position("BTC/USD:BTC", earned="-0.1"), wallet="coinm")
    assert worth(mine).total == 90000


def test_what_a_position_earned_is_worked_out_where_the_exchange_does_not_say():
    tell()
    mine = holding(USDT="100", wallet="usdm")
    prices = {"entry_price": Decimal(100), "mark_price": Decimal(90), "contracts": Decimal(3)}
    store(mine, SyncKind.POSITIONS, position("X/USDT:USDT", side=PositionSide.SHORT, **prices), wallet="usdm")
    assert worth(mine).total == 130
    store(mine, SyncKind.POSITIONS, position("X/USDT:USDT"), wallet="usdm")
    found = worth(mine)
    assert (found.total, list(found.unpriced)) == (100, ["X/USDT:USDT"])


def test_what_has_no_price_is_named_and_no_zero():
    tell()
    found = worth(holding(BTC="1", FOO="5"))
    assert (found.total, found.is_complete, list(found.unpriced)) == (100000, False, ["FOO"])


def test_a_wallet_that_failed_keeps_what_it_held_and_is_named():
    tell()
    mine, other = holding(BTC="1"), holding("other", ETH="1")
    fail(mine)
    valued = value_accounts([mine, other], "USDT", now=NOON)
    assert (valued.worth.total, valued.worth.is_complete) == (104000, False)
    assert set(valued.stale) == {mine.pk}
    assert "balances of spot: the exchange is away" in valued.stale[mine.pk]


def test_a_wallet_that_was_never_read_is_missing_and_an_account_of_these_alone_has_no_worth():
    tell()
    mine, new = holding(BTC="1"), account("new")
    forget_wallet(mine, "funding")
    valued = value_accounts([mine, new], "USDT", now=NOON)
    assert valued.worth.total == 100000
    assert valued.failed[mine.pk] == ["balances of funding: not read yet"]
    assert worth(new).total is None


def test_rows_that_nobody_has_brought_in_time_are_stale():
    tell(at=later(3599))
    mine = holding(BTC="1", fresh_for=60)
    assert worth(mine, now=later(59)).is_complete
    found = worth(mine, now=later(61))
    assert (found.total, found.stale) == (100000, {mine.pk})


def test_a_wallet_that_the_catalogue_does_not_read_any_more_does_not_count_twice():
    tell()
    mine = holding(BTC="1")
    store(
        mine,
        SyncKind.BALANCES,
        Balance(**dict.fromkeys(("free", "total"), Decimal(1)), currency="BTC", used=Decimal(0), debt=Decimal(0)),
        wallet="all",
    )
    assert worth(mine).total == 100000


def test_prices_of_the_other_environment_are_none_of_ours():
    tell(environment="live")
    found = worth(holding(BTC="1"))
    assert (found.total, list(found.unpriced)) == (None, ["BTC"])


def test_accounts_of_two_environments_are_never_summed():
    accounts = [account("real", environment="live"), account("toy")]
    with pytest.raises(AssertionError, match="environments"):
        value_accounts(accounts, "USDT", now=NOON)


def test_an_alias_says_what_a_code_means_here_and_how_many():
    tell({"LUNC/USDT": "0.0001", "SATS/USDT": "0.0000002"}, exchange_id="kucoin")
    lunc = Asset.objects.get(code="LUNC")
    AssetAlias.objects.create(
        exchange_id="binance", code="LUNA", asset=lunc, valid_from=datetime(2026, 1, 1, tzinfo=UTC)
    )
    # The rename of 2022 is over; the thousand of the bundle are known from the beginning.
    found = worth(holding(LUNA="1000", **{"1000SATS": "10"}))
    assert found.total == Decimal("0.1") + Decimal("0.002")
    assert {line.holding.asset for line in found.lines} == {"LUNC", "SATS"}


def test_as_many_as_an_alias_says_are_exactly_so_many():
    """Thirty-two digits: Python's own context would round the last ones."""
    AssetAlias.objects.filter(code="1000SATS").update(multiplier=3)
    found = worth(holding(**{"1000SATS": "10000000000000.000000000000000001"}))
    [line] = [line for line in found.lines if line.holding.amount]
    assert line.holding.amount == Decimal("30000000000000.000000000000000003")


def test_an_alias_of_yesterday_means_nothing_today():
    tell({"LUNA/USDT": "2"})
    assert worth(holding(LUNA="10")).total == 20


def test_a_halted_market_has_no_price():
    tell({"BTC/USDT": "100000"})
    mine = holding(BTC="1")
    Market.objects.create(
        exchange_id="binance",
        environment="sandbox",
        market_id="BTCUSDT",
        type="spot",
        symbol="BTC/USDT",
        base="BTC",
        quote="USDT",
        is_active=False,
        is_inverse=False,
    )
    assert worth(mine).total is None


def test_markets_come_before_the_central_bank_and_its_rate_is_marked():
    mine = holding(EUR="100")
    store_fiat_rates(NOON.date() - timedelta(days=1), {"USD": Decimal("1.08"), "GBP": Decimal("0.85")})
    tell()
    by_ecb = worth(mine, currency="USD")
    assert by_ecb.total == 108
    assert by_ecb.lines[0].price.sources == ("ecb",)
    tell({"EUR/USD": "1.1"}, exchange_id="kraken")
    by_market = worth(mine, currency="USD")
    assert (by_market.total, by_market.lines[0].price.sources) == (Decimal("110"), ("kraken",))


def test_a_stablecoin_is_a_dollar_for_those_who_say_so():
    tell()
    mine = holding(USDT="100")
    assert worth(mine, currency="USD").total is None
    assert worth(mine, currency="USD", at_par=True).total == 100


def test_who_takes_stablecoins_for_dollars_takes_one_for_another():
    tell({"USDC/USDT": "0.99975"})
    mine = holding(USDC="1000", USDT="10000")
    assert worth(mine, currency="USDT").total == Decimal("10999.75")
    assert worth(mine, currency="USDT", at_par=True).total == 11000
    assert worth(mine, currency="USDC", at_par=True).total == 11000


def test_prices_are_read_again_after_five_seconds():
    tell()
    first = prices_of("sandbox", now=NOON)
    assert prices_of("sandbox", now=later(4.9)) is first
    assert prices_of("sandbox", now=later(5)) is not first
