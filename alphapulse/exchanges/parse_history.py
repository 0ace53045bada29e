"""What happened to an account, out of ccxt's dictionaries and of exchanges' raw rows, as our types. Pure.

A reader makes the events of one row, none where it says so on purpose: a row is never lost in silence. Readers raise
BadResponse, naming the row, for what is no amount or lacks what it must have.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from alphapulse import money
from alphapulse.exchanges.errors import BadResponse
from alphapulse.exchanges.history import Event
from alphapulse.exchanges.parse import moment, named, order, text
from alphapulse.money import ZERO, optional_decimal, to_decimal
from alphapulse.types import (
    FundingPayment,
    LedgerEntry,
    LedgerKind,
    Side,
    Trade,
    Transfer,
    TransferKind,
    TransferStatus,
)

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How a raw row's names become ours: the source it is of, the exchange's currencies and market ids.

    `is_fee_apart`: a ledger's amounts are without their fees.
    """

    source: str
    currency: Callable[[str], str]
    symbol: Callable[[str], str]
    is_fee_apart: bool = False


Reader = Callable[[Raw, Names], Sequence[Event]]


# --- Trades and orders


def trade(row: Raw, names: Names) -> Sequence[Event]:
    return (named(f"trade {row.get('id')}", _trade, row),)


def _trade(row: Raw) -> Trade:
    price, amount = to_decimal(row["price"]), to_decimal(row["amount"])
    fee, fee_currency = _fee(row)
    return Trade(
        trade_id=text(row, "id"),
        order_id=row.get("order") or None,
        symbol=text(row, "symbol"),
        side=Side(row["side"]),
        price=price,
        amount=amount,
        cost=to_decimal(row["cost"]),
        fee=fee,
        fee_currency=fee_currency,
        is_maker={"maker": True, "taker": False}.get(row.get("takerOrMaker") or ""),
        exchange_at=when(row, "timestamp"),
    )


def closed_order(row: Raw, names: Names) -> Sequence[Event]:
    """An order that is still open is told, too: whoever does not know it yet, now does."""
    return (order(row),)


def _fee(row: Raw) -> tuple[Decimal | None, str | None]:
    """What was paid (a rebate is negative), in which currency. Raises BadResponse for fees in two of them."""
    fees = [fee for fee in (row.get("fees") or [row.get("fee") or {}]) if optional_decimal(fee.get("cost")) is not None]
    paid = [fee for fee in fees if to_decimal(fee["cost"])] or fees[:1]
    if not paid:
        return None, None
    if len({fee.get("currency") for fee in paid}) > 1:
        raise BadResponse(f"The fees of {row.get('id')} are in more than one currency.")
    total = to_decimal(paid[0]["cost"])
    for fee in paid[1:]:
        total = money.add(total, to_decimal(fee["cost"]))
    return total, paid[0].get("currency") or None


# --- Deposits, withdrawals, transfers


def transfer_key(kind: TransferKind, *, currency: str, txid: str, address: str, exchange_id: str) -> str:
    """A transfer's key, the same from an exchange's API and from its CSV export, which has no id of the exchange's.

    With a transaction: kind, currency, txid, and the address, since one transaction may pay several of them. Hex is
    compared in lower case; blanks do not count. Without one (between wallets, or never sent): kind and `exchange_id`,
    which is what the exchange calls the transfer. `""` where there is neither.
    """
    if txid.strip():
        return ":".join((kind, currency, _comparable(txid), _comparable(address)))
    return f"{kind}:{exchange_id}" if exchange_id else ""


def _comparable(name: str) -> str:
    # Binance calls a payment between two of its users "Internal transfer 123"; ccxt leaves the number.
    name = "".join(name.split()).removeprefix("Internaltransfer")
    return name.lower() if name[:2] in ("0x", "0X") else name


# ccxt's four, and what leaks through its parsers. The one place where a transfer's status is translated.
TRANSFER_STATUSES: Mapping[str, TransferStatus] = {
    **{status.value: status for status in TransferStatus},
    **dict.fromkeys(("confirmed", "success", "finished", "completed", "complete"), TransferStatus.OK),
    **dict.fromkeys(("processing", "unknown", "status_unknown", "moreinformationrequired"), TransferStatus.PENDING),
    **dict.fromkeys(("fail", "rejected", "reject", "expired"), TransferStatus.FAILED),
    **dict.fromkeys(("cancelled", "order partial credit stopped"), TransferStatus.CANCELED),
    # Binance's deposits: refused, of the wrong coin, waiting for the owner's word.
    **dict.fromkeys(("2", "7"), TransferStatus.FAILED),
    "8": TransferStatus.PENDING,
    # Bybit's: about to be credited, credited to the funding wallet.
    "10011": TransferStatus.PENDING,
    "10012": TransferStatus.OK,
}


def transaction(row: Raw, names: Names) -> Sequence[Event]:
    """A deposit or withdrawal. One on its way that has no transaction yet is none so far: it would change its key."""
    found = named(f"{row.get('type')} {row.get('id') or row.get('txid')}", _transaction, row)
    is_unsent = not found.txid and found.status is TransferStatus.PENDING
    return () if is_unsent else (found,)


def _transaction(row: Raw) -> Transfer:
    kind, currency = TransferKind(row["type"]), text(row, "currency")
    address, txid = row.get("addressTo") or row.get("address") or "", row.get("txid") or ""
    fee, fee_currency = _fee(row)
    # KuCoin names neither a payment between two of its users nor gives it a transaction.
    number = row.get("id") or f"{row['timestamp']}-{row['amount']}"
    key = transfer_key(kind, currency=currency, txid=txid, address=address, exchange_id=str(number))
    return Transfer(
        transfer_id=key,
        kind=kind,
        currency=currency,
        amount=to_decimal(row["amount"]),
        fee=fee,
        fee_currency=fee_currency,
        status=TRANSFER_STATUSES[str(row["status"]).lower()],
        from_wallet=None,
        to_wallet=None,
        network=row.get("network") or None,
        address=address or None,
        txid=txid or None,
        exchange_at=when(row, "timestamp"),
    )


def internal(row: Raw, names: Names) -> Sequence[Event]:
    """Between two wallets of one account, as ccxt tells it."""
    return (named(f"transfer {row.get('id')}", _internal, row),)


def _internal(row: Raw) -> Transfer:
    currency = text(row, "currency")
    key = transfer_key(TransferKind.INTERNAL, currency=currency, txid="", address="", exchange_id=text(row, "id"))
    return Transfer(
        transfer_id=key,
        kind=TransferKind.INTERNAL,
        currency=currency,
        amount=to_decimal(row["amount"]),
        fee=None,
        fee_currency=None,
        # A line of the books says none: it is done.
        status=TRANSFER_STATUSES[str(row.get("status") or "ok").lower()],
        from_wallet=row.get("fromAccount") or None,
        to_wallet=row.get("toAccount") or None,
        network=None,
        address=None,
        txid=None,
        exchange_at=when(row, "timestamp"),
    )


# --- Funding, and ccxt's ledger


def funding(row: Raw, names: Names) -> Sequence[Event]:
    return (named(f"funding payment {row.get('id')}", _funding, row, names),)


def _funding(row: Raw, names: Names) -> FundingPayment:
    amount = to_decimal(row["amount"])
    # Gate's have no id: a position gets one payment at a time, and what the long one gets the short one pays.
    number = row.get("id") or f"{row['timestamp']}:{money.plain(amount)}"
    return FundingPayment(
        payment_id=f"{names.source}:{row['symbol']}:{number}",
        symbol=text(row, "symbol"),
        currency=text(row, "code"),
        amount=amount,
        exchange_at=when(row, "timestamp"),
    )


# ccxt's words, and what leaks through its parsers.
_LEDGER_KINDS = {
    **{kind.value: kind for kind in LedgerKind},
    **dict.fromkeys(("staking", "earn", "dividend", "bonus", "cashback"), LedgerKind.REWARD),
    **dict.fromkeys(("referral",), LedgerKind.REBATE),
    **dict.fromkeys(("rollover",), LedgerKind.INTEREST),
    **dict.fromkeys(("conversion", "spend", "receive"), LedgerKind.CONVERT),
}


def ledger_entry(row: Raw, names: Names) -> Sequence[Event]:
    """A line of an account's books, less its fee where that is told apart; none where it changed nothing."""
    return named(f"ledger entry {row.get('id')}", _ledger_entry, row, names)


def _ledger_entry(row: Raw, names: Names) -> Sequence[LedgerEntry]:
    amount = money.size(to_decimal(row["amount"]))
    change = {"in": amount, "out": money.negated(amount)}[row["direction"]]
    if names.is_fee_apart:
        change = money.subtract(change, _fee(row)[0] or ZERO)
    entry = LedgerEntry(
        entry_id=f"{names.source}:{text(row, 'id')}",
        kind=_LEDGER_KINDS.get(str(row.get("type") or "").lower(), LedgerKind.OTHER),
        currency=text(row, "currency"),
        amount=change,
        reference=row.get("referenceId") or None,
        exchange_at=when(row, "timestamp"),
    )
    return (entry,) if change else ()


# --- What all of them need


def when(row: Raw, name: str) -> datetime:
    """A row's time, which it must have, in milliseconds, or in seconds where that is what it says."""
    found = moment(row[name])
    if found is None:
        raise KeyError(name)
    return found if found.year > _FIRST_YEAR else found + 999 * (found - _EPOCH)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Seconds read as milliseconds lie in January 1970.
_FIRST_YEAR = 1970


def identity(row: Raw, name: str) -> str:
    """What the exchange calls a row: a text or a number. Raises KeyError where there is none."""
    value = row[name]
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise KeyError(name)
    return str(value)


# By ccxt's unified method; what a method of the exchange's own brings has its reader named with the history.
OF_METHODS: Mapping[str, Reader] = {
    "fetch_my_trades": trade,
    "fetch_orders": closed_order,
    "fetch_closed_orders": closed_order,
    "fetch_canceled_orders": closed_order,
    "fetch_canceled_and_closed_orders": closed_order,
    "fetch_deposits": transaction,
    "fetch_withdrawals": transaction,
    "fetch_deposits_withdrawals": transaction,
    "fetch_transfers": internal,
    "fetch_funding_history": funding,
    "fetch_ledger": ledger_entry,
}
