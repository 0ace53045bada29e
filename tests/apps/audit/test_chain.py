"""Sealing: every committed entry gets a place, whatever else goes on, and nobody waits for that."""

import json
from threading import Thread

import pytest
from django.db import connection, transaction
from loguru import logger

from apps.audit import tasks
from apps.audit.models import AuditEntry, AuditLink, AuditSeal, NeverChanged
from apps.audit.services import chain, record
from config.schedule import BEAT_SCHEDULE
from tests.apps.builders import NOON, account, later

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def entries(number: int) -> list[AuditEntry]:
    mine = account()
    return [record("account.changed", mine, at=later(each), step=each) for each in range(number)]


def places() -> list[tuple[int, int | None]]:
    return list(AuditLink.objects.order_by("position", "entry_id").values_list("entry_id", "position"))


@pytest.fixture
def logged():
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}", level="INFO")
    yield lines
    logger.remove(sink)


def test_each_entry_has_a_link_that_waits_for_its_place():
    made = entries(2)
    assert [link.position for link in AuditLink.objects.filter(entry_id__in=[each.pk for each in made])] == [None, None]


def test_a_seal_says_how_long_the_chain_is_and_how_it_ends_to_table_and_log(logged):
    made = entries(3)
    sealed = chain.seal(at=NOON)
    assert sealed is not None
    stored = AuditSeal.objects.get()
    assert (stored.number, stored.count, stored.last_entry_id) == (1, AuditEntry.objects.count(), made[-1].pk)
    assert stored.head == AuditLink.objects.get(entry_id=made[-1].pk).digest
    assert json.loads(logged[-1].removeprefix("audit.seal ")) == chain.as_told(stored)


def test_each_minute_has_its_seal_also_when_nothing_was_done():
    assert BEAT_SCHEDULE["seal the audit"]["schedule"].total_seconds() == 60
    tasks.seal.run()
    tasks.seal.run()
    assert [seal.count for seal in AuditSeal.objects.all()] == [0, 0]


def test_an_entry_that_is_committed_late_gets_the_next_place_and_nobody_is_moved():
    made = entries(3)
    AuditLink.objects.filter(entry_id=made[0].pk).delete()
    chain.seal(at=NOON)
    before = places()
    AuditLink.objects.create(entry_id=made[0].pk)  # its transaction was longer than its neighbours'
    chain.seal(at=later(60))
    after = places()
    assert after[: len(before)] == before
    assert after[len(before) :] == [(made[0].pk, len(before) + 1)]


def test_more_entries_than_one_transaction_takes_are_chained_in_several(monkeypatch):
    monkeypatch.setattr(chain, "CHUNK", 2)
    entries(5)
    chain.seal(at=NOON)
    assert [place for _, place in places()] == list(range(1, AuditEntry.objects.count() + 1))


def test_what_is_rolled_back_leaves_no_entry_and_no_link():
    mine = account()
    count = AuditLink.objects.count()
    with transaction.atomic():
        record("account.changed", mine, at=NOON)
        transaction.set_rollback(True)
    assert AuditLink.objects.count() == AuditEntry.objects.count() == count


def test_the_first_key_seals_and_another_key_makes_another_seal(settings):
    first = chain.seal(at=NOON)
    told = chain.as_told(first)
    (key,) = chain.keys().values()
    assert chain.mac(told, key) == first.mac
    assert chain.mac(told, b"k" * 32) != first.mac


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.save(),
        lambda entry: entry.delete(),
        lambda entry: AuditEntry.objects.update(action="nothing.happened"),
        lambda entry: AuditEntry.objects.all().delete(),
        lambda entry: AuditEntry.objects.filter(pk=entry.pk).delete(),
        lambda entry: AuditEntry.objects.bulk_update([entry], ["action"]),
        lambda entry: AuditEntry.objects.bulk_create([AuditEntry(pk=entry.pk, at=NOON)], ignore_conflicts=True),
        lambda entry: AuditSeal.objects.all().delete(),
        lambda entry: AuditSeal.objects.update(count=0),
    ],
)
def test_entries_and_seals_are_neither_changed_nor_deleted(change):
    (entry,) = entries(1)
    chain.seal(at=NOON)
    with pytest.raises(NeverChanged):
        change(entry)
    assert AuditEntry.objects.get(pk=entry.pk).action == "account.changed"
    assert AuditSeal.objects.get().count == AuditEntry.objects.count()


def test_a_user_who_is_deleted_leaves_his_entries_as_they_are():
    mine = account()
    user = mine.workspace.memberships.get().user
    entry = record("account.changed", mine, at=NOON, actor=user)
    pk = user.pk
    user.delete()
    entry = AuditEntry.objects.get(pk=entry.pk)
    assert (entry.actor_id, entry.actor_name) == (pk, "family")


def _at_once(*works) -> None:
    def work(do):
        try:
            do()
        finally:
            connection.close()

    threads = [Thread(target=work, args=[each]) for each in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_two_sealers_at_once_chain_everything_once_while_others_write():
    mine = account()

    def write():
        for each in range(30):
            record("account.changed", mine, at=NOON, step=each)

    def seal():
        for each in range(5):
            chain.seal(at=later(each))

    _at_once(write, seal, write, seal)
    chain.seal(at=later(60))
    count = AuditEntry.objects.count()
    assert count >= 60
    assert [place for _, place in places()] == list(range(1, count + 1))
    numbers = list(AuditSeal.objects.values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    assert AuditSeal.objects.last().count == count


@pytest.mark.django_db(transaction=True)
def test_who_acts_waits_for_no_sealer():
    """In the middle of sealing, others write and commit: on PostgreSQL, where two may write at a time."""
    if connection.vendor == "sqlite":
        # One writes at a time there: who acts waits for one short transaction, as behind any other.
        return
    mine = account()
    with transaction.atomic():
        chain._chain_some()
        _at_once(lambda: record("account.changed", mine, at=NOON))
        assert AuditEntry.objects.filter(action="account.changed").exists()
