"""What is left of a deleted account, taken out of the database for good: first exported, then deleted, and audited.

A kill at any moment leaves either all rows, or an export that holds all of them: the same command goes on from there.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction

from apps.audit.models import AuditEntry
from apps.audit.services import record
from apps.exchanges.models import ExchangeAccount
from apps.exchanges.services import export
from apps.exchanges.services.export import Export, ExportRefused, Table
from apps.exchanges.signals import rows_purged

BEGUN, DONE = "account.purge_begun", "account.purged"


class PurgeRefused(Exception):
    """Nothing was deleted; says why."""


def folder_of(account_id: int, under: Path) -> Path:
    return under / f"account-{account_id}"


def exported(account: ExchangeAccount, under: Path, *, at: datetime) -> Export:
    """The account's rows in files below that folder, verified there. One that is whole is not made anew.

    Raises PurgeRefused.
    """
    if account.archived_at is None:
        raise PurgeRefused(f"{account} has not been deleted: its owner does that, or `manage.py remove_account`.")
    folder = folder_of(account.pk, under)
    try:
        found = export.read(folder)
        if found is not None and found.manifest["uid"] != str(account.uid):
            raise PurgeRefused(f"{folder} holds the export of another account, {found.manifest.get('account')}.")
        if begun := _begun(account):
            return _the_one_begun_with(found, begun, folder)
        if found is None or not _holds_all(found, account):
            export.write(account, folder, at=at)
            found = export.read(folder)
    except ExportRefused as refusal:
        raise PurgeRefused(str(refusal)) from None
    if found is None or not _holds_all(found, account):
        raise PurgeRefused(f"{folder} does not hold all rows: some came meanwhile. Run it again.")
    return found


def purge(
    account: ExchangeAccount,
    made: Export,
    *,
    at: datetime,
    actor: Any = None,
    on_progress: Callable[[str, int], None] = lambda table, rows: None,
) -> None:
    """Deletes what the export holds, in short transactions, and the account at the end. Raises PurgeRefused."""
    if made.manifest["uid"] != str(account.uid):
        raise PurgeRefused(f"{made.folder} is the export of another account.")
    told = {"manifest_sha256": made.digest, "export": str(made.folder), "rows": _rows(made)}
    if not _begun(account):
        record(BEGUN, account, at=at, actor=actor, **told)
    try:
        for table in export.tables():
            for keys in made.keys(table):
                on_progress(table.name, _delete(table, account.pk, keys))
    except IntegrityError:
        raise PurgeRefused(f"On some rows hang others that are not in {made.folder}: they stay.") from None
    with transaction.atomic():
        held = ExchangeAccount.objects.select_for_update().get(pk=account.pk)
        left = [table.name for table in export.tables() if table.rows(held.pk).exists()]
        if left:
            raise PurgeRefused(f"In {', '.join(left)} there are rows that are not in {made.folder}: they stay.")
        record(DONE, held, at=at, actor=actor, before=_identity(held), **told)
        held.delete()


def purged_before(account_id: int) -> AuditEntry | None:
    """What the audit says of an account that is gone."""
    return AuditEntry.objects.filter(target=f"exchangeaccount:{account_id}", action=DONE).first()


def _delete(table: Table, account_id: int, keys: list[int]) -> int:
    """Only rows of the account, whatever the file says. Nothing goes along that was not exported: it hangs on none of
    these, or the database refuses."""
    with transaction.atomic():
        mine = table.model._base_manager.filter(pk__in=table.rows(account_id).filter(pk__in=keys).values("pk"))
        rows_purged.send(table.model, pks=list(mine.values_list("pk", flat=True)))
        return int(mine._raw_delete(mine.db))


def _begun(account: ExchangeAccount) -> AuditEntry | None:
    return AuditEntry.objects.filter(target=f"exchangeaccount:{account.pk}", action=BEGUN).order_by("pk").first()


def _the_one_begun_with(found: Export | None, begun: AuditEntry, folder: Path) -> Export:
    """Some rows may be gone already: another export would not have them."""
    if found is None or found.digest != begun.details["manifest_sha256"]:
        raise PurgeRefused(
            f"This purge was begun with the export in {begun.details['export']}, whose manifest has the SHA-256 "
            f"{begun.details['manifest_sha256']}; the one in {folder} is another. Name the folder above that one."
        )
    return found


def _holds_all(found: Export, account: ExchangeAccount) -> bool:
    files = found.manifest["files"]
    counted = {table.name: table.rows(account.pk).count() for table in export.tables()}
    told = {name: files.get(name, {"rows": 0})["rows"] for name in counted}
    return counted == told


def _rows(made: Export) -> dict[str, int]:
    return {name: told["rows"] for name, told in made.manifest["files"].items()}


def _identity(account: ExchangeAccount) -> dict[str, Any]:
    named = ("exchange_id", "environment", "label", "workspace_id")
    return {name: getattr(account, name) for name in named}
