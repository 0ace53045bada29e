"""The truth about an account's past, in no exchange's words: what a client that read everything must have."""

from collections.abc import Iterator
from typing import Any

from alphapulse.sandbox.accounts import Account, Entry
from alphapulse.sandbox.control_words import Refused
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.memory import Memory
from alphapulse.sandbox.orders import Order, Trade

Json = dict[str, Any]
_OF_TRADES = ("trade", "fee", "profit")  # lines that trades tell in one row


def told_history(exchange: Exchange, account: Account) -> list[Json]:
    """Orders, trades, and every other line of the book, oldest first. Raises Refused when some of it is gone.

    `is_told`: the exchange itself still tells it; some forget after months.
    """
    if account.dropped:
        raise Refused(f"{account.name} has forgotten {account.dropped} rows, the truth would have holes: plant early")
    memory, now_ms = exchange.memory, exchange.clock.wall_ms()
    rows = [_order(order) | {"is_told": memory.keeps_order(order, now_ms)} for order in account.orders.values()]
    rows += [_trade(trade) | {"is_told": memory.keeps_trade(trade, now_ms)} for trade in account.trades]
    rows += _lines(account, memory, now_ms)
    return sorted(rows, key=lambda row: int(row["at_ms"]))


def _order(order: Order) -> Json:
    return {
        "kind": "order",
        "id": str(order.id),
        "client_order_id": order.client_order_id,
        "market": order.market.id,
        "market_kind": order.market.kind,
        "side": order.side,
        "type": order.type,
        "price": order.price,
        "amount": order.amount,
        "filled": order.filled,
        "cost": order.cost,
        "status": order.status,
        "at_ms": order.created_ms,
        "closed_ms": None if order.is_open else order.updated_ms,
    }


def _trade(trade: Trade) -> Json:
    return {
        "kind": "trade",
        "id": str(trade.id),
        "order_id": str(trade.order_id),
        "market": trade.market.id,
        "market_kind": trade.market.kind,
        "side": trade.side,
        "price": trade.price,
        "amount": trade.amount,
        "cost": trade.cost,
        "fee": trade.fee,
        "fee_currency": trade.fee_currency,
        "is_maker": trade.is_maker,
        "realised": trade.realised,
        "at_ms": trade.at_ms,
    }


def _lines(account: Account, memory: Memory, now_ms: int) -> Iterator[Json]:
    """A transfer is one row with both its ends; its id is that of the line that arrived."""
    left: Entry | None = None
    for entry in account.entries:
        if entry.kind == "transfer" and entry.amount < 0:
            left = entry
        elif entry.kind == "transfer" and left is not None:
            told = memory.keeps_transfer(left, entry, now_ms)
            yield _line(entry) | {"from": left.wallet, "to": entry.wallet, "is_told": told}
        elif entry.kind not in _OF_TRADES:
            yield _line(entry) | {"is_told": memory.keeps_line(entry, now_ms)}


def _line(entry: Entry) -> Json:
    """`amount` is what the wallet gained or, below zero, lost: a withdrawal's fee is in it and told again."""
    return {
        "kind": entry.kind,
        "id": str(entry.id),
        "reference": entry.reference or None,
        "wallet": entry.wallet,
        "currency": entry.currency,
        "market": entry.market or None,
        "amount": entry.amount,
        "fee": entry.detail("fee") or None,
        "details": dict(entry.details or {}),
        "at_ms": entry.at_ms,
    }
