"""What happened to the accounts of a workspace, deleted ones too, out of the ledger's rows."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain

from alphapulse import types
from alphapulse.exchanges.history import key
from alphapulse.market.aliases import Aliases
from alphapulse.portfolio.bookings import Booking, Event
from alphapulse.portfolio.happened import Happened, happened, left_with
from alphapulse.types import LedgerKind, Side, TransferKind, TransferStatus
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import FundingPayment, LedgerEntry, Trade, Transfer
from apps.users.models import Workspace

CHUNK = 5000

TRADE = ("trade_id", "order_id", "symbol", "side", "price", "amount", "cost", "fee", "fee_currency", "exchange_at")
TRANSFER = ("transfer_id", "kind", "currency", "amount", "fee", "fee_currency", "status", "txid", "exchange_at")
FUNDING = ("payment_id", "symbol", "currency", "amount", "exchange_at")
ENTRY = ("entry_id", "kind", "currency", "amount", "reference", "exchange_at")


def accounts_of(workspace: Workspace, environment: str) -> list[ExchangeAccount]:
    """What happened to those that were deleted still counts; what another one counts does not."""
    theirs = ExchangeAccount.objects.filter(workspace=workspace, environment=environment)
    return list(theirs.counting().order_by("pk"))


def happened_to(accounts: Sequence[ExchangeAccount], aliases: Aliases) -> tuple[Happened, list[Booking]]:
    """All of it by our own names of assets; and what deleted accounts had when they went."""
    exchanges = {account.pk: account.exchange_id for account in accounts}

    def meaning(account: int, code: str, at: datetime) -> tuple[str, Decimal]:
        return aliases.meaning(exchanges[account], code, at)

    found = happened(_once(accounts), meaning)
    deleted = {account.pk: account.archived_at for account in accounts if account.archived_at}
    return found, left_with(found.bookings, deleted)


def _once(accounts: Sequence[ExchangeAccount]) -> Iterator[tuple[int, Event]]:
    """Several keys of one account at an exchange, each with wallets of its own, are all told what is of no wallet: it
    happened to the first of them."""
    keys = Counter(map(_whose, accounts))
    shared = {account.pk: whose for account in accounts if (whose := _whose(account)) and keys[whose] > 1}
    yield from _events([account.pk for account in accounts if account.pk not in shared])
    seen: set[tuple[object, ...]] = set()
    for account, whose in sorted(shared.items()):
        for _, event in _events([account]):
            name = (whose, type(event), *key(event))
            if name not in seen:
                seen.add(name)
                yield account, event


def _whose(account: ExchangeAccount) -> tuple[str, str] | None:
    """None: nobody knows, or it was deleted, and what it had has left with it."""
    is_known = account.exchange_uid and not account.archived_at
    return (account.exchange_id, account.exchange_uid) if is_known else None


def _events(accounts: Sequence[int]) -> Iterator[tuple[int, Event]]:
    return chain(
        _rows(Trade, TRADE, _trade, accounts),
        _rows(Transfer, TRANSFER, _transfer, accounts),
        _rows(FundingPayment, FUNDING, lambda row: types.FundingPayment(**row), accounts),
        _rows(LedgerEntry, ENTRY, lambda row: types.LedgerEntry(**row | {"kind": LedgerKind(row["kind"])}), accounts),
    )


def _rows(
    model: type, names: Sequence[str], made: Callable[[dict], Event], accounts: Iterable[int]
) -> Iterator[tuple[int, Event]]:
    rows = model.objects.filter(account__in=accounts).order_by("pk").values_list("account", *names)  # type: ignore[attr-defined]
    for account, *fields in rows.iterator(chunk_size=CHUNK):
        yield account, made(dict(zip(names, fields, strict=True)))


def _trade(row: dict) -> types.Trade:
    return types.Trade(**row | {"side": Side(row["side"])}, is_maker=None)


def _transfer(row: dict) -> types.Transfer:
    told = {"kind": TransferKind(row["kind"]), "status": TransferStatus(row["status"])}
    # How it went is of no account to what it moved.
    return types.Transfer(**row | told, from_wallet=None, to_wallet=None, network=None, address=None)
