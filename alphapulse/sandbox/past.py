"""Planting a past: what happened before anybody looked, with ids that fit its times, and balances moved by it.

The sum of an account's book is its balances less the interest it owes, before and after. All of a call is planted, or
nothing.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import chain
from typing import Any

from alphapulse.sandbox.accounts import Account, Debt, Holding
from alphapulse.sandbox.control_words import Refused
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.fills import Planted, cost_of
from alphapulse.sandbox.ids import PastIds
from alphapulse.sandbox.markets import MarketKind
from alphapulse.sandbox.orders import NewOrder, Order, OrderStatus, OrderType, new_order
from alphapulse.sandbox.past_made_up import make_up
from alphapulse.sandbox.past_row import Happening, PastEvent, PastFill, PastMove, PastOrder
from alphapulse.sandbox.past_rows import read_rows
from alphapulse.sandbox.past_wish import read_wish

Json = dict[str, Any]
MOST_LINES = 100_000  # of one account's book: with its orders and trades some 150 MB


def plant_wish(exchange: Exchange, account: Account, wish: Json) -> int:
    """What the control was asked for; how many rows were planted. Raises Refused."""
    rows = wish.get("rows", [])
    if "generate" in wish:
        rows = make_up(exchange, read_wish(exchange, wish["generate"]))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Refused("rows must be a list of objects")
    plant(exchange, account, read_rows(exchange, rows))
    return len(rows)


def plant(exchange: Exchange, account: Account, happenings: Sequence[Happening]) -> None:
    """`happenings` oldest first. Raises Refused when a balance would end below zero or there is too much."""
    exchange.settle(account, at_once=True)
    _check_room(account, happenings)
    _check_balances(exchange, account, happenings)
    account.keeps_all = True
    _Planting(exchange, account).add(happenings)
    exchange.changes += 1


def _check_room(account: Account, happenings: Sequence[Happening]) -> None:
    if account.dropped:
        raise Refused(f"{account.name} has forgotten {account.dropped} rows already: plant into a fresh account")
    lines = sum(len(one.moves) if isinstance(one, PastEvent) else 3 * len(one.fills) for one in happenings)
    if len(account.entries) + lines > MOST_LINES:
        raise Refused(f"an account's book has room for {MOST_LINES} lines, this would make it longer")


def _check_balances(exchange: Exchange, account: Account, happenings: Sequence[Happening]) -> None:
    """Wallets that cannot owe must not end below zero; contracts' wallets may."""
    changes: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for one in happenings:
        for wallet, currency, change in _moves(exchange, one):
            changes[wallet, currency] += change
    for (wallet, currency), change in changes.items():
        left = account.held(wallet, currency).free + change
        if left < 0 and wallet not in exchange.margin_wallets:
            raise Refused(f"{wallet} {currency} would end at {left:f}: plant the deposit that paid for it, too")


def _moves(exchange: Exchange, one: Happening) -> list[tuple[str, str, Decimal]]:
    """What it does to wallets, as far as no position is in it; the market's own fees are left out."""
    if isinstance(one, PastEvent):
        return [(move.wallet, move.currency, move.amount) for move in one.moves if move.kind != "interest"]
    market, wallet = one.market, one.wallet or exchange.wallets[one.market.kind]
    if not market.is_spot:
        return []
    sign = 1 if one.side == "buy" else -1
    moves = [(wallet, market.base, sign * fill.amount) for fill in one.fills]
    moves += [(wallet, market.quote, -sign * cost_of(market, fill.price, fill.amount)) for fill in one.fills]
    got = market.base if sign > 0 else market.quote
    return moves + [(wallet, fill.fee_currency or got, -fill.fee) for fill in one.fills if fill.fee]


class _Planting:
    def __init__(self, exchange: Exchange, account: Account) -> None:
        self._exchange, self._account = exchange, account
        holders = exchange.accounts.values()
        books = exchange.books
        self._order_ids = PastIds(exchange.order_ids, (number for holder in holders for number in holder.orders))
        self._entry_ids = PastIds(books.entry_ids, (entry.id for holder in holders for entry in holder.entries))
        self._trade_ids: dict[tuple[MarketKind, str] | None, PastIds] = {}

    def add(self, happenings: Sequence[Happening]) -> None:
        """Fills and events in the order of their times, whatever the orders they belong to."""
        steps: list[tuple[int, PastEvent | tuple[Order, PastFill]]] = []
        orders = [(one, self._open(one)) for one in happenings if isinstance(one, PastOrder)]
        steps += [(fill.at_ms, (order, fill)) for one, order in orders for fill in one.fills]
        steps += [(one.at_ms, one) for one in happenings if isinstance(one, PastEvent)]
        for _at_ms, step in sorted(steps, key=lambda step: step[0]):
            if isinstance(step, PastEvent):
                self._move(step)
            else:
                self._fill(*step)
        for one, order in orders:
            order.status = OrderStatus.FILLED if order.filled == order.amount else OrderStatus.CANCELED
            order.updated_ms = one.closed_ms
        self._sort()

    def _open(self, one: PastOrder) -> Order:
        wish = NewOrder(
            market=one.market,
            side=one.side,
            type=one.type,
            amount=one.amount,
            price=one.price if one.type is OrderType.LIMIT else None,
            client_order_id=one.client_order_id,
            wallet=one.wallet,
            position_side=one.position_side,
        )
        order_id = self._order_ids.take(one.at_ms)
        order = new_order(wish, order_id=order_id, account=self._account.name, now_ms=one.at_ms)
        self._account.orders[order.id] = order
        self._account.client_ids.setdefault((one.market.kind, order.client_order_id), order.id)
        return order

    def _fill(self, order: Order, fill: PastFill) -> None:
        trade_id = self._trade_ids_of(order).take(fill.at_ms)
        self._exchange.books.fill(
            self._account,
            order,
            wallet=self._exchange.wallet_of(order),
            price=fill.price,
            amount=fill.amount,
            is_maker=fill.is_maker,
            at_ms=fill.at_ms,
            planted=Planted(trade_id, fill.fee, fill.fee_currency, self._entry_ids),
        )

    def _trade_ids_of(self, order: Order) -> PastIds:
        """Two markets may have the same ids where they are each market's own."""
        own = (order.market.kind, order.market.id) if self._exchange.trade_ids_by_market else None
        if own not in self._trade_ids:
            trades = chain.from_iterable(holder.trades for holder in self._exchange.accounts.values())
            taken = (trade.id for trade in trades if own in (None, (trade.market.kind, trade.market.id)))
            self._trade_ids[own] = PastIds(self._exchange.books.trade_ids, taken)
        return self._trade_ids[own]

    def _move(self, event: PastEvent) -> None:
        numbers = [self._entry_ids.take(event.at_ms) for _ in event.moves]
        for number, move in zip(numbers, event.moves, strict=True):
            self._exchange.books.move(
                self._account,
                self._moved(move),
                move.amount,
                kind=move.kind,
                wallet=move.wallet,
                currency=move.currency,
                at_ms=event.at_ms,
                market=move.market,
                reference=str(numbers[0]) if len(numbers) > 1 else "",
                entry_id=number,
                details=move.details,
            )

    def _moved(self, move: PastMove) -> Holding:
        """Interest on margin is owed, not paid: it is in the debt and leaves what is held alone."""
        if (move.kind, move.wallet) != ("interest", "margin"):
            return self._account.holding(move.wallet, move.currency)
        debts = self._account.debts
        known = debts.get(move.currency, Debt())
        debts[move.currency] = replace(known, interest=known.interest - move.amount)
        return Holding()

    def _sort(self) -> None:
        account = self._account
        account.entries.sort(key=lambda entry: entry.id)
        account.trades.sort(key=lambda trade: (trade.at_ms, trade.id))
        account.orders = dict(sorted(account.orders.items()))
        account.updated_ms = self._exchange.clock.wall_ms()
