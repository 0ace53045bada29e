"""A long past is read while what accounts have stays on time. Counted in claims, second by second, without a clock."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from alphapulse.types import ACCOUNT_KINDS, SyncKind
from apps.exchanges import budgets
from apps.exchanges.models import ExchangeAccount
from apps.sync.models import SyncRun, SyncState
from apps.sync.services.claim import READ_ON, Claim, claim_batch
from apps.sync.services.dispatch import MAX_LIVE_OF_EXCHANGE, MAX_LIVE_READING_ON, batches_wanted
from tests.apps.builders import NOON, account, later, state
from tests.apps.pasts import tell_at_binance

pytestmark = [pytest.mark.django_db, pytest.mark.postgres, pytest.mark.usefixtures("shared_redis")]

# As many as an IP bears by its limits, and a little less.
ACCOUNTS = 25
SECONDS = 120


@pytest.fixture(autouse=True)
def _lists(monkeypatch):
    tell_at_binance(monkeypatch)


def accounts(number: int, *, with_pasts: bool, begin: int = 0) -> None:
    kinds = (*ACCOUNT_KINDS, *READ_ON) if with_pasts else ACCOUNT_KINDS
    for each in range(number):
        mine = account(f"account {each}")
        for kind in kinds:
            state(mine, kind.value, due_at=later(begin + each % 30))


def a_while(begin: int = 0, seconds: int = SECONDS) -> tuple[Counter[SyncKind], timedelta]:
    """What was claimed in two minutes, and by how much the latest of what accounts have was overdue."""
    claims: Counter[SyncKind] = Counter()
    latest = timedelta(0)
    for second in range(begin, begin + seconds):
        at = later(second)
        for kind, number in batches_wanted("binance", at).items():
            for _ in range(number):
                claim = claim_batch("binance", kind, at)
                if claim is None:
                    break
                claims[kind] += len(claim.states)
                if kind in ACCOUNT_KINDS:
                    latest = max(latest, *(at - row.due_at for row in claim.states))
                settle(claim, at)
    return claims, latest


def settle(claim: Claim, at: datetime) -> None:
    """Answered at once. A past goes on for ever."""
    budgets.finished(claim.grant, claim.route, {}, now=at)
    SyncRun.objects.filter(pk=claim.run.pk).update(finished_at=at)
    rows = SyncState.objects.filter(pk__in=[row.pk for row in claim.states])
    due_at = at if claim.kind in READ_ON else at + claim.states[0].interval
    rows.update(due_at=due_at, claimed_until=None, succeeded_at=at)


def test_what_accounts_have_is_on_time_while_long_pasts_are_read():
    accounts(ACCOUNTS, with_pasts=False)
    alone, latest_alone = a_while()
    ExchangeAccount.objects.all().delete()
    SyncRun.objects.all().delete()
    # In minutes of which nothing has been spent.
    accounts(ACCOUNTS, with_pasts=True, begin=600)
    together, latest_together = a_while(begin=600)
    assert {kind: together[kind] for kind in ACCOUNT_KINDS} == alone
    assert latest_together <= latest_alone + timedelta(seconds=1) <= timedelta(seconds=3)
    # And every past gets on, in the minutes after, when the first hunger is over.
    later_on, _ = a_while(begin=600 + SECONDS, seconds=360)
    assert all(later_on[kind] for kind in READ_ON), later_on


def test_hanging_histories_leave_places_to_what_accounts_have():
    accounts(60, with_pasts=True)
    wanted = batches_wanted("binance", later(60))
    reading_on = sum(number for kind, number in wanted.items() if kind in READ_ON)
    assert reading_on <= MAX_LIVE_READING_ON
    assert all(kind in wanted for kind in ACCOUNT_KINDS)
    SyncState.objects.filter(kind__in=ACCOUNT_KINDS).update(due_at=later(600))
    for kind in READ_ON * 3:
        under_way(kind)
    assert batches_wanted("binance", later(60)) == {}
    SyncState.objects.filter(kind="balances").update(due_at=NOON)
    SyncRun.objects.filter(pk__gt=SyncRun.objects.order_by("pk")[1].pk).delete()
    assert batches_wanted("binance", later(60)) == {SyncKind.BALANCES: 2}
    assert SyncRun.objects.count() + 2 <= MAX_LIVE_OF_EXCHANGE


def under_way(kind: SyncKind) -> None:
    SyncRun.objects.create(
        exchange_id="binance",
        environment="sandbox",
        egress="default",
        kind=kind,
        started_at=NOON,
        lease_until=later(600),
        claimed=1,
    )
