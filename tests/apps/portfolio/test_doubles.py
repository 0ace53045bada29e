"""Two keys of one account at an exchange: its money, and what happened to it, count once; and that is said."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.exchanges.models import ExchangeAccount
from apps.exchanges.services import archive_account, key_watch, reject_key
from apps.portfolio.services import snapshots
from apps.portfolio.services.history import equity_curve
from apps.portfolio.services.valuation import value_accounts
from tests.alphapulse.portfolio.happenings import day, entry, trade, transfer
from tests.apps.api import get, logged_in
from tests.apps.builders import NOON, account
from tests.apps.pasts import tell_at_binance
from tests.apps.portfolio.holdings import holding, tell
from tests.apps.portfolio.ledgers import happen, read_whole

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

PAST = (transfer("deposit 1000 USDT", 1), trade("buy 1 at 100", 2), trade("sell 1 at 300", 3))


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    tell_at_binance(monkeypatch)
    for place in ("apps.portfolio.api.pnl", "apps.portfolio.api.performance", "apps.portfolio.api.worth"):
        monkeypatch.setattr(f"{place}.now", lambda: NOON)


@pytest.fixture
def two() -> tuple[ExchangeAccount, ExchangeAccount]:
    """Each shows 1 BTC, and it is the same one; nobody knows that yet."""
    tell()
    return holding("main", BTC="1"), holding("second", BTC="1")


def find_out(*same: ExchangeAccount) -> None:
    ExchangeAccount.objects.filter(pk__in=[each.pk for each in same]).update(exchange_uid="1001")
    key_watch.review(same[0], at=NOON)


def summary(**params):
    return get(logged_in(), "/api/portfolio/summary", environment="sandbox", currency="USDT", **params)


def pnl(**params):
    return get(logged_in(), "/api/portfolio/pnl", environment="sandbox", currency="USDT", **params)


def test_their_money_counts_once_and_the_summary_says_why(two):
    assert summary()["total"] == "200000"
    find_out(*two)
    told = summary()
    assert (told["total"], told["complete"]) == ("100000", False)
    (failed,) = told["failed"]
    assert (failed["account"], len(failed["reasons"])) == ("second", 1)
    assert "same account at Binance as that of 'main'" in failed["reasons"][0]
    assert {each["account"]: (each["total"], each["complete"]) for each in told["accounts"]} == {
        "main": ("100000", True),
        "second": (None, False),
    }


def test_the_second_alone_is_nothing_and_not_zero(two):
    find_out(*two)
    told = summary(account="second")
    assert (told["total"], told["complete"], len(told["failed"])) == (None, False, 1)


def test_doubles_cost_one_query_however_many(two):
    value_accounts(two, "USDT", now=NOON)  # prices are kept for a while
    counts = []
    for more in ([], ["one more", "another"]):
        find_out(*two, *(holding(label, BTC="1") for label in more))
        accounts = list(ExchangeAccount.objects.order_by("pk"))
        with CaptureQueriesContext(connection) as seen:
            assert value_accounts(accounts, "USDT", now=NOON).worth.total == 100000
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_the_curve_never_had_it_twice_and_has_no_jump(two):
    def take(minutes: int) -> None:
        snapshots.take(two[0].workspace_id, "sandbox", now=NOON + timedelta(minutes=minutes))

    def curve(**of) -> list[Decimal]:
        return [point.value for point in equity_curve([two[0].workspace_id], "sandbox", "USDT", **of)]

    take(0)
    assert curve() == [200000]
    find_out(*two)
    take(6)
    assert curve() == curve(accounts=[each.pk for each in two]) == [100000, 100000]
    assert curve(accounts=[two[1].pk]) == []


def test_without_the_first_the_second_goes_on_in_the_curve_as_if_it_had_been_the_only_one(two):
    def take(minutes: int) -> None:
        snapshots.take(two[0].workspace_id, "sandbox", now=NOON + timedelta(minutes=minutes))

    take(0)
    find_out(*two)
    take(6)
    archive_account(two[0], at=NOON + timedelta(minutes=8))
    take(12)
    curve = equity_curve([two[0].workspace_id], "sandbox", "USDT")
    assert [point.value for point in curve] == [100000, 100000, 100000]


def look(workspace_id: int, minutes: int) -> None:
    tell(at=NOON + timedelta(minutes=minutes))
    snapshots.take(workspace_id, "sandbox", now=NOON + timedelta(minutes=minutes))


def curve_of(workspace_id: int) -> list[Decimal]:
    return [point.value for point in equity_curve([workspace_id], "sandbox", "USDT")]


@pytest.mark.parametrize("leave", [archive_account, reject_key])
def test_whichever_of_the_two_counts_the_curve_beside_a_third_goes_on(two, leave):
    holding("other", ETH="25")
    whose = two[0].workspace_id
    look(whose, 0)
    find_out(*two)
    look(whose, 6)
    at = NOON + timedelta(minutes=14)
    if leave is archive_account:
        archive_account(two[0], at=at)
    else:
        reject_key(two[0], reason="the key is rejected", at=at)
    look(whose, 18)
    assert curve_of(whose) == [200000] * 3
    told = get(logged_in(), "/api/portfolio/performance", environment="sandbox", currency="USDT")
    assert (told["net_flows"], told["gain"], told["time_weighted"]) == ("0", "0", 0)


def test_profit_counts_once_and_says_why(two):
    for mine in two:
        happen(mine, *PAST)
        read_whole(mine, since=day(1), at=NOON)
    assert (pnl()["totals"]["realised"], pnl()["totals"]["deposited"]) == ("400", "2000")
    find_out(*two)
    told = pnl()
    assert (told["totals"]["realised"], told["totals"]["deposited"]) == ("200", "1000")
    assert [each["account"] for each in told["accounts"]] == ["main"]
    assert not told["complete"]
    assert told["reasons"][0].startswith("second is not counted. This key belongs to the same account at Binance")


@pytest.mark.parametrize("gone", [0, 1])
def test_without_one_of_them_profit_still_counts_once(two, gone):
    for mine in two:
        happen(mine, *PAST)
    find_out(*two)
    archive_account(two[gone], at=NOON)
    told = pnl()
    assert told["totals"]["realised"] == "200"
    assert not any("same account" in reason for reason in told["reasons"])


def test_an_account_that_was_deleted_and_added_anew_is_told_of(two):
    first, second = two
    for mine in two:
        happen(mine, *PAST)
    archive_account(first, at=NOON)
    find_out(first, second)
    assert summary()["total"] == "100000"
    reason = pnl()["reasons"][0]
    assert reason.startswith(
        "second and the deleted main are the same account at Binance: what happened to it is told "
    )
    assert "purge_account" in reason


def test_what_both_of_two_with_other_wallets_are_told_happened_once():
    """Deposits, converts, rewards are of no wallet: each key is told them."""
    tell()
    first, second = account("main", wallets=["spot"]), account("second", wallets=["usdm"])
    for mine in (second, first):
        happen(mine, transfer("deposit 1000 USDT", 1), entry("reward", "5 USDT", 2))
    happen(first, trade("buy 1 at 100", 2), trade("sell 1 at 300", 3))
    assert pnl()["totals"]["deposited"] == "2000"
    find_out(first, second)
    told = pnl()
    assert (told["totals"]["deposited"], told["totals"]["realised"]) == ("1000", "200")
    deposited = {each["account"]: each["deposited"] for each in told["accounts"]}
    assert deposited == {"main": "1000", "second": "0"}


def test_performance_says_it_too(two):
    find_out(*two)
    told = get(logged_in(), "/api/portfolio/performance", environment="sandbox", currency="USDT")
    assert told["reasons"][0].startswith("second is not counted.")
