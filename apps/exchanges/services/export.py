"""All rows of an account in files: one of JSON lines for each table, and a manifest that proves them."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db.models import CASCADE, Model, Q, QuerySet
from django.db.models.deletion import get_candidate_relations_to_delete

from alphapulse.money import plain
from apps.exchanges.models import ExchangeAccount

MANIFEST = "manifest.json"
CHUNK = 1_000


class ExportRefused(Exception):
    """What is wrong with an export, or with where it is to go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A model whose rows go with an account, and by which of its columns: one way, or several."""

    model: type[Model]
    ways: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.model._meta.label_lower

    def rows(self, account_id: int) -> QuerySet[Any]:
        mine = Q()
        for way in self.ways:
            mine |= Q(**{way: account_id})
        return self.model._base_manager.filter(mine)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Files that were verified, and the digest of the manifest that lists them."""

    folder: Path
    manifest: Mapping[str, Any]
    digest: str

    def keys(self, table: Table) -> Iterator[list[int]]:
        """The primary keys that were exported, chunk by chunk."""
        told = self.manifest["files"].get(table.name)
        if told is None:
            return
        name, chunk = table.model._meta.pk.attname, []
        with open(self.folder / told["file"], encoding="utf-8") as lines:
            for line in lines:
                chunk.append(json.loads(line)[name])
                if len(chunk) == CHUNK:
                    yield chunk
                    chunk = []
        if chunk:
            yield chunk


def tables() -> list[Table]:
    """Every table whose rows go with an account, whichever app it is of: what hangs on others before what it hangs on.

    Found by the relations themselves, so that a table that is added later is neither forgotten nor lost.
    """
    found: dict[type[Model], Table] = {}
    _collect(ExchangeAccount, "", found)
    return list(reversed(found.values()))


def _collect(model: type[Model], way: str, found: dict[type[Model], Table]) -> None:
    for relation in get_candidate_relations_to_delete(model._meta):
        child: type[Model] = relation.related_model
        if relation.on_delete is not CASCADE or child is model:
            continue
        there = f"{relation.field.name}__{way}" if way else relation.field.name
        known = found.pop(child, Table(model=child, ways=()))
        # Again at the end, where it comes after all that it hangs on.
        found[child] = replace(known, ways=(*known.ways, there)) if there not in known.ways else known
        _collect(child, there, found)


def write(account: ExchangeAccount, folder: Path, *, at: datetime) -> None:
    """The files, each safe on the disk, and last of all the manifest: without it there is no export.

    Raises ExportRefused.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        own = Table(model=ExchangeAccount, ways=("pk",))
        files = {table.name: _write_table(table, account.pk, folder) for table in (*tables(), own)}
        manifest = {
            "account_id": account.pk,
            "account": str(account),
            "uid": str(account.uid),
            "workspace_id": account.workspace_id,
            "workspace": account.workspace.name,
            "archived_at": account.archived_at.isoformat() if account.archived_at else None,
            "exported_at": at.isoformat(),
            "files": {name: told for name, told in files.items() if told["rows"]},
        }
        _write_safely(folder / MANIFEST, [json.dumps(manifest, indent=2)])
        _sync_folder(folder)
    except OSError as problem:
        raise ExportRefused(f"{folder} cannot be written: {problem}. Nothing was deleted.") from None


def read(folder: Path) -> Export | None:
    """An export that is whole, read again from the disk; None where there is no manifest. Raises ExportRefused."""
    try:
        text = (folder / MANIFEST).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise ExportRefused(f"{folder} cannot be read: {problem}.") from None
    try:
        manifest = json.loads(text)
        if not {"account_id", "uid"} <= manifest.keys():
            raise KeyError("uid")
        for told in manifest["files"].values():
            _verify(folder / told["file"], told)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ExportRefused(f"{folder / MANIFEST} is no manifest of an export.") from None
    except OSError as problem:
        raise ExportRefused(f"The export is not whole: {problem}.") from None
    return Export(folder=folder, manifest=manifest, digest=hashlib.sha256(text).hexdigest())


def _verify(path: Path, told: Mapping[str, Any]) -> None:
    digest, rows = hashlib.sha256(), 0
    with open(path, "rb") as lines:
        for line in lines:
            digest.update(line)
            rows += 1
    if (digest.hexdigest(), rows) != (told["sha256"], told["rows"]):
        raise ExportRefused(f"{path} is not what was exported: {rows} rows of {told['rows']}, or changed.")


def _write_table(table: Table, account_id: int, folder: Path) -> dict[str, Any]:
    path = folder / f"{table.name}.jsonl"
    columns = [field.attname for field in table.model._meta.concrete_fields]
    rows = table.rows(account_id).order_by("pk").values(*columns).iterator(chunk_size=CHUNK)
    told = _write_safely(path, (json.dumps(row, default=_exact) for row in rows))
    if not told["rows"]:
        path.unlink()
    return {"file": path.name} | told


def _write_safely(path: Path, lines: Any) -> dict[str, Any]:
    """On the disk, not only on the way there. Closed to everybody else."""
    digest, rows = hashlib.sha256(), 0
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        for line in lines:
            data = f"{line}\n".encode()
            file.write(data)
            digest.update(data)
            rows += 1
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return {"rows": rows, "sha256": digest.hexdigest()}


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exact(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)
