"""What happened to an account, as the sandbox knows it and as we show it, in the same words."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet

from alphapulse.types import HISTORY_KINDS, SyncKind
from apps.core.clock import now
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import FundingPayment, HistoryCursor, LedgerEntry, Order, Trade, Transfer
from apps.sync.models import SyncState
from tests.chaos.world import World

# What is read back in a scenario. Binance's other lists are so dear that they take minutes.
KINDS = {
    "binance": (SyncKind.TRADES, SyncKind.CLOSED_ORDERS, SyncKind.FUNDING_PAYMENTS),
    "bybit": HISTORY_KINDS,
}
DAYS = 15
SYMBOLS = ("BTCUSDT", "ETHUSDT", "linear:BTCUSDT")
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


def given_to(world: World, exchange_id: str, *, trades: int, seed: int) -> ExchangeAccount:
    """An account of the exchange that has a past from now on; it is not read yet."""
    reader = world.accounts(exchange_id)[0]
    world.sandbox.generate_history(
        exchange_id, reader.label, days=DAYS, trades=trades, symbols=list(SYMBOLS), seed=seed
    )
    since = (now() - timedelta(days=DAYS + 1)).date()
    ExchangeAccount.objects.filter(pk=reader.pk).update(history_from=since)
    HistoryCursor.objects.filter(account=reader).delete()
    # What it holds says which markets are worth asking for.
    world.make_due(world.states(exchange_id, "balances"))
    return reader


def states_of(readers: Iterable[ExchangeAccount]) -> QuerySet[SyncState]:
    wanted = Q()
    for reader in readers:
        wanted |= Q(account=reader, kind__in=KINDS[reader.exchange_id])
    return SyncState.objects.filter(wanted)


def read_on(states: QuerySet[SyncState]) -> None:
    """All lists are asked for what is new, as after a wish by hand."""
    HistoryCursor.objects.filter(account__in=states.values("account"), due_at__gt=now()).update(due_at=now())
    states.update(due_at=now(), is_behind=True)


def differences(world: World, reader: ExchangeAccount) -> list[str]:
    kinds = KINDS[reader.exchange_id]
    truth, rows = there(world.sandbox.history(reader.exchange_id, reader.label), kinds), here(reader, kinds)
    found = [f"{reader.label}: missing: {fact}" for fact in (truth - rows).elements()]
    return found + [f"{reader.label}: too many: {fact}" for fact in (rows - truth).elements()]


def there(rows: Iterable[dict[str, Any]], kinds: Iterable[SyncKind] = HISTORY_KINDS) -> Facts:
    """Of what the sandbox has on its books (`GET history`) what the exchange still tells, in our kinds."""
    told = [_fact(row) for row in rows if row["is_told"]]
    return Counter(fact for kind, fact in filter(None, told) if kind in set(kinds))


def _fact(row: dict[str, Any]) -> tuple[SyncKind, tuple[Any, ...]] | None:
    kind, amount = row["kind"], Decimal(row["amount"])
    if kind == "trade":
        return SyncKind.TRADES, ("trade", row["market_kind"], row["market"], row["id"], amount, Decimal(row["price"]))
    if kind == "order" and row["status"] in ENDED:
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
