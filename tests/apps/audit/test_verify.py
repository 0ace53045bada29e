"""Tampering, done in the database itself, and found."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from loguru import logger

from apps.audit.models import AuditEntry, AuditLink, AuditSeal
from apps.audit.services import chain, record
from apps.core.encryption import new_key
from tests.apps.builders import account, later

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def log(tmp_path):
    """The log of the sealer, as lines of JSON."""
    path = tmp_path / "control.log"
    sink = logger.add(path, level="INFO", serialize=True)
    yield path
    logger.remove(sink)


@pytest.fixture
def sealed(log) -> list[AuditEntry]:
    """Nine entries about an account, sealed by threes, a minute between."""
    mine = account()
    actor = mine.workspace.memberships.get().user
    made = []
    for minute in range(3):
        for step in range(3):
            at = later(60 * minute + step)
            made.append(record("account.changed", mine, at=at, actor=actor, after={"label": f"{minute}.{step}"}))
        chain.seal(at=later(60 * minute + 59))
    return made


def verified(*logs: object) -> str:
    """What the command says where all is in order."""
    out = StringIO()
    call_command("verify_audit", *[f"--log={log}" for log in logs], stdout=out, no_color=True)
    return out.getvalue()


def found(*logs: object) -> str:
    """What it says where something is wrong."""
    out = StringIO()
    with pytest.raises(CommandError) as problem:
        call_command("verify_audit", *[f"--log={log}" for log in logs], stdout=out, no_color=True)
    assert problem.value.returncode == 1
    return out.getvalue()


def sql(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount > 0


def place_of(entry: AuditEntry) -> int:
    return AuditLink.objects.get(entry_id=entry.pk).position


def rechained() -> None:
    """As who knows how it is done, but not the key: all places and digests made anew over what is left."""
    place, digest = 0, chain.START
    for link in AuditLink.objects.exclude(position=None).order_by("position"):
        place, digest = place + 1, chain.next_digest(digest, AuditEntry.objects.filter(pk=link.entry_id).first())
        AuditLink.objects.filter(pk=link.pk).update(position=place, digest=digest)


def test_what_nobody_touched_is_in_order_with_and_without_its_log(sealed, log):
    told = verified(log)
    assert f"Entries: {AuditEntry.objects.count()} chained, 0 waiting" in told
    assert "3 seals in the table" in told
    assert "3 in the log" in told
    assert "Without --log" in verified()


def test_a_changed_row_is_found_and_named(sealed, log):
    changed = sealed[4]
    sql("UPDATE audit_auditentry SET actor_name = %s WHERE id = %s", "somebody else", changed.pk)
    told = found()
    assert f"Entry {changed.pk} (account.changed of {changed.target} by somebody else, 2026-11-21 12:01:01 UTC)" in told
    assert f"was changed after it had been chained: place {place_of(changed)}." in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("column", ["at", "action", "target", "name", "via", "address", "user_agent", "opened_by"])
def test_no_column_can_be_changed_unseen(sealed, column):
    value = {"at": "2020-01-01 00:00:00+00:00", "address": "192.0.2.99"}.get(column, "other")
    sql(f'UPDATE audit_auditentry SET "{column}" = %s WHERE id = %s', value, sealed[4].pk)
    assert f"Entry {sealed[4].pk} " in found()


@pytest.mark.parametrize("column", ["before", "after", "details"])
def test_nor_can_what_was_before_and_after(sealed, column):
    sql(f'UPDATE audit_auditentry SET "{column}" = %s WHERE id = %s', '{"label": "forged"}', sealed[4].pk)
    assert f"Entry {sealed[4].pk} " in found()


def test_a_changed_row_whose_chain_was_made_anew_is_found_by_the_seals(sealed):
    sql("UPDATE audit_auditentry SET actor_name = %s WHERE id = %s", "somebody else", sealed[4].pk)
    rechained()
    (problem,) = found().splitlines()
    third, sixth = place_of(sealed[2]), place_of(sealed[5])
    assert f"The chain was written anew somewhere from place {third + 1} to {sixth}: Seal 2 of 2026-11-21T12:01:59" in (
        problem
    )


def test_a_deleted_middle_is_found(sealed):
    gone = sealed[4]
    place = place_of(gone)
    sql("DELETE FROM audit_auditentry WHERE id = %s", gone.pk)
    told = found()
    assert f"Entry {gone.pk} was deleted: place {place}, after entry {sealed[3].pk} " in told
    assert len(told.splitlines()) == 1


def test_a_deleted_middle_is_found_when_its_links_are_gone_too(sealed):
    places = [place_of(each) for each in sealed[3:5]]
    for each in sealed[3:5]:
        sql("DELETE FROM audit_auditentry WHERE id = %s", each.pk)
        sql("DELETE FROM audit_auditlink WHERE entry_id = %s", each.pk)
    told = found()
    assert f"2 entries were deleted from the middle, with the links: places {places[0]} to {places[1]}" in told
    assert f"after entry {sealed[2].pk} " in told
    assert f"before entry {sealed[5].pk} " in told


def test_a_deleted_middle_is_found_when_the_rest_was_chained_anew(sealed):
    sql("DELETE FROM audit_auditentry WHERE id = %s", sealed[4].pk)
    sql("DELETE FROM audit_auditlink WHERE entry_id = %s", sealed[4].pk)
    rechained()
    told = found()
    assert "The chain was written anew somewhere" in told
    assert "The tail was deleted: 1 entry" in told


def delete_tail(rows: list[AuditEntry]) -> None:
    for each in rows:
        sql("DELETE FROM audit_auditentry WHERE id = %s", each.pk)
        sql("DELETE FROM audit_auditlink WHERE entry_id = %s", each.pk)


def test_a_deleted_tail_is_found_by_the_seals(sealed):
    places = [place_of(each) for each in sealed[7:]]
    delete_tail(sealed[7:])
    told = found()
    assert f"The tail was deleted: 2 entries, places {places[0]} to {places[1]}, up to entry {sealed[8].pk}" in told
    assert f"after entry {sealed[6].pk} " in told
    assert "2026-11-21T12:02:59" in told


def test_a_tail_deleted_with_its_seals_is_found_by_the_log_alone(sealed, log):
    delete_tail(sealed[6:])
    sql("DELETE FROM audit_auditseal WHERE number = %s", 3)
    assert "All in order" in verified()  # nothing in the database knows of it any more
    told = found(log)
    assert "Seal 3 of 2026-11-21T12:02:59+00:00 stands in the log and not in the table: it was deleted." in told
    assert f"The tail was deleted: 3 entries, places {place_of(sealed[5]) + 1} to" in told
    assert f"up to entry {sealed[8].pk}" in told


def test_new_entries_in_the_place_of_a_deleted_tail_are_found_by_the_log(sealed, log):
    delete_tail(sealed[6:])
    sql("DELETE FROM audit_auditseal WHERE number = %s", 3)
    mine = account("another")
    for each in range(9):
        record("account.changed", mine, at=later(200 + each))
    chain.seal(at=later(300))
    told = found(log)
    assert "says something else in the log than in the table" in told
    assert "The chain was written anew somewhere" in told


def test_a_deleted_and_a_changed_seal_are_found(sealed):
    sql("UPDATE audit_auditseal SET count = 1 WHERE number = %s", 3)
    sql("DELETE FROM audit_auditseal WHERE number = %s", 2)
    told = found()
    assert "Seals 2 to 2 were deleted: made after 2026-11-21T12:00:59" in told
    assert "Seal 3 of 2026-11-21T12:02:59+00:00 was changed, or is not ours" in told


def test_a_chain_without_any_seal_is_found(sealed):
    sql("DELETE FROM audit_auditseal")
    assert "There is no seal over the" in found()


def test_a_forged_entry_is_found(sealed):
    forged = AuditEntry.objects.create(at=later(1), action="account.changed", target="exchangeaccount:1")
    assert f"Entry {forged.pk} (account.changed of exchangeaccount:1, 2026-11-21 12:00:01 UTC) has no link" in found()


def test_a_seal_that_was_made_with_another_key_is_found(sealed, settings):
    settings.AUDIT_SEAL_KEYS = new_key("thief")
    chain.seal(at=later(500))
    settings.AUDIT_SEAL_KEYS = new_key("seal")
    told = found()
    assert "was made with the key 'thief', which is not among AUDIT_SEAL_KEYS" in told
    assert "Seal 1 of 2026-11-21T12:00:59+00:00 was changed, or is not ours" in told


def test_after_a_rotation_old_seals_are_verified_with_the_old_key(sealed, settings, log):
    settings.AUDIT_SEAL_KEYS = f"{new_key('next')},{settings.AUDIT_SEAL_KEYS}"
    chain.seal(at=later(500))
    assert AuditSeal.objects.last().key_id == "next"
    assert "All in order" in verified(log)


def test_a_log_without_seals_is_told_apart_from_one_in_order(sealed, tmp_path):
    empty = tmp_path / "another.log"
    empty.write_text("nothing of ours\n")
    found(empty)


def test_lines_for_people_are_read_as_well(sealed, tmp_path):
    told = "\n".join(f"12:00 INFO alphapulse audit.seal {chain.json.dumps(chain.as_told(s))}" for s in seals())
    plain = tmp_path / "plain.log"
    plain.write_text(told)
    assert "3 in the log" in verified(plain)


def seals() -> list[AuditSeal]:
    return list(AuditSeal.objects.all())
