"""What is told of worth over REST: in the reader's currency, in parts, and what is not in it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alphapulse.types import SyncKind
from apps.core import clock
from apps.exchanges.models import AccountGroup
from apps.ledger.models import Balance, WalletReading
from apps.portfolio.models import Snapshot
from apps.portfolio.services import snapshots
from apps.users.models import Membership, UserSettings
from tests.apps.api import get, logged_in, user
from tests.apps.builders import account, workspace
from tests.apps.portfolio.holdings import fail, holding, position, store, tell

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def now(monkeypatch):
    """The clock stands: what is fresh stays so."""
    at = clock.now().replace(microsecond=0)
    for where in ("apps.portfolio.api.worth.now", "apps.ledger.api.views.now"):
        monkeypatch.setattr(where, lambda: at)
    return at


@pytest.fixture
def family(now):
    """0.5 BTC and 1,000 EUR in one account, 5 ETH in another: 50,000 + 1,250 + 20,000 USDT."""
    client = logged_in()
    UserSettings.objects.create(user=user(), base_currency="USDT")
    tell(at=now)
    holding(at=now, BTC="0.5", EUR="1000")
    holding("savings", at=now, ETH="5")
    return client


def summary(client, **asked):
    return get(client, "/api/portfolio/summary", **asked)


def allocation(client, **asked):
    return get(client, "/api/portfolio/allocation", **asked)


def shares(answer):
    return {part["name"]: (part["value"], part["share"]) for part in answer["parts"]}


# --- The summary ----------------------------------------------------------------------------------------------------


def test_the_total_is_in_the_readers_currency(family):
    found = summary(family)
    assert (found["total"], found["currency"], found["environment"]) == ("71250", "USDT", "sandbox")
    assert (found["complete"], found["unpriced"], found["failed"], found["stale"]) == (True, [], [], [])
    assert summary(family, currency="EUR")["total"] == "57000"
    UserSettings.objects.update(base_currency="BTC")
    assert summary(family)["total"] == "0.7125"


def test_each_account_group_and_workspace_has_its_part(family):
    group = AccountGroup.objects.create(workspace=workspace(), name="long term")
    group.accounts.add(*workspace().accounts.filter(label="savings"))
    found = summary(family)
    assert [(each["account"], each["total"]) for each in found["accounts"]] == [("main", "51250"), ("savings", "20000")]
    assert [(each["group"], each["total"]) for each in found["groups"]] == [("long term", "20000")]
    assert [(each["workspace"], each["total"]) for each in found["workspaces"]] == [("family", "71250")]
    assert summary(family, group=str(group.pk))["total"] == "20000"
    assert summary(family, account="main")["total"] == "51250"


def test_what_has_no_price_failed_or_is_stale_is_named(family, now):
    new = account("new")
    mine = holding("odd", at=now, FOO="5")
    fail(workspace().accounts.get(label="savings"))
    found = summary(family)
    assert (found["total"], found["complete"]) == ("71250", False)
    assert found["unpriced"] == [{"asset": "FOO", "reason": "no market of FOO is known"}]
    assert [each["account_id"] for each in found["failed"]] == [new.pk]
    assert "balances of spot: the exchange is away" in found["stale"][0]["reasons"]
    parts = {each["account"]: (each["total"], each["complete"]) for each in found["accounts"]}
    assert parts == {"main": ("51250", True), "savings": ("20000", False), "new": (None, False), "odd": (None, False)}
    assert mine.pk


def test_environments_are_never_mixed(family, now):
    tell({"BTC/USDT": "90000"}, environment="live", at=now)
    holding("real", environment="live", at=now, BTC="1")
    assert (summary(family)["environment"], summary(family)["total"]) == ("live", "90000")
    assert summary(family, environment="sandbox")["total"] == "71250"


def test_nobody_sees_what_others_have(family, now):
    theirs = holding("theirs", owner="neighbours", at=now, BTC="7")
    assert summary(family)["total"] == "71250"
    for name, value in (("account", str(theirs.pk)), ("workspace_id", str(theirs.workspace_id)), ("group", "1")):
        for path in ("summary", "allocation", "history"):
            assert family.get(f"/api/portfolio/{path}", {name: value}).status_code == 400
    Membership.objects.create(workspace=theirs.workspace, user=user(), role="viewer")
    assert summary(family)["total"] == "771250"
    assert summary(family, workspace_id=str(theirs.workspace_id))["total"] == "700000"


def test_who_has_nothing_is_worth_nothing():
    found = summary(logged_in())
    assert (found["total"], found["complete"], found["accounts"]) == ("0", True, [])


def test_stablecoins_are_what_they_promise_for_who_says_so(family):
    assert summary(family, currency="USD")["total"] is None
    UserSettings.objects.update(stablecoins_at_par=True)
    assert summary(family, currency="USD")["total"] == "71250"


def test_fifty_accounts_with_two_thousand_balances_cost_as_many_queries_as_two_with_three(family, now):
    def queries():
        tell(at=now)
        with CaptureQueriesContext(connection) as captured:
            answer = summary(family)
        return len(captured), answer

    few, _ = queries()
    for number in range(48):
        mine = holding(f"account {number}", at=now)
        spot = WalletReading.objects.get(account=mine, kind="balances", wallet="spot")
        amounts = {"free": Decimal(1), "used": Decimal(0), "total": Decimal(1), "debt": Decimal(0)}
        Balance.objects.bulk_create(Balance(reading=spot, currency=f"C{coin}", **amounts) for coin in range(42))
        store(mine, SyncKind.POSITIONS, position("BTC/USDT:USDT", earned="1"), wallet="usdm")
    many, answer = queries()
    assert Balance.objects.count() > 2000
    assert answer["total"] == str(71250 + 48)
    assert many == few <= 16


# --- Parts ----------------------------------------------------------------------------------------------------------


def test_an_asset_has_its_amount_its_share_and_its_price_with_way_and_age(family, now):
    tell({"BTC/USDT": "100000"}, at=now - timedelta(seconds=40))
    found = allocation(family, currency="EUR")
    assert shares(found) == {"BTC": ("40000", "0.701754"), "ETH": ("16000", "0.280702"), "EUR": ("1000", "0.017544")}
    (price,) = found["parts"][0]["prices"]
    assert (found["parts"][0]["amount"], price["value"], price["sources"]) == ("0.5", "80000", ["binance"])
    assert price["age_seconds"] == 40
    assert [(step["base"], step["quote"], step["rate"]) for step in price["path"]] == [
        ("BTC", "USDT", "100000"),
        ("USDT", "EUR", "0.8"),
    ]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("account", {"main": "51250", "savings": "20000"}),
        ("wallet", {"spot at binance": "71250"}),
        ("exchange", {"Binance": "71250"}),
        ("workspace", {"family": "71250"}),
        ("group", {}),
    ],
)
def test_the_same_worth_in_other_parts(family, by, expected):
    found = allocation(family, by=by)
    assert {name: value for name, (value, _) in shares(found).items()} == expected
    assert found["total"] == "71250"


def test_a_share_of_nothing_is_unknown(now):
    client = logged_in()
    holding(at=now, FOO="1")
    (part,) = allocation(client)["parts"]
    assert (part["name"], part["value"], part["share"], part["complete"]) == ("FOO", None, None, False)


@pytest.mark.parametrize("by", ["asset", "account", "group", "wallet", "exchange", "workspace"])
def test_what_nobody_could_read_or_price_is_unknown_in_all_parts(now, by):
    client = logged_in()
    group = AccountGroup.objects.create(workspace=workspace(), name="all")
    group.accounts.add(account("never read"), holding("unpriced", at=now, FOO="1"))
    found = allocation(client, by=by)
    assert (found["total"], found["complete"], len(found["failed"]), len(found["unpriced"])) == (None, False, 1, 1)
    assert found["parts"]
    assert {(part["value"], part["share"], part["complete"]) for part in found["parts"]} == {(None, None, False)}
    told = summary(client)
    for each in (told, *told["accounts"], *told["groups"], *told["workspaces"]):
        assert (each["total"], each["complete"]) == (None, False)


@pytest.mark.parametrize("by", ["asset", "account", "group", "wallet", "exchange", "workspace"])
def test_a_part_never_holds_what_lies_in_another_environment(family, now, by):
    tell({"BTC/USDT": "90000"}, environment="live", at=now)
    group = AccountGroup.objects.create(workspace=workspace(), name="all")
    real = holding("real", environment="live", at=now, BTC="1")
    group.accounts.add(real, *workspace().accounts.filter(environment="sandbox"))
    for environment, total in (("live", "90000"), ("sandbox", "71250")):
        found = allocation(family, by=by, environment=environment)
        assert found["total"] == total
        assert sum(Decimal(part["value"]) for part in found["parts"]) == Decimal(total)


# --- The past -------------------------------------------------------------------------------------------------------


def test_the_equity_curve(family, now):
    snapshots.take(workspace().pk, "sandbox", now=now)
    found = get(family, "/api/portfolio/history", currency="EUR")
    assert (found["currency"], found["environment"]) == ("EUR", "sandbox")
    (point,) = found["points"]
    assert (point["value"], point["complete"]) == ("57000", True)
    savings = get(family, "/api/portfolio/history", account="savings")
    assert [each["value"] for each in savings["points"]] == ["20000"]
    assert found["reasons"] == []


def test_a_curve_without_points_says_why(family, now):
    def told(**params):
        answer = get(family, "/api/portfolio/history", **params)
        assert answer["points"] == []
        return answer["reasons"]

    assert told() == ["No snapshot of worth is of that time."]
    snapshots.take(workspace().pk, "sandbox", now=now)
    assert told(until=now.isoformat()) == ["No snapshot of worth is of that time."]
    [reason] = told(currency="JPY")
    assert reason.startswith("1 snapshot of worth, none of which is known in JPY, for no price led")


def test_where_nothing_tells_what_the_currency_is_worth_it_is_said_what_to_set(family):
    UserSettings.objects.update(base_currency="USD")
    for path in ("summary", "allocation"):
        found = get(family, f"/api/portfolio/{path}")
        assert found["total"] is None
        for each in found["unpriced"]:
            assert each["reason"].startswith(f"no way through markets leads from {each['asset']} to USD: nothing here")
            assert "Choose another base_currency in your settings, as USDT, or stablecoins_at_par" in each["reason"]
    UserSettings.objects.update(stablecoins_at_par=True)
    assert summary(family)["total"] == "71250"


def test_the_curve_of_others_is_not_mine(family, now):
    Snapshot.objects.create(
        workspace=workspace("neighbours"),
        environment="sandbox",
        taken_at=now,
        currency="USDT",
        total=1,
        equity=1,
        is_complete=True,
    )
    assert get(family, "/api/portfolio/history")["points"] == []


# --- Positions ------------------------------------------------------------------------------------------------------


def test_a_position_says_its_size_and_what_it_earned_in_the_readers_currency(family, now):
    mine = workspace().accounts.get(label="main")
    held = position("BTC/USD:BTC", earned="-0.01", notional=Decimal("0.2"))
    store(mine, SyncKind.POSITIONS, held, wallet="coinm", at=now)
    (row,) = get(family, "/api/portfolio/positions", currency="EUR")["results"]
    assert (row["settle"], row["currency"]) == ("BTC", "EUR")
    assert (row["notional_value"], row["unrealized_pnl_value"]) == ("16000", "-800")
    assert row["unrealized_pnl"] == "-0.01"


def test_a_position_whose_coin_has_no_price_says_null(family, now):
    store(
        workspace().accounts.get(label="main"),
        SyncKind.POSITIONS,
        position("X/FOO:FOO", earned="1"),
        wallet="usdm",
        at=now,
    )
    (row,) = get(family, "/api/portfolio/positions")["results"]
    assert (row["unrealized_pnl"], row["unrealized_pnl_value"], row["notional_value"]) == ("1", None, None)
