"""What is left of a deleted account goes to files before it goes from the database, whatever is killed in between."""

import hashlib
import json
import re
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.audit.models import AuditEntry
from apps.exchanges import services
from apps.exchanges.models import AccountGroup, ExchangeAccount
from apps.exchanges.services import export, purging
from apps.ledger.models import Balance, HistoryCursor, Sighting, Trade, WalletReading
from apps.sync.models import SyncChange, SyncRun, SyncState
from tests.apps.builders import NOON, account, later, state
from tests.apps.pages import balance_of, reading_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

EXACT = Decimal("0.123456789012345678")


def trade(of: ExchangeAccount, number: int, amount: Decimal = EXACT) -> Trade:
    return Trade.objects.create(
        account=of,
        source="spot",
        exchange_at=later(number),
        trade_id=str(number),
        symbol="BTC/USDT",
        side="buy",
        price=Decimal(1),
        amount=amount,
        cost=amount,
    )


def filled(label: str = "old", trades: int = 3) -> ExchangeAccount:
    """With rows in tables of every kind."""
    mine = account(label)
    balance_of(reading_of(mine))
    state(mine)
    for number in range(trades):
        trade(mine, number)
    Sighting.objects.create(account=mine, wallet="spot", name="BTC")
    HistoryCursor.objects.create(
        account=mine, kind="trades", source="spot", start_at=NOON, reached_at=NOON, due_at=NOON
    )
    where = {"exchange_id": "binance", "environment": "sandbox", "egress": "default", "kind": "balances"}
    run = SyncRun.objects.create(**where, started_at=NOON, lease_until=NOON, claimed=1)
    SyncChange.objects.create(run=run, account=mine, at=NOON, key="BTC", before=None, after={"total": "1"})
    return mine


def archived(label: str = "old", trades: int = 3) -> ExchangeAccount:
    mine = filled(label, trades)
    services.archive_account(mine, at=NOON)
    return mine


def typed(*words: object) -> str:
    out = StringIO()
    call_command("purge_account", *map(str, words), stdout=out, stderr=StringIO(), no_color=True)
    return out.getvalue()


def lines(folder: Path, name: str) -> list[dict]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def rows_left(pk: int) -> dict[str, int]:
    counts = {table.name: table.rows(pk).count() for table in export.tables()}
    return {name: number for name, number in counts.items() if number}


def test_every_table_that_goes_with_an_account_is_exported_exactly_and_then_empty(tmp_path):
    neighbour = filled("neighbour")
    mine = archived()
    before = rows_left(mine.pk)
    told = typed(mine.pk, "--export", tmp_path, "--yes")

    folder = tmp_path / f"account-{mine.pk}"
    manifest = json.loads((folder / "manifest.json").read_text())
    written = {name: file["rows"] for name, file in manifest["files"].items()}
    assert written == before | {"exchanges.exchangeaccount": 1}
    assert {"ledger.trade", "ledger.balance", "sync.syncchange", "ledger.sighting"} <= set(written)
    assert [row["amount"] for row in lines(folder, "ledger.trade")] == [str(EXACT)] * 3
    assert lines(folder, "sync.syncchange")[0]["after"] == {"total": "1"}
    for file in manifest["files"].values():
        assert hashlib.sha256((folder / file["file"]).read_bytes()).hexdigest() == file["sha256"]

    assert "Purged old (binance, sandbox)" in told
    assert list(ExchangeAccount.objects.all()) == [neighbour]
    assert rows_left(mine.pk) == {}
    assert rows_left(neighbour.pk)["ledger.trade"] == 3


def test_the_audit_has_the_manifests_digest_at_the_beginning_and_at_the_end_and_stays(tmp_path):
    mine = archived()
    pk = mine.pk
    typed(pk, "--export", tmp_path, "--yes")
    digest = hashlib.sha256((tmp_path / f"account-{pk}" / "manifest.json").read_bytes()).hexdigest()
    about = AuditEntry.objects.filter(target=f"exchangeaccount:{pk}").order_by("pk")
    assert [entry.action for entry in about] == ["account.archived", "account.purge_begun", "account.purged"]
    for entry in about[1:]:
        assert entry.details["manifest_sha256"] == digest
        assert entry.details["rows"]["ledger.trade"] == 3
        assert re.match(r"command purge_account by .", entry.via)
    assert about[2].before["label"] == "old"


def test_nothing_is_deleted_unless_that_is_said(tmp_path):
    mine = archived()
    before = rows_left(mine.pk)
    told = typed(mine.pk, "--export", tmp_path)
    assert "Nothing of old (binance, sandbox) was deleted: say --yes" in told
    assert rows_left(mine.pk) == before
    assert (tmp_path / f"account-{mine.pk}" / "manifest.json").exists()


def test_an_account_that_was_not_deleted_is_refused_and_so_is_none_at_all(tmp_path):
    mine = filled()
    with pytest.raises(CommandError, match="has not been deleted"):
        typed(mine.pk, "--export", tmp_path, "--yes")
    with pytest.raises(CommandError, match="There is no account 4711"):
        typed(4711, "--export", tmp_path, "--yes")
    with pytest.raises(CommandError, match="--export"):
        typed(mine.pk, "--yes")
    assert rows_left(mine.pk)["ledger.trade"] == 3
    assert list(tmp_path.iterdir()) == []


def test_killed_while_it_exports_it_exports_anew(tmp_path, monkeypatch):
    mine = archived()
    before = rows_left(mine.pk)
    write = export._write_safely

    def killed(path, *args):
        if path.name == "manifest.json":
            raise KeyboardInterrupt
        return write(path, *args)

    monkeypatch.setattr(export, "_write_safely", killed)
    with pytest.raises(KeyboardInterrupt):
        typed(mine.pk, "--export", tmp_path, "--yes")
    assert rows_left(mine.pk) == before
    monkeypatch.undo()
    typed(mine.pk, "--export", tmp_path, "--yes")
    assert not ExchangeAccount.objects.exists()


def kill_after(monkeypatch, chunks: int) -> None:
    """After so many transactions of deleting."""
    delete, done = purging._delete, []

    def killed(*args):
        if len(done) == chunks:
            raise KeyboardInterrupt
        done.append(args)
        return delete(*args)

    monkeypatch.setattr(purging, "_delete", killed)


@pytest.mark.parametrize("chunks", [0, 1, 3])
def test_killed_between_export_and_the_end_it_goes_on_with_the_same_export(tmp_path, monkeypatch, chunks):
    monkeypatch.setattr(export, "CHUNK", 2)
    mine = archived(trades=7)
    before = rows_left(mine.pk)
    kill_after(monkeypatch, chunks)
    with pytest.raises(KeyboardInterrupt):
        typed(mine.pk, "--export", tmp_path, "--yes")
    left = rows_left(mine.pk)
    assert sum(before.values()) > sum(left.values()) or chunks == 0
    manifest = tmp_path / f"account-{mine.pk}" / "manifest.json"
    made = manifest.read_bytes()

    monkeypatch.undo()
    typed(mine.pk, "--export", tmp_path, "--yes")
    assert manifest.read_bytes() == made  # not made anew of what was left
    assert len(lines(manifest.parent, "ledger.trade")) == 7
    assert not ExchangeAccount.objects.exists()
    assert AuditEntry.objects.filter(action="account.purge_begun").count() == 1


def test_half_deleted_it_refuses_another_export_that_would_miss_the_first_half(tmp_path, monkeypatch):
    mine = archived(trades=7)
    kill_after(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        typed(mine.pk, "--export", tmp_path / "first", "--yes")
    monkeypatch.undo()
    with pytest.raises(CommandError, match=r"begun with the export in .*first/account"):
        typed(mine.pk, "--export", tmp_path / "second", "--yes")
    assert not (tmp_path / "second").exists()
    typed(mine.pk, "--export", tmp_path / "first", "--yes")


def test_an_export_that_was_changed_deletes_nothing(tmp_path):
    mine = archived()
    before = rows_left(mine.pk)
    typed(mine.pk, "--export", tmp_path)
    file = tmp_path / f"account-{mine.pk}" / "ledger.trade.jsonl"
    file.write_text(file.read_text().replace("BTC", "ETH", 1))
    with pytest.raises(CommandError, match="is not what was exported"):
        typed(mine.pk, "--export", tmp_path, "--yes")
    file.write_text("")
    with pytest.raises(CommandError, match="0 rows of 3"):
        typed(mine.pk, "--export", tmp_path, "--yes")
    file.unlink()
    with pytest.raises(CommandError, match="not whole"):
        typed(mine.pk, "--export", tmp_path, "--yes")
    assert rows_left(mine.pk) == before


def test_an_export_that_rows_have_come_after_is_made_anew_before_anything_is_deleted(tmp_path):
    mine = archived()
    typed(mine.pk, "--export", tmp_path)
    trade(mine, 99)
    typed(mine.pk, "--export", tmp_path, "--yes")
    assert len(lines(tmp_path / f"account-{mine.pk}", "ledger.trade")) == 4


def test_rows_that_come_while_it_deletes_stay_and_so_does_the_account(tmp_path, monkeypatch):
    mine = archived()
    made = purging.exported(mine, tmp_path, at=NOON)
    trade(mine, 99)
    with pytest.raises(purging.PurgeRefused, match=r"In ledger\.trade there are rows that are not in"):
        purging.purge(mine, made, at=NOON)
    assert [row.trade_id for row in Trade.objects.all()] == ["99"]
    assert ExchangeAccount.objects.exists()


def test_the_export_of_another_account_is_neither_used_nor_written_over(tmp_path):
    mine, other = archived(), archived("other")
    typed(other.pk, "--export", tmp_path)
    (tmp_path / f"account-{other.pk}").rename(tmp_path / f"account-{mine.pk}")
    with pytest.raises(CommandError, match="holds the export of another account, other"):
        typed(mine.pk, "--export", tmp_path, "--yes")


def test_where_nothing_can_be_written_nothing_is_deleted(tmp_path):
    mine = archived()
    before = rows_left(mine.pk)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CommandError, match="cannot be"):
        typed(mine.pk, "--export", tmp_path / "file", "--yes")
    assert rows_left(mine.pk) == before


def test_the_files_are_closed_to_others_and_written_through_to_the_disk(tmp_path, monkeypatch):
    synced: list[str] = []
    fsync = export.os.fsync
    monkeypatch.setattr(export.os, "fsync", lambda fd: (synced.append(_path_of(fd)), fsync(fd))[1])
    mine = archived()
    typed(mine.pk, "--export", tmp_path)
    folder = tmp_path / f"account-{mine.pk}"
    for file in folder.iterdir():
        assert file.stat().st_mode & 0o077 == 0
        assert str(file) + ".draft" in synced
    assert synced[-1] == str(folder)


def _path_of(descriptor: int) -> str:
    return export.os.readlink(f"/proc/self/fd/{descriptor}")


def test_once_purged_it_says_when_and_where_to(tmp_path):
    mine = archived()
    pk = mine.pk
    typed(pk, "--export", tmp_path, "--yes")
    with pytest.raises(CommandError, match=r"old \(binance, sandbox\) was purged at .* exported to .*SHA-256"):
        typed(pk, "--export", tmp_path, "--yes")


def test_credentials_are_gone_before_so_none_is_in_the_files(tmp_path):
    mine = filled()
    sealed = mine.sealed_credentials
    services.archive_account(mine, at=NOON)
    AccountGroup.objects.create(workspace=mine.workspace, name="all")
    typed(mine.pk, "--export", tmp_path)
    for file in (tmp_path / f"account-{mine.pk}").iterdir():
        assert sealed not in file.read_text()


def test_every_table_with_an_account_in_it_is_found_whichever_app_it_is_of():
    names = {table.name for table in export.tables()}
    mine = {model._meta.label_lower for model in (Balance, Trade, WalletReading, SyncState, SyncChange, Sighting)}
    assert mine <= names
    assert "sync.syncrun" not in names  # a batch is of many accounts
    order = [table.name for table in export.tables()]
    assert order.index("ledger.balance") < order.index("ledger.walletreading")


def test_foreign_keys_are_intact_afterwards(tmp_path):
    mine = archived()
    typed(mine.pk, "--export", tmp_path, "--yes")
    connection.check_constraints()
