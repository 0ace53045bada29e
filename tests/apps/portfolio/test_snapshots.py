"""When snapshots are taken, what they hold, and that the curve through them shows no gain that was none."""

from datetime import timedelta
from decimal import Decimal

import pytest

from alphapulse.types import SyncKind
from apps.exchanges.services import archive_account
from apps.ledger.models import WalletReading
from apps.portfolio.models import Snapshot
from apps.portfolio.services import history, snapshots
from apps.portfolio.services.history import equity_curve
from apps.portfolio.signals import snapshot_taken
from apps.sync.models import SyncChange, SyncRun
from tests.apps.builders import NOON, account, balance, later, workspace
from tests.apps.portfolio.holdings import TICKERS, fail, forget_wallet, holding, store, tell

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def take(seconds, owner="family", environment="sandbox"):
    return snapshots.take(workspace(owner).pk, environment, now=later(seconds))


def curve(currency="USDT", accounts=None, **more):
    mine = [workspace().pk]
    return equity_curve(mine, "sandbox", currency, accounts=accounts, **more)


def values(*args, **more):
    return [point.value for point in curve(*args, **more)]


def changed(mine, *, at, kind=SyncKind.BALANCES):
    run = SyncRun.objects.create(
        exchange_id="binance",
        environment="sandbox",
        egress="default",
        kind=kind,
        started_at=at,
        lease_until=at,
        claimed=1,
    )
    SyncChange.objects.create(run=run, account=mine, at=at, key="BTC", before=None, after={"total": "1"})


def test_a_snapshot_holds_the_total_its_accounts_its_assets_and_the_rates_of_its_time():
    tell()
    mine, other = holding(BTC="0.5", ETH="1"), holding("other", BTC="0.1")
    taken = take(0)
    assert (taken.total, taken.equity, taken.is_complete, taken.currency) == (64000, 64000, True, "USDT")
    assert dict(taken.accounts.values_list("account", "total")) == {mine.pk: 54000, other.pk: 10000}
    assert list(taken.assets.order_by("asset").values_list("asset", "amount", "value")) == [
        ("BTC", Decimal("0.6"), 60000),
        ("ETH", 1, 4000),
    ]
    assert taken.rates["EUR"] == "0.8"
    assert "PLN" not in taken.rates


def test_each_environment_and_workspace_has_its_own():
    tell()
    tell({"BTC/USDT": "90000"}, environment="live")
    holding(BTC="1")
    holding("real", environment="live", BTC="1")
    holding("theirs", owner="neighbours", BTC="2")
    found = [snapshots.take(*place, now=NOON).total for place in snapshots.due(NOON)]
    assert sorted(found) == [90000, 100000, 200000]


def test_one_is_due_every_five_minutes():
    tell()
    holding(BTC="1")
    place = (workspace().pk, "sandbox")
    assert snapshots.due(later(10)) == [place]
    take(10)
    assert snapshots.due(later(299)) == []
    assert snapshots.due(later(300)) == [place]


def test_one_is_due_after_a_sync_that_changed_something_but_not_after_each():
    tell()
    mine = holding(BTC="1")
    take(10)
    changed(mine, at=later(20), kind=SyncKind.ORDERS)
    assert snapshots.due(later(50)) == []
    changed(mine, at=later(20))
    assert snapshots.due(later(39)) == []
    assert len(snapshots.due(later(40))) == 1
    take(40)
    assert snapshots.due(later(80)) == []


def test_two_workers_take_one():
    tell()
    holding(BTC="1")
    assert take(0)
    assert take(1) is None
    assert Snapshot.objects.count() == 1


def test_without_accounts_there_is_nothing_to_take():
    assert take(0) is None


def test_it_is_announced_on_commit_with_ids(django_capture_on_commit_callbacks):
    tell()
    holding(BTC="1")
    heard = []

    def hear(snapshot_id, workspace_id, environment, **_):
        heard.append((snapshot_id, workspace_id, environment))

    snapshot_taken.connect(hear)
    with django_capture_on_commit_callbacks(execute=True):
        taken = take(0)
    snapshot_taken.disconnect(hear)
    assert heard == [(taken.pk, workspace().pk, "sandbox")]


# --- No jump where only our knowledge changed -----------------------------------------------------------------------


def test_an_account_that_fails_marks_a_partial_total_and_makes_no_jump():
    tell(at=later(600))
    mine, other = holding(BTC="1"), holding("other", ETH="10")
    take(0)
    fail(other)
    taken = take(300)
    assert (taken.is_complete, taken.stale, taken.failed) == (False, [other.pk], [])
    assert dict(taken.accounts.values_list("account", "is_complete")) == {mine.pk: True, other.pk: False}
    holding("other", ETH="10")
    take(600)
    assert values() == [140000, 140000, 140000]
    assert [point.is_complete for point in curve()] == [True, False, True]


def test_an_account_that_was_never_read_is_marked_and_makes_no_jump():
    tell(at=later(600))
    holding(BTC="1")
    take(0)
    new = account("new")
    taken = take(300)
    assert (taken.failed, taken.equity, taken.is_complete) == ([new.pk], 100000, False)
    assert taken.accounts.get(account=new).equity is None
    assert values() == [100000, 100000]


def test_an_account_of_which_one_wallet_was_read_first_makes_no_jump_when_the_others_are():
    tell(at=later(600))
    holding(BTC="1")
    take(0)
    new = holding("new", ETH="10")
    forget_wallet(new, "funding")
    taken = take(300)
    assert (taken.failed, taken.total, taken.equity) == ([new.pk], 140000, 100000)
    store(new, SyncKind.BALANCES, balance("ETH", "5"), wallet="funding")
    taken = take(600)
    assert (taken.failed, taken.equity) == ([], 160000)
    assert values() == [100000, 100000, 160000]
    assert values(accounts=[new.pk]) == [60000]
    assert [point.is_complete for point in curve()] == [True, False, True]


def test_a_wallet_that_comes_after_hours_counts_from_where_its_account_does():
    """An hour long the account is waited for; then it is what is known of it, until more is."""
    tell(at=later(3900))
    holding(BTC="1", fresh_for=10**6)
    new = holding("new", ETH="10", fresh_for=10**6)
    forget_wallet(new, "funding")
    assert take(0).equity == 100000
    assert take(3600).equity == 140000
    store(new, SyncKind.BALANCES, balance("ETH", "5"), wallet="funding", fresh_for=10**6)
    assert take(3900).equity == 160000
    assert values() == [100000, 160000, 160000]
    assert values(accounts=[new.pk]) == [60000, 60000]


def test_what_was_bought_without_a_price_is_in_doubt_for_an_hour_and_then_counts_when_it_has_one():
    tell({"BTC/USDT": "100000"}, at=later(4300))
    mine = holding(BTC="2", fresh_for=10**6)
    other = holding("other", BTC="1", fresh_for=10**6)
    take(0)
    store(mine, SyncKind.BALANCES, balance("BTC", "1"), balance("ETH", "25"), fresh_for=10**6)
    doubted = take(300)
    assert (doubted.total, doubted.equity, doubted.is_complete) == (200000, None, False)
    assert doubted.accounts.get(account=mine).is_in_doubt
    assert (values(), values(accounts=[mine.pk]), values(accounts=[other.pk])) == ([300000], [200000], [100000] * 2)
    assert take(3600).equity == 200000
    tell(at=later(4300))
    assert take(4300).equity == 300000
    assert values() == [300000, 300000, 300000]


def test_what_is_given_away_for_nothing_and_has_no_price_stops_no_curve():
    tell(at=later(600))
    mine = holding(BTC="1")
    take(0)
    store(mine, SyncKind.BALANCES, balance("BTC", "1"), balance("SPAM", "1000000"))
    assert take(300).equity == 100000


def test_what_left_a_fresh_wallet_is_in_doubt_while_another_is_of_earlier():
    tell(at=later(900))
    mine = holding(BTC="1", ETH="10")
    take(0)
    WalletReading.objects.filter(account=mine, wallet="funding").update(status="failed", error="away")
    store(mine, SyncKind.BALANCES, balance("BTC", "1"))
    assert take(300).equity is None
    store(mine, SyncKind.BALANCES, balance("ETH", "10"), wallet="funding")
    store(mine, SyncKind.POSITIONS, wallet="funding")
    take(600)
    assert values() == [140000, 140000]


def test_debts_that_cancel_a_holding_out_keep_their_price():
    tell()
    mine, other = holding(BTC="1", ETH="10"), holding("other", BTC="1", ETH="-10")
    take(0)
    tell({"BTC/USDT": "100000"}, at=later(400))
    take(400)
    assert values(accounts=[mine.pk]) == [140000, 140000]
    assert values(accounts=[other.pk]) == [60000, 60000]


def test_the_price_of_a_mote_of_dust_is_kept_exactly():
    tell(TICKERS | {"PEPE/USDT": "0.0000000123"})
    mine = holding(BTC="1", PEPE="0.00001")
    take(0)
    store(mine, SyncKind.BALANCES, balance("BTC", "1"), balance("PEPE", "1000000000"))
    tell({"BTC/USDT": "100000"}, at=later(400))
    assert take(400).assets.get(asset="PEPE").value == Decimal("12.3")


def test_when_the_last_account_goes_one_look_says_so():
    tell(at=later(900))
    mine = holding(BTC="1")
    place = (workspace().pk, "sandbox")
    take(0)
    archive_account(mine, at=later(200))
    assert snapshots.due(later(210)) == [place]
    assert (take(210).total, take(400)) == (0, None)
    assert snapshots.due(later(900)) == []
    assert values() == [100000, 0]
    assert values("EUR") == [80000, 0]


def test_an_asset_that_loses_its_price_is_bridged_in_the_curve_and_missing_in_the_total():
    tell()
    holding(BTC="1", ETH="10")
    take(0)
    tell({"BTC/USDT": "101000"}, at=later(400))
    taken = take(400)
    assert (taken.total, taken.equity, taken.is_complete) == (101000, 141000, False)
    bridged = taken.assets.get(asset="ETH")
    assert (bridged.value, bridged.is_bridged, taken.unpriced) == (40000, True, [])
    # And on, over as many as it takes.
    tell({"BTC/USDT": "101000"}, at=later(700))
    take(700)
    tell({"BTC/USDT": "101000", "ETH/USDT": "4100"}, at=later(1000))
    take(1000)
    assert values() == [140000, 141000, 141000, 142000]


def test_what_was_first_seen_without_any_price_is_no_gain_when_the_price_comes():
    tell({"BTC/USDT": "100000"}, at=later(300))
    holding(BTC="1", ETH="10")
    assert take(0).unpriced == ["ETH"]
    tell(at=later(300))
    take(300)
    assert values() == [140000, 140000]


def test_a_coin_that_nobody_ever_prices_stops_no_curve():
    tell(at=later(300))
    holding(BTC="1", SPAM="1000000")
    take(0)
    take(300)
    assert values() == [100000, 100000]
    assert not any(point.is_complete for point in curve())


def test_before_anything_has_a_price_there_is_no_curve():
    holding(BTC="1")
    taken = take(0)
    assert (taken.total, taken.equity) == (None, None)
    assert values() == []


# --- The curve ------------------------------------------------------------------------------------------------------


def test_the_curve_is_told_in_any_currency_at_the_rates_of_each_time():
    tell()
    holding(BTC="1")
    take(0)
    tell(TICKERS | {"EUR/USDT": "1.6"}, at=later(300))
    take(300)
    assert values("EUR") == [80000, 62500]
    assert values("BTC") == [1, 1]
    assert values("USD") == []
    assert values("USD", pegs={"USDT": "USD"}) == [100000, 100000]
    assert values("USDC", pegs={"USDT": "USD", "USDC": "USD"}) == [100000, 100000]


def test_the_curve_of_some_accounts_is_theirs_alone():
    tell(at=later(300))
    mine, other = holding(BTC="1"), holding("other", ETH="1")
    take(0)
    store(other, SyncKind.BALANCES, balance("ETH", "2"), at=later(200))
    take(300)
    assert values(accounts=[other.pk]) == [4000, 8000]
    assert values(accounts=[mine.pk]) == [100000, 100000]
    assert values(since=later(1)) == [108000]
    assert values(until=later(300)) == [104000]


def test_the_curve_of_many_accounts_takes_as_many_queries_as_of_one(django_assert_num_queries):
    tell(at=later(900))
    mine = [holding(f"account {number}", BTC="1").pk for number in range(5)]
    for number in range(3):
        take(300 * number)
    whose = [workspace().pk]
    for some in (mine[:1], mine):
        with django_assert_num_queries(3):
            assert len(equity_curve(whose, "sandbox", "USDT", accounts=some)) == 3


def test_of_very_many_accounts_fewer_points_are_told(monkeypatch):
    monkeypatch.setattr(history, "MOST_PARTS", 40)
    monkeypatch.setattr(history, "FEWEST_POINTS", 10)
    tell(at=later(9000))
    mine = [holding(f"account {number}", BTC="1").pk for number in range(2)]
    for number in range(30):
        take(300 * number)
    assert 10 <= len(curve(accounts=mine)) <= 21
    assert len(curve(accounts=mine[:1])) == 30


def test_workspaces_add_up_though_their_snapshots_are_of_other_times():
    tell(at=later(400))
    holding(BTC="1")
    holding("theirs", owner="neighbours", ETH="1")
    take(0)
    take(100, owner="neighbours")
    take(300)
    both = [workspace().pk, workspace("neighbours").pk]
    assert [point.value for point in equity_curve(both, "sandbox", "USDT")] == [100000, 104000, 104000]


def test_a_workspace_that_is_looked_at_a_minute_later_is_there_from_the_beginning():
    tell(at=later(400))
    holding(BTC="1")
    holding("theirs", owner="neighbours", ETH="1")
    for seconds in (0, 300):
        take(seconds)
        take(seconds + 60, owner="neighbours")
    both = [workspace().pk, workspace("neighbours").pk]
    found = equity_curve(both, "sandbox", "USDT", since=later(100))
    assert [(point.at, point.value) for point in found] == [(later(300), 104000), (later(360), 104000)]


def test_a_long_curve_has_no_more_points_than_a_picture_can_show():
    mine = workspace()
    Snapshot.objects.bulk_create(
        Snapshot(
            workspace=mine,
            environment="sandbox",
            taken_at=later(300 * number),
            currency="USDT",
            total=number,
            equity=number,
            is_complete=True,
        )
        for number in range(1500)
    )
    found = curve()
    assert 500 <= len(found) <= 1001
    assert found[-1].value == 1499


def test_old_snapshots_are_thinned_to_one_an_hour_and_later_to_one_a_day():
    mine = workspace()
    fresh = [NOON - timedelta(hours=1, minutes=minutes) for minutes in range(0, 60, 5)]
    older = [NOON - timedelta(days=3, minutes=minutes) for minutes in range(5, 65, 5)]
    oldest = [NOON - timedelta(days=61, hours=hours) for hours in range(1, 13)]
    Snapshot.objects.bulk_create(
        Snapshot(
            workspace=mine, environment="sandbox", taken_at=at, currency="USDT", total=1, equity=1, is_complete=True
        )
        for at in [*fresh, *older, *oldest]
    )
    assert snapshots.thin(NOON) == 11 + 11
    assert snapshots.thin(NOON) == 0
    left = set(Snapshot.objects.values_list("taken_at", flat=True))
    assert left == {*fresh, older[0], oldest[0]}


def test_a_coin_without_a_price_in_two_wallets_is_added_with_both_amounts():
    tell(at=later(4800))
    mine = holding("mine", BTC="1", NEW="10", fresh_for=10**6)
    forget_wallet(mine, "funding")
    take(0)
    take(3600)
    store(mine, SyncKind.BALANCES, balance("NEW", "5"), wallet="funding", fresh_for=10**6)
    take(3900)
    tell({**TICKERS, "NEW/USDT": "1000"}, at=later(4300))
    take(4200)
    assert set(values()) == {115000}
