"""What happened to accounts, as changes of what they hold: events in, `Booking`s out. Pure.

Contracts move nothing but their settle currency: the profit as exchanges settle it (`contracts.py`), fees and funding.
What is between two wallets of one account moves nothing at all.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from alphapulse.money import ZERO, negated, size
from alphapulse.portfolio.lots import EXACT
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

Event = Trade | Transfer | FundingPayment | LedgerEntry


class Why(StrEnum):
    """Why something changed. `exchanged`: one thing for another; `own`: from one account of ours to another."""

    EXCHANGED = "exchanged"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    OWN = "own"
    FEE = "fee"
    CONTRACT = "contract"
    FUNDING = "funding"
    REWARD = "reward"
    AIRDROP = "airdrop"
    INTEREST = "interest"
    REBATE = "rebate"
    OTHER = "other"


class Move(NamedTuple):
    """What was got is positive."""

    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """Changes that belong together. `key` is unique within an account.

    `worth`: amounts of which each says what it was worth (a trade's cost, then its base); empty: what was moved does.
    """

    account: int
    at: datetime
    key: str
    why: Why
    moves: tuple[Move, ...]
    worth: tuple[Move, ...] = ()


def rising(name: str) -> tuple[int, str]:
    """To sort by, of one moment: names that are numbers, or end with one, rise with it. The ninth before the tenth."""
    return len(name), name


def is_contract(symbol: str) -> bool:
    return ":" in symbol


def of_trade(account: int, trade: Trade) -> Iterator[Booking]:
    """A fill of spot: one thing for another, and the fee apart, in whichever coin it was."""
    base, _, quote = trade.symbol.partition("/")
    cost = Move(quote, trade.cost)
    sign = 1 if trade.side is Side.BUY else -1
    moves = (Move(base, sign * trade.amount), Move(quote, -sign * trade.cost))
    key = f"trade:{trade.symbol}:{trade.trade_id}"
    worth = (cost, Move(base, trade.amount))
    yield Booking(account=account, at=trade.exchange_at, key=key, why=Why.EXCHANGED, moves=moves, worth=worth)
    yield from fee_of(account, trade, like=base)


def fee_of(account: int, trade: Trade, like: str = "") -> Iterator[Booking]:
    """What a fill cost, or brought where it is a rebate. Paid in the base (`like`), the fill's own price values it."""
    if not trade.fee or not trade.fee_currency:
        return
    move = Move(trade.fee_currency, negated(trade.fee))
    worth: tuple[Move, ...] = ()
    if trade.fee_currency == like:
        quote = trade.symbol.partition("/")[2]
        worth = (Move(quote, EXACT.multiply(size(trade.fee), trade.price)), Move(like, size(trade.fee)))
    key = f"fee:{trade.symbol}:{trade.trade_id}"
    yield Booking(account=account, at=trade.exchange_at, key=key, why=Why.FEE, moves=(move,), worth=worth)


def of_transfer(account: int, transfer: Transfer) -> Iterator[Booking]:
    """A withdrawal has left when it was asked for; a deposit is there when it has arrived, its fee no part of it."""
    if transfer.kind is TransferKind.INTERNAL or not counts(transfer):
        return
    is_in = transfer.kind is TransferKind.DEPOSIT
    amount = transfer.amount if is_in else negated(transfer.amount)
    why = Why.DEPOSIT if is_in else Why.WITHDRAWAL
    at, key = transfer.exchange_at, transfer.transfer_id
    if amount:
        yield Booking(account=account, at=at, key=key, why=why, moves=(Move(transfer.currency, amount),))
    if transfer.fee and not is_in:
        fee = Move(transfer.fee_currency or transfer.currency, negated(transfer.fee))
        yield Booking(account=account, at=at, key=fee_key(key), why=Why.FEE, moves=(fee,))


def fee_key(key: str) -> str:
    """Of a transfer's fee, by the transfer's."""
    return f"fee:{key}"


def counts(transfer: Transfer) -> bool:
    is_leaving = transfer.kind is TransferKind.WITHDRAWAL and transfer.status is TransferStatus.PENDING
    return is_leaving or transfer.status is TransferStatus.OK


def of_funding(account: int, payment: FundingPayment) -> Iterator[Booking]:
    move = Move(payment.currency, payment.amount)
    if payment.amount:
        key = f"funding:{payment.payment_id}"
        yield Booking(account=account, at=payment.exchange_at, key=key, why=Why.FUNDING, moves=(move,))


# Where no second entry belongs to it. Bought or sold for fiat of which nothing was in the account: from outside.
_ALONE = {
    LedgerKind.REWARD: Why.REWARD,
    LedgerKind.AIRDROP: Why.AIRDROP,
    LedgerKind.INTEREST: Why.INTEREST,
    LedgerKind.REBATE: Why.REBATE,
    LedgerKind.FEE: Why.FEE,
}
_EXCHANGING = (LedgerKind.CONVERT, LedgerKind.DUST, LedgerKind.FIAT)


def of_entries(account: int, entries: Iterable[LedgerEntry]) -> Iterator[Booking]:
    """Entries that were exchanged for each other are one booking: those of a pair, else those of one reference."""
    groups: defaultdict[str, list[LedgerEntry]] = defaultdict(list)
    for entry in entries:
        if entry.kind in _EXCHANGING:
            groups[_belongs(entry)].append(entry)
        else:
            yield from _alone(account, entry)
    for key, group in groups.items():
        yield from _exchanged(account, key, group)


def _belongs(entry: LedgerEntry) -> str:
    """The two ends of a pair are named so by us; others share what the exchange calls their reference, or a time."""
    for end in (":from", ":to"):
        if entry.entry_id.endswith(end):
            return entry.entry_id.removesuffix(end)
    return f"{entry.kind}:{entry.reference or entry.exchange_at.isoformat()}"


def _exchanged(account: int, key: str, group: Sequence[LedgerEntry]) -> Iterator[Booking]:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for entry in group:
        sums[entry.currency] = EXACT.add(sums[entry.currency], entry.amount)
    moves = tuple(Move(asset, amount) for asset, amount in sorted(sums.items()) if amount)
    if any(move.amount > 0 for move in moves) and any(move.amount < 0 for move in moves):
        at = min(entry.exchange_at for entry in group)
        yield Booking(account=account, at=at, key=f"entry:{key}", why=Why.EXCHANGED, moves=moves)
    else:
        for entry in group:
            yield from _alone(account, entry)


def _alone(account: int, entry: LedgerEntry) -> Iterator[Booking]:
    if not entry.amount:
        return
    why = _ALONE.get(entry.kind, Why.OTHER)
    if entry.kind is LedgerKind.FIAT:
        why = Why.DEPOSIT if entry.amount > ZERO else Why.WITHDRAWAL
    move = Move(entry.currency, entry.amount)
    yield Booking(account=account, at=entry.exchange_at, key=f"entry:{entry.entry_id}", why=why, moves=(move,))
