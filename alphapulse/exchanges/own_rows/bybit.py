"""Bybit's funding among its executions, its transaction log, and what came from other users of Bybit."""

from collections.abc import Mapping, Sequence

from alphapulse.exchanges.history import Event
from alphapulse.exchanges.parse import named, text
from alphapulse.exchanges.parse_history import (
    TRANSFER_STATUSES,
    Names,
    Raw,
    Reader,
    identity,
    transfer_key,
    when,
)
from alphapulse.money import negated, to_decimal
from alphapulse.types import FundingPayment, LedgerEntry, LedgerKind, Transfer, TransferKind


def funding(row: Raw, names: Names) -> Sequence[Event]:
    """An execution of the type Funding: its fee is what was paid, below zero what was got."""
    return (named(f"funding payment {row.get('execId')}", _funding, row, names),)


def _funding(row: Raw, names: Names) -> FundingPayment:
    symbol = names.symbol(text(row, "symbol"))
    currency = row.get("feeCurrency") or row.get("feeCoin") or _settled_in(text(row, "symbol"))
    return FundingPayment(
        payment_id=f"{names.source}:{text(row, 'execId')}",
        symbol=symbol,
        currency=names.currency(currency),
        amount=negated(to_decimal(row["execFee"])),
        exchange_at=when(row, "execTime"),
    )


def _settled_in(market_id: str) -> str:
    """`BTCUSDT`, `BTCPERP` (in USDC), `BTCUSD` (in the coin)."""
    if market_id.endswith("PERP"):
        return "USDC"
    if market_id.endswith("USD"):
        return market_id.removesuffix("USD")
    return "USDT"


# By the beginning of the log's type: the first that fits.
_LOGGED: Sequence[tuple[str, LedgerKind]] = (
    ("AIRDROP", LedgerKind.AIRDROP),
    ("BONUS", LedgerKind.REWARD),
    ("FEE_REFUND", LedgerKind.REBATE),
    ("INTEREST", LedgerKind.INTEREST),
    ("AUTO_INTEREST", LedgerKind.INTEREST),
    ("CURRENCY_", LedgerKind.CONVERT),
    ("SPOT_REPAYMENT_", LedgerKind.CONVERT),
)


def logged(row: Raw, names: Names) -> Sequence[Event]:
    """A line of the unified account's log; none where it changed nothing."""
    return named(f"log line {row.get('id')}", _logged, row, names)


def _logged(row: Raw, names: Names) -> Sequence[LedgerEntry]:
    change, kind = to_decimal(row["change"]), text(row, "type")
    if not change:
        return ()
    entry = LedgerEntry(
        entry_id=f"{names.source}:{text(row, 'id')}",
        kind=next((found for begin, found in _LOGGED if kind.startswith(begin)), LedgerKind.OTHER),
        currency=names.currency(text(row, "currency")),
        amount=change,
        # The ends of a convert may have nothing in common but their time.
        reference=row.get("tradeId") or row.get("orderId") or identity(row, "transactionTime"),
        exchange_at=when(row, "transactionTime"),
    )
    return (entry,)


def convert(row: Raw, names: Names) -> Sequence[Event]:
    """What was given and what was got; nothing where it failed or is not done yet."""
    return named(f"convert {row.get('exchangeTxId')}", _convert, row, names)


def _convert(row: Raw, names: Names) -> Sequence[LedgerEntry]:
    if text(row, "exchangeStatus") != "success":
        return ()
    number = text(row, "exchangeTxId")
    ends = (
        ("from", "fromCoin", negated(to_decimal(row["fromAmount"]))),
        ("to", "toCoin", to_decimal(row["toAmount"])),
    )
    return tuple(
        LedgerEntry(
            entry_id=f"{names.source}:{number}:{end}",
            kind=LedgerKind.CONVERT,
            currency=names.currency(text(row, coin)),
            amount=amount,
            reference=number,
            exchange_at=when(row, "createdAt"),
        )
        for end, coin, amount in ends
    )


_WALLETS = {"UNIFIED": "unified", "FUND": "funding"}


def transfer(row: Raw, names: Names) -> Sequence[Event]:
    return (named(f"transfer {row.get('transferId')}", _transfer, row, names),)


def _transfer(row: Raw, names: Names) -> Transfer:
    currency, number = names.currency(text(row, "coin")), text(row, "transferId")
    source, target = text(row, "fromAccountType"), text(row, "toAccountType")
    return Transfer(
        transfer_id=transfer_key(TransferKind.INTERNAL, currency=currency, txid="", address="", exchange_id=number),
        kind=TransferKind.INTERNAL,
        currency=currency,
        amount=to_decimal(row["amount"]),
        fee=None,
        fee_currency=None,
        status=TRANSFER_STATUSES[text(row, "status").lower()],
        from_wallet=_WALLETS.get(source, source.lower()),
        to_wallet=_WALLETS.get(target, target.lower()),
        network=None,
        address=None,
        txid=None,
        exchange_at=when(row, "timestamp"),
    )


# Of deposits by other users of Bybit; those of the chain have numbers of their own.
_INTERNAL = {"1": "pending", "2": "ok", "3": "failed"}


def internal_deposit(row: Raw, names: Names) -> Sequence[Event]:
    return (named(f"internal deposit {row.get('id')}", _internal_deposit, row, names),)


def _internal_deposit(row: Raw, names: Names) -> Transfer:
    currency, txid = names.currency(text(row, "coin")), str(row.get("txID") or "")
    # A mail address or a number of the sender's: it tells nothing apart, and is nobody's business.
    key = transfer_key(TransferKind.DEPOSIT, currency=currency, txid=txid, address="", exchange_id=identity(row, "id"))
    return Transfer(
        transfer_id=key,
        kind=TransferKind.DEPOSIT,
        currency=currency,
        amount=to_decimal(row["amount"]),
        fee=None,
        fee_currency=None,
        status=TRANSFER_STATUSES[_INTERNAL[identity(row, "status")]],
        from_wallet=None,
        to_wallet=None,
        network=None,
        address=None,
        txid=txid or None,
        exchange_at=when(row, "createdTime"),
    )


READERS: Mapping[str, Reader] = {
    "bybit_funding": funding,
    "bybit_log": logged,
    "bybit_transfer": transfer,
    "bybit_convert": convert,
    "bybit_internal_deposit": internal_deposit,
}
