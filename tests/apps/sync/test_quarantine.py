"""What takes its workers down is found out, and left alone; its neighbours are not."""

import pytest

from alphapulse.types import SyncKind
from apps.ledger.models import WalletReading, WalletStatus
from apps.sync.models import SyncState
from apps.sync.services.claim import LEASE, claim_batch
from apps.sync.services.quarantine import QUARANTINE
from tests.apps.builders import NOON, account, state

pytestmark = [pytest.mark.django_db, pytest.mark.postgres, pytest.mark.usefixtures("shared_redis")]


@pytest.fixture
def three():
    return [state(account(name), claim=0) for name in ("a", "b", "c")]


def claimed(at=NOON) -> list[str]:
    claim = claim_batch("binance", SyncKind.BALANCES, at)
    return [state.account.label for state in claim.states] if claim else []


def settled(*names: str) -> None:
    SyncState.objects.filter(account__label__in=names).update(claimed_until=None, losses=0, due_at=NOON + 100 * LEASE)


def test_two_losses_are_everybodys_and_the_third_time_each_goes_alone(three):
    assert claimed(NOON) == ["a", "b", "c"]
    assert claimed(NOON + LEASE) == ["a", "b", "c"]
    for name in ("a", "b", "c"):
        assert claimed(NOON + 2 * LEASE) == [name]
        # One suspect at a time, anywhere: who dies with it is innocent.
        assert claimed(NOON + 2 * LEASE) == []
        settled(name)


def test_who_loses_its_worker_when_alone_is_left_alone_and_says_so(three):
    WalletReading.objects.create(account=three[0].account, kind="balances", wallet="spot", status=WalletStatus.OK)
    for number in range(3):
        claimed(NOON + number * LEASE)
    at = NOON + 3 * LEASE
    assert claimed(at) == ["b"]
    settled("b")
    assert claimed(at) == ["c"]
    settled("c")
    culprit = SyncState.objects.get(pk=three[0].pk)
    assert culprit.error_kind == "Quarantined"
    assert "3 workers in a row" in culprit.error
    assert culprit.due_at == at + QUARANTINE
    assert "3 workers in a row" in WalletReading.objects.get().error
    assert claimed(at + QUARANTINE) == ["a"]


def test_a_suspect_that_is_not_first_in_turn_does_not_hold_up_the_others(three):
    SyncState.objects.filter(pk=three[2].pk).update(losses=2, due_at=NOON)
    assert claimed(NOON) == ["a", "b"]
    assert claimed(NOON) == ["c"]
