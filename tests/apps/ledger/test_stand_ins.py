"""Rows of files that know no ids give way to the exchange's own, and do not come back."""

from datetime import timedelta

import pytest

from alphapulse.types import LedgerKind, SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import LedgerEntry, Trade, Transfer
from apps.ledger.services import store_events
from tests.apps.builders import NOON, account
from tests.events import entry, trade, transfer

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

INTEREST = LedgerKind.INTEREST


def tell(of: ExchangeAccount, kind: SyncKind, *rows, source: str = "earn") -> int:
    return store_events(of.pk, kind, rows, source=source)


def ids(model) -> list[str]:
    *_, name = model._meta.constraints[0].fields
    return sorted(model.objects.values_list(name, flat=True))


def later(**words):
    return NOON + timedelta(**words)


@pytest.mark.parametrize("file_is_first", [True, False])
def test_a_reward_is_one_though_the_exchange_dates_it_to_its_day_and_the_file_to_the_next_morning(file_is_first):
    mine = account()
    file = entry("", kind=INTEREST, at=later(hours=30))
    told = entry("earn:1", at=NOON)
    for row, source in [(file, "import"), (told, "earn")][:: 1 if file_is_first else -1]:
        tell(mine, SyncKind.LEDGER, row, source=source)
    assert ids(LedgerEntry) == ["earn:1"]
    assert LedgerEntry.objects.get().replaces.startswith("file:")
    assert tell(mine, SyncKind.LEDGER, file, source="import") == 0
    assert ids(LedgerEntry) == ["earn:1"]


def test_a_row_that_took_a_files_place_takes_no_other():
    """Interest of the same amount every day: told again, it must not take yesterday's with it."""
    mine = account()
    daily = [entry("", kind=INTEREST, at=later(days=day)) for day in range(3)]
    tell(mine, SyncKind.LEDGER, *daily, source="import")
    for _ in range(3):
        tell(mine, SyncKind.LEDGER, entry("earn:2", kind=INTEREST, at=later(days=2)))
    assert [row.exchange_at for row in LedgerEntry.objects.order_by("exchange_at")] == [
        row.exchange_at for row in daily
    ]
    assert tell(mine, SyncKind.LEDGER, *daily, source="import") == 0
    assert LedgerEntry.objects.filter(source="import").count() == 2


def test_two_rewards_of_one_amount_and_time_are_two():
    mine = account()
    twice = entry("", at=NOON)
    tell(mine, SyncKind.LEDGER, twice, twice, source="import")
    tell(mine, SyncKind.LEDGER, entry("earn:1", at=later(hours=1)))
    assert LedgerEntry.objects.count() == 2
    tell(mine, SyncKind.LEDGER, entry("earn:2", at=later(hours=1)))
    assert ids(LedgerEntry) == ["earn:1", "earn:2"]


def test_a_files_row_with_the_exchanges_id_takes_the_place_of_one_without():
    mine = account()
    tell(mine, SyncKind.TRADES, trade("", at=NOON), source="import")
    tell(mine, SyncKind.TRADES, trade("7", at=NOON), source="import")
    assert ids(Trade) == ["7"]


def test_a_deposit_without_a_transaction_gives_way_to_the_one_that_has_it():
    mine = account()
    tell(mine, SyncKind.TRANSFERS, transfer("", at=later(hours=3)), source="import")
    tell(mine, SyncKind.TRANSFERS, transfer("deposit:BTC:abc:", txid="abc", at=NOON), source="deposits")
    assert ids(Transfer) == ["deposit:BTC:abc:"]


def test_rows_of_another_account_take_nobodys_place():
    mine, other = account(), account("other")
    tell(mine, SyncKind.LEDGER, entry("", at=NOON), source="import")
    tell(other, SyncKind.LEDGER, entry("earn:1", at=NOON))
    assert LedgerEntry.objects.count() == 2
