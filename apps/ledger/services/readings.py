"""What an account has becomes rows: stored equals fetched, and what differed is told."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Q

from alphapulse.exchanges.errors import ExchangeError, NotSupported, PermissionMissing
from alphapulse.exchanges.reading import Reading
from alphapulse.money import plain
from alphapulse.types import OrderStatus, SyncKind
from apps.core.upsert import upsert
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import Balance, Order, Position, WalletReading, WalletStatus
from apps.ledger.services.orders import ENDS, UNSETTLED

Key = tuple[int, tuple[str, ...]]
Columns = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReading:
    """A reading, whose it is, until when it counts as fresh, and when it is due again (None: at the next sync)."""

    account_id: int
    reading: Reading
    fresh_until: datetime
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row that differed: `before` is None where it is new, `after` where it is gone. Money as plain text."""

    account_id: int
    wallet: str
    key: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """How one kind is stored: which columns name a row within its wallet, which values it has.

    `noted` are the values whose change is worth telling: a mark price moves at every look.
    """

    model: type[models.Model]
    key: tuple[str, ...]
    noted: tuple[str, ...]
    others: tuple[str, ...] = ()
    # A balance that is gone was sold; an order that is gone has an end, which the reading tells.
    keeps_absent: bool = False
    # An empty wallet where there were rows needs a second look: half-broken answers look just like it.
    doubts_empty: bool = False

    @property
    def values(self) -> tuple[str, ...]:
        return self.noted + self.others


TABLES: Mapping[SyncKind, Table] = {
    SyncKind.BALANCES: Table(
        model=Balance, key=("currency",), noted=("free", "used", "total", "debt"), doubts_empty=True
    ),
    SyncKind.POSITIONS: Table(
        model=Position,
        key=("symbol", "side", "margin_mode"),
        noted=("contracts", "contract_size", "entry_price", "leverage"),
        others=("notional", "mark_price", "unrealized_pnl", "liquidation_price"),
    ),
    SyncKind.ORDERS: Table(
        model=Order,
        key=("symbol", "order_id"),
        noted=("status", "side", "type", "amount", "filled", "price", "average"),
        others=("client_order_id", "remaining", "cost", "exchange_at", "trigger_price"),
        keeps_absent=True,
    ),
}


# An answer, too: no failure takes it back.
_SETTLED = (WalletStatus.NOT_PERMITTED, WalletStatus.NOT_OFFERED)


def store(kind: SyncKind, readings: Sequence[AccountReading]) -> list[Change]:
    """Makes the rows of every good reading what was fetched; a failed one leaves its rows and is marked."""
    table = TABLES[kind]
    known = _readings(kind, readings)
    doubtful = _doubtful(table, readings, known) if table.doubts_empty else set()
    statuses = {_name(item): _status(item, doubtful) for item in readings}
    _mark(kind, readings, statuses)
    good = [item for item in readings if statuses[_name(item)] == WalletStatus.OK]
    return _replace_rows(table, good, _readings(kind, good))


def mark_failed(kind: SyncKind, account_id: int, error: str) -> None:
    """Nothing of the account could be asked: every wallet keeps its last good rows, marked with the reason."""
    readings = WalletReading.objects.filter(account=account_id, kind=kind).exclude(status__in=_SETTLED)
    readings.update(status=WalletStatus.FAILED, error=error[:500], due_at=None)


def mark_not_offered(kind: SyncKind, account: ExchangeAccount) -> None:
    """The exchange has nothing of the kind: that is an answer, and nothing is missing."""
    wallets = {read.wallet for read in account.exchange.reads.get(kind, ())}
    row = {"account_id": account.pk, "kind": kind.value, "status": WalletStatus.NOT_OFFERED.value, "error": ""}
    upsert(WalletReading, [row | {"wallet": wallet} for wallet in wallets], key=("account_id", "kind", "wallet"))


def ask_for_all(account_id: int) -> None:
    """At the next sync of their kind: another key may be allowed more."""
    WalletReading.objects.filter(account=account_id).update(due_at=None)


def forget_other_wallets(account_id: int, wallets: Collection[str]) -> None:
    """The owner chose these: rows of the others would only grow old."""
    WalletReading.objects.filter(account=account_id).exclude(wallet__in=wallets).delete()


# --- Readings: how current a wallet is ----------------------------------------------------------------------------


def _name(item: AccountReading) -> tuple[int, str]:
    return item.account_id, item.reading.wallet


def _readings(kind: SyncKind, readings: Sequence[AccountReading]) -> dict[tuple[int, str], WalletReading]:
    rows = WalletReading.objects.filter(kind=kind, account_id__in={item.account_id for item in readings})
    return {(row.account_id, row.wallet): row for row in rows}


def _doubtful(
    table: Table, readings: Sequence[AccountReading], known: Mapping[tuple[int, str], WalletReading]
) -> set[tuple[int, str]]:
    """Empty answers where there are rows, unless the answer before was as empty."""
    empty = {
        known[_name(item)].pk: _name(item)
        for item in readings
        if not item.reading.error and not item.reading.rows and _name(item) in known
        if known[_name(item)].status != WalletStatus.UNCONFIRMED
    }
    if not empty:
        return set()
    filled = table.model._default_manager.filter(reading__in=empty).values_list("reading", flat=True).distinct()
    return {empty[pk] for pk in filled}


def _status(item: AccountReading, doubtful: set[tuple[int, str]]) -> WalletStatus:
    if isinstance(item.reading.error, PermissionMissing):
        return WalletStatus.NOT_PERMITTED
    if isinstance(item.reading.error, NotSupported):
        return WalletStatus.NOT_OFFERED
    if item.reading.error:
        return WalletStatus.FAILED
    return WalletStatus.UNCONFIRMED if _name(item) in doubtful else WalletStatus.OK


_UNCONFIRMED = "The exchange answered that this wallet is empty; it is asked once more before that is believed."


def _mark(kind: SyncKind, readings: Sequence[AccountReading], statuses: Mapping[tuple[int, str], WalletStatus]) -> None:
    """Good answers move `as_of`; anything else leaves it, and says why."""
    good, bad = [], []
    for item in readings:
        status = statuses[_name(item)]
        row = {"account_id": item.account_id, "kind": kind.value, "wallet": item.reading.wallet, "status": status.value}
        if status == WalletStatus.OK:
            fresh = {"as_of": item.reading.as_of, "fresh_until": item.fresh_until}
            good.append(row | fresh | {"due_at": item.due_at, "error": ""})
        else:
            due_at = item.due_at if status in _SETTLED else None
            bad.append(row | {"due_at": due_at, "error": _trouble(item.reading.error)[:500]})
    for rows in (good, bad):
        upsert(WalletReading, rows, key=("account_id", "kind", "wallet"))


def _trouble(error: ExchangeError | None) -> str:
    if error is None:
        return _UNCONFIRMED
    return f"{error} {error.advice}" if isinstance(error, PermissionMissing) else str(error)


# --- Rows ---------------------------------------------------------------------------------------------------------


def _replace_rows(
    table: Table, readings: Sequence[AccountReading], known: Mapping[tuple[int, str], WalletReading]
) -> list[Change]:
    owners = {known[_name(item)].pk: item for item in readings}
    fetched: dict[Key, Columns] = {
        (pk, tuple(str(getattr(row, column) or "") for column in table.key)): _columns(row, table.values)
        for pk, item in owners.items()
        for row in item.reading.rows
    }
    stored, pks = _stored(table, owners, fetched)
    if table.keeps_absent:
        fetched |= _gone(stored, fetched) | _ended(stored, fetched)
    differing = {key: values for key, values in fetched.items() if stored.get(key) != values}
    gone = [] if table.keeps_absent else [key for key in stored if key not in fetched]
    _write(table, differing)
    table.model._default_manager.filter(pk__in=[pks[key] for key in gone]).delete()
    changes = [_change(table, owners, key, stored.get(key), fetched.get(key)) for key in [*differing, *gone]]
    return [change for change in changes if change.before != change.after]


def _gone(stored: Mapping[Key, Columns], fetched: Mapping[Key, Columns]) -> dict[Key, Columns]:
    """Orders that a complete answer no longer lists, and whose end is not known yet: they are not open any more."""
    return {
        key: {**values, "status": OrderStatus.GONE}
        for key, values in stored.items()
        if key not in fetched and values["status"] == OrderStatus.OPEN
    }


def _ended(stored: Mapping[Key, Columns], fetched: Mapping[Key, Columns]) -> dict[Key, Columns]:
    """Orders whose end a history has told meanwhile: this answer, which saw them open, is older."""
    return {
        key: stored[key]
        for key, values in fetched.items()
        if key in stored and stored[key]["status"] in ENDS and values["status"] not in ENDS
    }


def _columns(row: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _stored(
    table: Table, owners: Mapping[int, AccountReading], fetched: Mapping[Key, Columns]
) -> tuple[dict[Key, Columns], dict[Key, int]]:
    """The rows now there, by key, and their primary keys."""
    rows = table.model._default_manager.filter(reading__in=list(owners))
    if table.keeps_absent:
        # Years of finished orders stay; only those the answer may speak of are compared.
        ids = {key[-1] for _, key in fetched}
        rows = rows.filter(Q(status__in=UNSETTLED) | Q(order_id__in=ids))
    stored, pks = {}, {}
    for row in rows:
        key = (row.reading_id, tuple(getattr(row, column) for column in table.key))
        stored[key], pks[key] = _columns(row, table.values), row.pk
    return stored, pks


def _write(table: Table, rows: Mapping[Key, Columns]) -> None:
    upsert(
        table.model,
        [
            {"reading_id": reading_id} | dict(zip(table.key, key, strict=True)) | dict(values)
            for (reading_id, key), values in rows.items()
        ],
        key=("reading_id", *table.key),
    )


def _change(
    table: Table,
    owners: Mapping[int, AccountReading],
    key: Key,
    before: Columns | None,
    after: Columns | None,
) -> Change:
    reading_id, name = key
    item = owners[reading_id]
    return Change(
        account_id=item.account_id,
        wallet=item.reading.wallet,
        key=" ".join(name),
        before=_told(table, before),
        after=_told(table, after),
    )


def _told(table: Table, values: Columns | None) -> dict[str, Any] | None:
    if values is None:
        return None
    return {name: plain(values[name]) if isinstance(values[name], Decimal) else values[name] for name in table.noted}
