"""An order is one row from start to end, whoever tells of it: those whose end is asked about, and those that histories
tell, which are rows of the same table as the open ones.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from alphapulse.exchanges.order_wallets import wallet_of
from alphapulse.exchanges.reading import OpenOrder
from alphapulse.types import Order as CoreOrder
from alphapulse.types import OrderStatus, Side, SyncKind
from apps.core.upsert import upsert
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import Order, WalletReading, WalletStatus

# How an order ends. Who has read that it ended knows more than who saw it open, whenever the two come to be stored.
ENDS = (OrderStatus.CLOSED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED)
_ENDED = ", ".join(f"'{status}'" for status in ENDS)
# For an upsert of orders: what has ended stays so.
UNLESS_ENDED = f"(excluded.status IN ({_ENDED}) OR t.status NOT IN ({_ENDED}))"

# Asked about at every sync of orders: which are open, and how did those end that are not?
UNSETTLED = (OrderStatus.OPEN, OrderStatus.GONE)

# SQLite takes some thirty thousand values in a question.
ASKED_AT_ONCE = 5_000

_VALUES = tuple(field.name for field in fields(CoreOrder))

Name = tuple[int, str, str]
Place = tuple[int, str]
Accounts = Mapping[int, ExchangeAccount]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOrder:
    """An order that was told by a list of the exchange's, or by a file (`is_from_file`).

    `wallet` is empty where nobody said: then its symbol does.
    """

    account_id: int
    wallet: str = ""
    order: CoreOrder
    is_from_file: bool = False

    @property
    def name(self) -> Name:
        return self.account_id, self.order.symbol, self.order.order_id


def store(orders: Iterable[AccountOrder]) -> int:
    """Returns how many rows are new or different. A row that is there learns its end, and no more from a file."""
    found = {each.name: each for each in orders}
    accounts = ExchangeAccount.objects.in_bulk({account_id for account_id, *_ in found})
    known = _known(found.keys(), accounts)
    readings = _readings([each for name, each in found.items() if name not in known], accounts)
    rows = [_row(each, known.get(name), readings) for name, each in found.items() if _tells(each, known.get(name))]
    return upsert(Order, rows, key=("reading_id", "symbol", "order_id"), only_where=UNLESS_ENDED)


def _tells(told: AccountOrder, known: Order | None) -> bool:
    if known is None:
        return True
    # Which orders are open is read elsewhere, and is newer there.
    return told.order.status in ENDS and not (told.is_from_file and known.status in ENDS)


def _row(told: AccountOrder, known: Order | None, readings: Mapping[Name, int]) -> dict[str, Any]:
    """What this answer does not say stays as it was known."""
    values = {name: getattr(told.order, name) for name in _VALUES}
    if known is None:
        return {"reading_id": readings[told.name]} | values
    kept = {name: getattr(known, name) for name, value in values.items() if value is None}
    return {"reading_id": known.reading_id} | values | kept


def _known(names: Collection[Name], accounts: Accounts) -> dict[Name, Order]:
    """The rows that are there, whichever wallet they were seen in: ids are one market's own."""
    # Trigger orders have ids of their own, which may be those of other orders.
    reads = (read for account in accounts.values() for read in account.exchange.reads.get(SyncKind.ORDERS, ()))
    apart = {read.wallet for read in reads if read.part_of}
    found: dict[Name, Order] = {}
    ordered = sorted(names)
    for start in range(0, len(ordered), ASKED_AT_ONCE):
        symbols, ids = ({name[place] for name in ordered[start : start + ASKED_AT_ONCE]} for place in (1, 2))
        rows = Order.objects.filter(reading__account__in=accounts, symbol__in=symbols, order_id__in=ids)
        for row in rows.exclude(reading__wallet__in=apart).select_related("reading"):
            found[row.reading.account_id, row.symbol, row.order_id] = row
    return found


def open_orders(account_ids: Iterable[int]) -> dict[int, list[OpenOrder]]:
    """The orders whose end we do not know, by account."""
    found: dict[int, list[OpenOrder]] = {}
    rows = Order.objects.filter(reading__account_id__in=account_ids, status__in=UNSETTLED).select_related("reading")
    for row in rows:
        order = OpenOrder(
            wallet=row.reading.wallet, order_id=row.order_id, symbol=row.symbol, last_seen=_as_last_seen(row)
        )
        found.setdefault(row.reading.account_id, []).append(order)
    return found


def _as_last_seen(row: Order) -> CoreOrder:
    seen = {field.name: getattr(row, field.name) for field in fields(CoreOrder)}
    return CoreOrder(**seen | {"side": Side(row.side), "status": OrderStatus(row.status)})


# --- In which wallet ----------------------------------------------------------------------------------------------


def _readings(orders: Sequence[AccountOrder], accounts: Accounts) -> dict[Name, int]:
    """What each of these orders hangs on. As long as nobody has read the wallet's open orders, it is stale."""
    places = {each.name: (each.account_id, _wallet(accounts[each.account_id], each)) for each in orders}
    there = _there(places.values())
    if missing := set(places.values()) - there.keys():
        new = {"kind": SyncKind.ORDERS.value, "status": WalletStatus.NOT_READ.value, "error": ""}
        # Who reads the open orders may be making them, too.
        WalletReading.objects.bulk_create(
            [WalletReading(account_id=account_id, wallet=wallet, **new) for account_id, wallet in sorted(missing)],
            ignore_conflicts=True,
        )
        there = _there(places.values())
    return {name: there[place] for name, place in places.items()}


def _wallet(account: ExchangeAccount, told: AccountOrder) -> str:
    return told.wallet or wallet_of(account.exchange, told.order.symbol)


def _there(places: Iterable[Place]) -> dict[Place, int]:
    accounts = {account_id for account_id, _ in places}
    rows = WalletReading.objects.filter(kind=SyncKind.ORDERS, account__in=accounts)
    return {(row.account_id, row.wallet): row.pk for row in rows}
