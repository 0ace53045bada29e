"""A file that an exchange let somebody download becomes rows: read whole first, then stored part by part."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, BinaryIO

from django.db import transaction

from alphapulse.exchanges.exports.reading import NO_CHOICES, Choices, Export, read_export
from alphapulse.exchanges.history import Event
from alphapulse.types import Market as CoreMarket
from alphapulse.types import SyncKind
from apps.audit.services import record
from apps.exchanges.models import ExchangeAccount
from apps.ledger.services.events import IMPORT, store_events
from apps.market.models import Market

# Rows in one transaction: short, for on SQLite nobody else writes meanwhile.
PART = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a file's events, by kind: `new` are rows that were not there, or orders that learnt their end."""

    told: Counter[SyncKind] = field(default_factory=Counter)
    new: Counter[SyncKind] = field(default_factory=Counter)

    @property
    def kinds(self) -> list[SyncKind]:
        return sorted(self.told)

    def known(self, kind: SyncKind) -> int:
        return self.told[kind] - self.new[kind]


def read_for(
    account: ExchangeAccount,
    stream: BinaryIO,
    *,
    file_name: str,
    choices: Choices = NO_CHOICES,
    on_progress: Callable[[int], None] = lambda rows: None,
) -> Export:
    """The whole file, with the symbols of the account's exchange. Raises ExportError; stores nothing."""
    return read_export(
        stream,
        exchange_id=account.exchange_id,
        markets=_markets(account),
        file_name=file_name,
        choices=choices,
        on_progress=on_progress,
    )


def import_export(
    account: ExchangeAccount,
    export: Export,
    *,
    file_name: str,
    at: datetime,
    actor: Any = None,
    is_trial: bool = False,
    on_progress: Callable[[int], None] = lambda rows: None,
) -> Imported:
    """Stores what is not there yet; a trial says what that would be. Not inside a transaction: it makes its own.

    Interrupted, it leaves whole rows, and the same file again adds the rest. `on_progress` gets the rows so far.
    """
    imported = Imported()
    for kind, rows in export.by_kind().items():
        for part in _parts(rows):
            imported.new[kind] += _store(account, kind, part, is_trial=is_trial)
            imported.told[kind] += len(part)
            on_progress(imported.told.total())
    if imported.new.total() and not is_trial:
        new = {kind.value: number for kind, number in imported.new.items() if number}
        details = {"file": file_name, "format": export.format.name, "rows": export.rows, "new": new}
        record("history.imported", account, at=at, actor=actor, **details)
    return imported


def _store(account: ExchangeAccount, kind: SyncKind, rows: Sequence[Event], *, is_trial: bool) -> int:
    with transaction.atomic():
        new = store_events(account.pk, kind, rows, source=IMPORT)
        if is_trial:
            transaction.set_rollback(True)
    return new


def _parts(rows: Sequence[Event]) -> Iterator[Sequence[Event]]:
    return (rows[start : start + PART] for start in range(0, len(rows), PART))


def _markets(account: ExchangeAccount) -> Iterator[CoreMarket]:
    names = [field.name for field in fields(CoreMarket)]
    rows = Market.objects.filter(exchange_id=account.exchange_id, environment=account.environment)
    # Those that trade today first: a name may have been given anew.
    return (CoreMarket(**row) for row in rows.order_by("-is_active", "pk").values(*names))
