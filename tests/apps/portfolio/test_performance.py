"""How a workspace did, from snapshots and flows whose outcome is known by hand."""

from decimal import Decimal

import pytest

from alphapulse.types import Candle, SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.market.models import Asset, AssetKind
from apps.market.services import series_of, store_candles
from apps.portfolio.models import AccountWorth, Snapshot
from apps.portfolio.services.drawn import depths
from tests.alphapulse.portfolio.happenings import day, transfer
from tests.apps.api import get, logged_in
from tests.apps.builders import NOON
from tests.apps.pasts import tell_at_binance
from tests.apps.portfolio.holdings import holding, position, store, tell
from tests.apps.portfolio.ledgers import happen, read_whole

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    tell_at_binance(monkeypatch)
    for place in ("apps.portfolio.api.pnl", "apps.portfolio.api.performance"):
        monkeypatch.setattr(f"{place}.now", lambda: NOON)


@pytest.fixture
def mine():
    tell()
    return holding("main", USDT="100")


def worth(on, **of_accounts):
    """A snapshot: `worth(3, main="110")`."""
    accounts = {account.label: account for account in ExchangeAccount.objects.all()}
    total = sum(map(Decimal, of_accounts.values()))
    snapshot = Snapshot.objects.create(
        workspace=next(iter(accounts.values())).workspace,
        environment="sandbox",
        taken_at=day(on),
        currency="USDT",
        total=total,
        equity=total,
        is_complete=True,
        rates={"USDT": "1", "EUR": "0.8"},
    )
    for label, value in of_accounts.items():
        worths = {"total": Decimal(value), "equity": Decimal(value)}
        AccountWorth.objects.create(snapshot=snapshot, account=accounts[label], is_complete=True, **worths)


def asked(**params):
    return get(logged_in(), "/api/portfolio/performance", **({"currency": "USDT"} | params))


def test_what_came_and_went_is_no_return(mine):
    """100 became 110; 90 came, 200 became 220; 20 went and 200 stayed."""
    for on, value in ((1, "100"), (2, "110"), (3, "220"), (4, "200")):
        worth(on, main=value)
    happen(mine, transfer("deposit 90 USDT", 2.5), transfer("withdrawal 20 USDT", 3.5))
    read_whole(mine, since=day(1), at=NOON)
    answer = asked()
    assert answer["time_weighted"] == pytest.approx(0.21)
    assert (answer["begin"], answer["end"], answer["net_flows"], answer["gain"]) == ("100", "200", "70", "30")
    assert (answer["complete"], answer["reasons"]) == (True, [])
    assert [point["index"] for point in answer["curve"]] == pytest.approx([1, 1.1, 1.21, 1.21])
    assert answer["unknown"]["volatility"] == "the returns of 3 days are known, and 30 are needed"
    assert answer["unknown"]["money_weighted_annual"] == "it is 3.0 days long, and a year's rate is told of 30"
    assert answer["unknown"]["correlation_btc"] == "no daily candles of bitcoin are kept for that time"
    assert {name for name, value in answer.items() if value is None} <= answer["unknown"].keys()
    # Of three days there is no risk, and no year.
    assert (answer["days"], answer["volatility"], answer["sharpe"], answer["time_weighted_annual"]) == (
        3,
        None,
        None,
        None,
    )


def test_it_may_be_asked_in_another_currency(mine):
    worth(1, main="100")
    worth(2, main="110")
    answer = asked(currency="EUR")
    assert (answer["begin"], answer["end"]) == ("80", "88")
    assert answer["time_weighted"] == pytest.approx(0.1)


def test_an_account_that_is_added_brought_what_it_had(mine):
    """And what was deposited there before anybody looked is no flow of the curve."""
    other = holding("other", USDT="900")
    happen(other, transfer("deposit 900 USDT", 1.5))
    worth(1, main="100")
    worth(2, main="100")
    worth(3, main="100", other="900")
    worth(4, main="110", other="990")
    answer = asked()
    assert (answer["net_flows"], answer["gain"]) == ("900", "100")
    assert answer["time_weighted"] == pytest.approx(0.1)


def test_an_account_that_is_deleted_took_what_it_had(mine):
    other = holding("other", USDT="900")
    worth(1, main="100", other="900")
    worth(2, main="100", other="1000")
    worth(3, main="110")
    other.archived_at = day(2.5)
    other.save()
    answer = asked()
    # 1.1 from the first to the second, then 110 and the 1000 that went of 1100.
    assert answer["time_weighted"] == pytest.approx(1.1 * 1110 / 1100 - 1)
    assert answer["gain"] == "110"


def test_what_left_an_account_after_its_last_snapshot_has_not_left_twice(mine):
    """Emptied and deleted between two snapshots, as they lie far apart once they are thinned."""
    other = holding("other", USDT="900")
    worth(1, main="100", other="900")
    worth(2, main="100", other="900")
    happen(other, transfer("withdrawal 900 USDT", 2.3))
    other.archived_at = day(2.5)
    other.save()
    worth(3, main="100")
    answer = asked()
    assert (answer["net_flows"], answer["gain"]) == ("-900", "0")
    assert answer["time_weighted"] == pytest.approx(0)


def test_money_on_its_way_between_own_accounts_is_no_fall(mine):
    """Left on day 1.9, arrived on day 2.1: the snapshot between sees neither end of it."""
    other = holding("other", USDT="1")
    worth(1, main="100", other="1")
    worth(2, main="40", other="1")
    worth(3, main="40", other="61")
    happen(mine, transfer("withdrawal 60 USDT", 1.9, txid="x"))
    happen(other, transfer("deposit 60 USDT", 2.1, txid="x"))
    answer = asked()
    assert answer["time_weighted"] == pytest.approx(0)
    assert answer["max_drawdown"] is None


def test_the_risks_of_a_month_are_those_of_its_days(mine):
    """Up 2 %, down 1 %, fifteen times: as calculated in the core's own tests."""
    value = 100.0
    worth(1, main=str(value))
    for number in range(30):
        value *= 0.99 if number % 2 else 1.02
        worth(number + 2, main=f"{value:.12f}")
    answer = asked()
    assert answer["days"] == 30
    assert answer["volatility"] == pytest.approx(0.015 * (30 / 29) ** 0.5 * 365**0.5)
    assert answer["sortino"] == pytest.approx(0.005 / (0.0001 / 2) ** 0.5 * 365**0.5)
    assert answer["max_drawdown"]["depth"] == pytest.approx(-0.01)
    assert answer["calmar"] == pytest.approx(answer["time_weighted_annual"] / 0.01)
    assert answer["sharpe"] > asked(risk_free="0.05")["sharpe"]


def test_what_is_missing_is_said(mine):
    assert asked()["reasons"] == ["No snapshot of worth is of that time."]
    worth(1, main="100")
    assert asked()["reasons"] == ["There are not two snapshots of worth in that time."]
    worth(2, main="100")
    happen(mine, transfer("deposit 5 XYZ", 1.5))
    reasons = asked()["reasons"]
    assert any("transfers of main are not all known" in reason for reason in reasons)
    assert any("1 times something came or went without a price" in reason for reason in reasons)


def test_what_is_known_in_another_currency_alone_is_said(mine):
    for on in (1, 2, 3):
        worth(on, main="100")
    told = "3 snapshots of worth, none of which is known in JPY, for no price led there. "
    assert asked(currency="JPY")["reasons"] == [told + "The newest is known in EUR, USDT."]
    Snapshot.objects.filter(taken_at=day(3)).update(rates={"JPY": "150"})
    assert asked(currency="JPY")["reasons"][0].startswith("3 snapshots of worth, 1 of which is known")


def test_exposure_and_concentration_are_of_now(mine):
    """60 in ETH (0.015 at 4000), 40 in USDT, and a short contract of 30: worth 100 and 2 earned."""
    Asset.objects.update_or_create(code="USDT", defaults={"kind": AssetKind.STABLECOIN})
    both = holding("main", ETH="0.015", USDT="40")
    short = position("BTC/USDT:USDT", side="short", notional=Decimal(30), earned="0")
    store(both, SyncKind.POSITIONS, short, wallet="usdm")
    answer = asked()
    assert answer["exposure"] == pytest.approx({"long": 0.6, "short": 0.3, "gross": 0.9, "net": 0.3})
    assert answer["concentration"]["largest"] == "ETH"
    assert answer["concentration"]["herfindahl"] == pytest.approx(0.6**2 + 0.4**2)


def test_a_notional_is_priced_where_the_position_is(mine):
    """As what it earned is, and the bitcoin beside it: hedged, nothing is left, whatever a bitcoin costs elsewhere."""
    tell({"BTC/USDT": "90000"}, exchange_id="ascendex")
    both = holding("main", BTC="1", wallet="coinm")
    store(
        both, SyncKind.POSITIONS, position("BTC/USD:BTC", side="short", notional=Decimal(1), earned="0"), wallet="coinm"
    )
    told = asked()["exposure"]
    assert (told["net"], told["long"]) == (0, told["short"])


def test_a_position_in_a_wallet_that_is_not_read_any_more_is_no_exposure(mine):
    short = position("BTC/USDT:USDT", side="short", notional=Decimal(30), earned="0")
    for wallet in ("usdm", "of old"):
        store(mine, SyncKind.POSITIONS, short, wallet=wallet)
    assert asked()["exposure"]["short"] == pytest.approx(0.3)


def test_nothing_is_concentrated_in_what_alone_has_a_price(mine):
    """100 USDT, and a coin that may be worth as much, or nothing."""
    holding("main", USDT="100", XYZ="1000")
    answer = asked()
    assert (answer["concentration"], answer["exposure"]) == (None, None)


def test_a_rate_is_a_rate(mine):
    answer = logged_in().get("/api/portfolio/performance", {"risk_free": "four"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_parameter")


def test_bitcoin_is_compared_day_by_day(mine):
    """What is held goes half as far as bitcoin, each day: the two go together."""
    value, close, closes = 100.0, 1000.0, [1000.0]
    worth(1, main="100")
    for number in range(30):
        moved = -0.02 if number % 3 else 0.06
        value, close = value * (1 + moved / 2), close * (1 + moved)
        worth(number + 2, main=f"{value:.12f}")
        closes.append(close)
    assert asked()["correlation_btc"] is None
    daily_candles(closes)
    assert asked()["correlation_btc"] == pytest.approx(1)
    # In a currency in which no market tells it.
    assert asked(currency="EUR")["correlation_btc"] == pytest.approx(1)


def daily_candles(closes):
    series = series_of(exchange_id="binance", environment="sandbox", symbol="BTC/USDT", timeframe="1d")
    candles = [
        Candle(
            symbol="BTC/USDT",
            timeframe="1d",
            opened_at=day(number),
            **dict.fromkeys(("open", "high", "low", "close"), Decimal(f"{close:.8f}")),
            volume=Decimal(1),
            is_closed=True,
        )
        for number, close in enumerate(closes, 1)
    ]
    store_candles(series, candles)


def test_the_drawdown_that_is_drawn_is_the_one_that_is_told(mine, monkeypatch):
    """An account that nobody's history explains is deleted, and long books have not been calculated: no fall."""
    monkeypatch.setattr("apps.portfolio.services.statements.AT_ONCE", 0)
    other = holding("other", USDT="900")
    for on, value in ((1, "900"), (2, "900")):
        worth(on, main="100", other=value)
    happen(mine, transfer("withdrawal 50 USDT", 3.5))
    other.archived_at = day(2.5)
    other.save()
    worth(3, main="100")
    worth(4, main="45")
    drawn = depths(mine.workspace, "sandbox", "USDT", since=None, now=NOON)
    assert [float(point.value) for point in drawn] == pytest.approx([0, 0, 0, -0.05])


def test_what_went_to_and_fro_between_two_snapshots_hides_no_return(mine):
    """101 became 111 while 60 went from one account to the other: else it would be 171 of 161."""
    other = holding("other", USDT="1")
    worth(1, main="100", other="1")
    worth(2, main="50", other="61")
    happen(mine, transfer("withdrawal 60 USDT", 1.4, txid="x"))
    happen(other, transfer("deposit 60 USDT", 1.6, txid="x"))
    answer = asked()
    assert answer["time_weighted"] == pytest.approx(10 / 101)
    assert (answer["net_flows"], answer["gain"]) == ("0", "10")
    # Of one of them alone it is what left.
    alone = asked(account="main")
    assert (alone["net_flows"], alone["gain"], alone["time_weighted"]) == ("-60", "10", pytest.approx(0.1))


def test_a_transfer_of_a_coin_is_worth_the_same_at_both_ends(mine):
    """ETH rose on its way. What was won by that is won, and no price of the way is missing."""
    other = holding("other", ETH="1")
    worth(1, main="4000", other="1")
    worth(2, main="0", other="4401")
    happen(mine, transfer("withdrawal 1 ETH", 1.4, txid="x"))
    happen(other, transfer("deposit 1 ETH", 1.6, txid="x"))
    read_whole(mine, since=day(1), at=NOON)
    read_whole(other, since=day(1), at=NOON)
    answer = asked()
    assert (answer["net_flows"], answer["gain"], answer["complete"]) == ("0", "400", True)
    assert answer["time_weighted"] == pytest.approx(400 / 4001)
