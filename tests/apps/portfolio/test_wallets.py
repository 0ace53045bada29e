"""Wallets that come to count, or cease to: worth that was there before, or is there still, is no performance."""

from datetime import timedelta

import pytest

from alphapulse.portfolio.growth import Flow, growth
from alphapulse.portfolio.growth import Point as Worth
from alphapulse.types import SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import Balance, WalletReading, WalletStatus
from apps.portfolio.models import AccountWorth, Snapshot, WalletFlow
from apps.portfolio.services import snapshots
from apps.portfolio.services.flows import flows_into, seen
from apps.portfolio.services.history import equity_curve
from tests.apps.builders import balance, later, workspace
from tests.apps.portfolio.holdings import TICKERS, forget_wallet, holding, store, tell

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

FIVE = 300


def take(number):
    """The so manieth look."""
    return snapshots.take(workspace().pk, "sandbox", now=later(FIVE * number))


def told(number, **prices):
    tell(TICKERS | prices, at=later(FIVE * number))


def bars(mine, wallet):
    """The key never could read that."""
    rows = WalletReading.objects.filter(account=mine, wallet=wallet)
    Balance.objects.filter(reading__in=rows).delete()
    rows.update(status=WalletStatus.NOT_PERMITTED, as_of=None, error="the key may not read it")


def holds(mine, wallet, *amounts):
    store(mine, SyncKind.BALANCES, *(balance(*each) for each in amounts), wallet=wallet, fresh_for=10**7)


def chooses(mine, *wallets):
    ExchangeAccount.objects.filter(pk=mine.pk).update(wallets=list(wallets))


def went(currency="USDT", accounts=None, pegs=None):
    """The curve, what came and left, and the time-weighted index at its end."""
    mine = list(ExchangeAccount.objects.filter(pk__in=accounts) if accounts else ExchangeAccount.objects.all())
    points = equity_curve([workspace().pk], "sandbox", currency, accounts=accounts)
    flows = [each for each in flows_into(mine, [], seen(mine, currency, pegs or {})) if each.at > points[0].at]
    index = growth([Worth(each.at, float(each.value)) for each in points], [Flow(at, float(v)) for at, v, _ in flows])
    return [point.value for point in points], [each.value for each in flows], index[-1].value


@pytest.fixture
def mine():
    """10,000 in a wallet that counts, and 4,000 in one that the key may not read."""
    told(0)
    mine = holding(USDT="10000", fresh_for=10**7)
    bars(mine, "funding")
    take(0)
    return mine


def test_a_wallet_that_a_key_may_read_from_now_on_is_no_gain(mine):
    holds(mine, "funding", ("USDT", "4000"))
    take(1)
    take(2)
    assert went() == ([10000, 14000, 14000], [4000], pytest.approx(1))
    assert all(snapshot.is_complete for snapshot in Snapshot.objects.all())
    assert went("EUR")[1:] == ([3200], pytest.approx(1))
    holding("other", ETH="1", fresh_for=10**7)
    assert went(accounts=[mine.pk])[1:] == ([4000], pytest.approx(1))


def test_what_it_earns_from_then_on_is_one(mine):
    holds(mine, "funding", ("ETH", "1"))
    take(1)
    told(2, **{"ETH/USDT": "5000"})
    take(2)
    assert went() == ([10000, 14000, 15000], [4000], pytest.approx(15 / 14))


def test_a_wallet_that_its_owner_does_not_choose_any_more_is_no_loss(mine):
    holds(mine, "funding", ("USDT", "4000"))
    take(1)
    chooses(mine, "spot", "usdm")
    take(2)
    chooses(mine)
    take(3)
    assert went() == ([10000, 14000, 10000, 14000], [4000, -4000, 4000], pytest.approx(1))


def test_one_that_is_chosen_and_read_later_came_when_it_was_chosen(mine):
    """And what has a price last of all came then, too."""
    chooses(mine, "spot")
    take(1)
    WalletReading.objects.filter(wallet="funding").delete()
    chooses(mine, "spot", "funding")
    take(2)
    holds(mine, "funding", ("USDT", "4000"), ("NEW", "10"))
    take(3)
    told(4, **{"NEW/USDT": "7"})
    take(4)
    chooses(mine, "spot")
    take(5)
    assert went() == ([10000, 10000, 14070, 14070, 14070, 10000], [4070, -4070], pytest.approx(1))


def test_a_wallet_that_counted_and_was_merely_not_read_yet_was_there_all_the_time():
    told(0)
    mine = holding(USDT="10000", fresh_for=10**7)
    forget_wallet(mine, "funding")
    for number in (0, 13):
        told(number)
        take(number)
    holds(mine, "funding", ("USDT", "4000"))
    take(14)
    assert went()[1:] == ([], pytest.approx(1))
    assert not WalletFlow.objects.exists()


def test_one_that_comes_while_another_is_late_puts_nobody_in_doubt(mine):
    WalletReading.objects.filter(account=mine, wallet="margin").update(status=WalletStatus.FAILED, error="away")
    take(1)
    holds(mine, "funding", ("USDT", "4000"))
    take(2)
    chooses(mine, "spot", "margin")
    take(3)
    assert went() == ([10000, 10000, 14000, 10000], [4000, -4000], pytest.approx(1))


def test_snapshots_of_before_wallets_were_kept_tell_of_no_flow(mine):
    AccountWorth.objects.update(wallets=None)
    holds(mine, "funding", ("USDT", "4000"))
    take(1)
    assert not WalletFlow.objects.exists()
    chooses(mine, "spot")
    take(2)
    assert [(each.wallet, each.is_out, each.worth) for each in WalletFlow.objects.all()] == [
        ("balances of funding", True, 4000)
    ]


def test_the_newest_look_alone_keeps_its_wallets(mine):
    take(1)
    first, second = AccountWorth.objects.order_by("snapshot__taken_at")
    assert first.wallets is None
    assert second.wallets["balances of spot"] == {"worth": "10000", "lacks": {}}
    assert "balances of funding" not in second.wallets


def test_what_came_is_still_known_when_snapshots_are_thinned(mine):
    """Of each hour the last one stays, and the one with which it came."""
    for number in range(1, 26):
        told(number)
        if number == 13:
            holds(mine, "funding", ("USDT", "4000"))
        take(number)
    assert snapshots.thin(later(0) + timedelta(days=3)) == 22
    assert went() == ([10000, 14000, 14000, 14000], [4000], pytest.approx(1))


def test_the_last_worth_of_a_deleted_account_takes_all_of_its_wallets_along(mine):
    holding("other", USDT="100", fresh_for=10**7)
    take(1)
    holds(mine, "funding", ("USDT", "4000"))
    take(2)
    ExchangeAccount.objects.filter(pk=mine.pk).update(archived_at=later(FIVE * 2.5))
    take(3)
    values, flows, index = went()
    assert (values, sorted(flows), index) == ([10000, 10100, 14100, 100], [-14000, 100, 4000], pytest.approx(1))
