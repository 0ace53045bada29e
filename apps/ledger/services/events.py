"""What happened becomes rows: by key, so that what is told twice is stored once, in whatever order it comes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from alphapulse.exchanges import fingerprint
from alphapulse.exchanges.expected import names_of
from alphapulse.exchanges.history import Event as CoreEvent
from alphapulse.types import FundingPayment, LedgerEntry, Order, SyncKind, Trade, Transfer
from apps.core.upsert import upsert
from apps.ledger import models
from apps.ledger.services import orders, sightings, stand_ins
from apps.ledger.services.orders import AccountOrder

# The source of what comes from a file.
IMPORT = "import"
# Rows in one statement.
CHUNK = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEvents:
    """What one list of the exchange's (`source`), or a file, told of one account; in which wallet, if that is known."""

    account_id: int
    source: str
    rows: Sequence[CoreEvent]
    wallet: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """How one kind is stored: its rows, what they are in the core, and which columns name one of an account's."""

    model: type[models.Event]
    core: type[CoreEvent]
    key: tuple[str, ...]


TABLES: Mapping[SyncKind, Table] = {
    SyncKind.TRADES: Table(model=models.Trade, core=Trade, key=("symbol", "trade_id")),
    SyncKind.TRANSFERS: Table(model=models.Transfer, core=Transfer, key=("transfer_id",)),
    SyncKind.FUNDING_PAYMENTS: Table(model=models.FundingPayment, core=FundingPayment, key=("payment_id",)),
    SyncKind.LEDGER: Table(model=models.LedgerEntry, core=LedgerEntry, key=("entry_id",)),
}


def store_events(account_id: int, kind: SyncKind, rows: Sequence[CoreEvent], *, source: str = IMPORT) -> int:
    """Stores rows of one history kind (`HISTORY_KINDS`) for one account. Returns how many were new or different.

    Call it inside a transaction. A file's rows whose id is empty (`trade_id=""`) get one of ours
    (`alphapulse.exchanges.fingerprint.with_ids`): give all rows of a file at once, so that equal ones are counted.
    What the exchange tells itself wins: an import never changes a row that is there, and its rows without a real id
    give way to the exchange's, whichever came first. The same file twice changes nothing.
    """
    sightings.note({(account_id, ""): names_of(rows)})
    return store([AccountEvents(account_id=account_id, source=source, rows=rows)], kind)


def store(told: Sequence[AccountEvents], kind: SyncKind) -> int:
    """Of many accounts, one statement for all of them. Returns how many rows were new or different."""
    told = [_with_ids(one) if one.source == IMPORT else one for one in told]
    if kind is SyncKind.CLOSED_ORDERS:
        return orders.store(_orders(told))
    table = TABLES[kind]
    told = [_still_wanted(table, one) if one.source == IMPORT else one for one in told]
    imported, first_hand = _rows(table, told, of_import=True), _rows(table, told, of_import=False)
    number = _write(table, first_hand) + _write(table, imported, only_where="1 = 0")
    return number - sum(stand_ins.give_way(table.model, table.core, one.account_id, one.rows) for one in told)


def _with_ids(told: AccountEvents) -> AccountEvents:
    return replace(told, rows=fingerprint.with_ids(told.rows))


def _still_wanted(table: Table, told: AccountEvents) -> AccountEvents:
    return replace(told, rows=stand_ins.still_wanted(table.model, table.core, told.account_id, told.rows))


def _orders(told: Iterable[AccountEvents]) -> Iterator[AccountOrder]:
    for one in told:
        for event in one.rows:
            assert isinstance(event, Order)
            yield AccountOrder(
                account_id=one.account_id, wallet=one.wallet, order=event, is_from_file=one.source == IMPORT
            )


def _rows(table: Table, told: Iterable[AccountEvents], *, of_import: bool) -> list[dict[str, Any]]:
    """By key, for a statement may name a row only once; of two the later."""
    rows = {
        (one.account_id, *(getattr(event, column) for column in table.key)): _row(one, event)
        for one in told
        if (one.source == IMPORT) is of_import
        for event in one.rows
    }
    return list(rows.values())


def _row(told: AccountEvents, event: CoreEvent) -> dict[str, Any]:
    mark = fingerprint.fingerprint(event) if fingerprint.number_of(event) else ""
    return {"account_id": told.account_id, "source": told.source, "fingerprint": mark} | asdict(event)


def _write(table: Table, rows: Sequence[Mapping[str, Any]], *, only_where: str = "") -> int:
    return sum(
        upsert(table.model, rows[start : start + CHUNK], key=("account_id", *table.key), only_where=only_where)
        for start in range(0, len(rows), CHUNK)
    )
