"""What happened to an account, as the sandbox knows it and as we show it, in the same words."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from alphapulse.types import HISTORY_KINDS, SyncKind
from apps.ledger.models import FundingPayment, LedgerEntry, Order, Trade, Transfer

ENDED = {"filled": "closed", "canceled": "canceled"}
MOVED = {
    "deposit": "deposit",
    "fiat_deposit": "deposit",
    "withdrawal": "withdrawal",
    "fiat_withdrawal": "withdrawal",
    "transfer": "internal",
}
BOOKED = {kind: kind for kind in ("convert", "dust", "reward", "airdrop", "rebate", "interest")}
BOOKED |= {"purchase": "fiat", "sale": "fiat"}

Facts = Counter[tuple[Any, ...]]


def there(rows: Iterable[dict[str, Any]], kinds: Iterable[SyncKind] = HISTORY_KINDS) -> Facts:
    """Of what the sandbox has on its books (`GET history`) what the exchange still tells, in our kinds."""
    told = [_fact(row) for row in rows if row["is_told"]]
    return Counter(fact for kind, fact in filter(None, told) if kind in set(kinds))


def _fact(row: dict[str, Any]) -> tuple[SyncKind, tuple[Any, ...]] | None:
    kind, amount = row["kind"], Decimal(row["amount"])
    if kind == "trade":
        return SyncKind.TRADES, ("trade", row["market_kind"], row["market"], row["id"], amount, Decimal(row["price"]))
    if kind == "order":
        return SyncKind.CLOSED_ORDERS, ("order", row["id"], ENDED[row["status"]], Decimal(row["filled"]))
    if kind == "funding":
        return SyncKind.FUNDING_PAYMENTS, ("funding", row["market"], row["at_ms"], amount)
    if kind in MOVED:
        arrived = abs(amount) - Decimal(row["fee"] or 0) if kind == "withdrawal" else amount
        return SyncKind.TRANSFERS, (MOVED[kind], row["currency"], arrived)
    return (SyncKind.LEDGER, (BOOKED[kind], row["currency"], amount)) if kind in BOOKED else None


def here(account: Any, kinds: Iterable[SyncKind] = HISTORY_KINDS) -> Facts:
    """The same of our rows."""
    return Counter(fact for kind in kinds for fact in READERS[kind](account))


def _trades(account: Any) -> Iterable[tuple[Any, ...]]:
    for symbol, *rest in Trade.objects.filter(account=account).values_list("symbol", "trade_id", "amount", "price"):
        yield ("trade", "linear" if ":" in symbol else "spot", _market(symbol), *rest)


def _orders(account: Any) -> Iterable[tuple[Any, ...]]:
    ended = Order.objects.filter(reading__account=account).exclude(status__in=("open", "gone"))
    yield from (("order", *row) for row in ended.values_list("order_id", "status", "filled"))


def _payments(account: Any) -> Iterable[tuple[Any, ...]]:
    rows = FundingPayment.objects.filter(account=account).values_list("symbol", "exchange_at", "amount")
    yield from (("funding", _market(symbol), round(at.timestamp() * 1000), amount) for symbol, at, amount in rows)


def _transfers(account: Any) -> Iterable[tuple[Any, ...]]:
    yield from Transfer.objects.filter(account=account).values_list("kind", "currency", "amount")


def _entries(account: Any) -> Iterable[tuple[Any, ...]]:
    yield from LedgerEntry.objects.filter(account=account).values_list("kind", "currency", "amount")


def _market(symbol: str) -> str:
    return symbol.split(":")[0].replace("/", "")


READERS = {
    SyncKind.TRADES: _trades,
    SyncKind.CLOSED_ORDERS: _orders,
    SyncKind.FUNDING_PAYMENTS: _payments,
    SyncKind.TRANSFERS: _transfers,
    SyncKind.LEDGER: _entries,
}
