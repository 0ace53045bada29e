"""What a fill does to wallets and positions. Money is neither made nor lost: the house takes the other side."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import TypeVar

from alphapulse.sandbox.accounts import Account, Entry, Holding
from alphapulse.sandbox.ids import Ids, PastIds
from alphapulse.sandbox.markets import Market
from alphapulse.sandbox.orders import Order, OrderStatus, Trade
from alphapulse.sandbox.positions import MONEY_STEP

ZERO = Decimal(0)
_FEE_STEP = Decimal("1e-8")
_KEPT = 20_000  # trades and book entries of an account; the oldest half goes when there are more
_ENTRY_BASE = 2 * 10**15
Row = TypeVar("Row", Entry, Trade)


@dataclass(frozen=True, slots=True)
class Planted:
    """What a planted fill brings along instead of the market's fee and the next ids."""

    trade_id: int
    fee: Decimal | None
    fee_currency: str
    entry_ids: PastIds

    def fee_or(self, fee: Decimal, currency: str) -> tuple[Decimal, str]:
        return (fee, currency) if self.fee is None else (self.fee, self.fee_currency or currency)


class Books:
    """Moves money between an account's wallet and the house, and writes it down."""

    def __init__(self) -> None:
        self.house: defaultdict[str, Decimal] = defaultdict(Decimal)  # what everybody else has, fees included
        self.entry_ids = Ids(_ENTRY_BASE)
        self.trade_ids = Ids()

    def move(
        self,
        account: Account,
        holding: Holding,
        amount: Decimal,
        *,
        kind: str,
        wallet: str,
        currency: str,
        at_ms: int,
        market: str = "",
        reference: str = "",
        entry_id: int | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        """`entry_id` is given to what is planted in the past; what happens now gets the next one."""
        if not amount:
            return
        holding.free += amount
        self.house[currency] -= amount
        account.updated_ms = at_ms
        entry = Entry(
            id=self.entry_ids.next(at_ms) if entry_id is None else entry_id,
            kind=kind,
            wallet=wallet,
            currency=currency,
            amount=amount,
            at_ms=at_ms,
            market=market,
            reference=reference,
            details=details,
        )
        _keep(account, account.entries, entry)

    def bring(self, account: Account, wallet: str, currency: str, change: Decimal, *, through: str, at_ms: int) -> None:
        """From outside into a wallet, or back, `through` the one that deposits reach."""
        steps = [("deposit" if change > 0 else "withdrawal", through, change)]
        if through != wallet:
            inside = [("transfer", through, -change), ("transfer", wallet, change)]
            steps = steps + inside if change > 0 else inside[::-1] + steps
        for kind, where, amount in steps:
            holding = account.holding(where, currency) if where == wallet else Holding()  # it only passes through
            self.move(account, holding, amount, kind=kind, wallet=where, currency=currency, at_ms=at_ms)

    def fill(
        self,
        account: Account,
        order: Order,
        *,
        wallet: str,
        price: Decimal,
        amount: Decimal,
        is_maker: bool,
        at_ms: int,
        planted: Planted | None = None,
    ) -> Trade:
        market = order.market
        cost = cost_of(market, price, amount)
        rate = market.maker if is_maker else market.taker
        trade_id = planted.trade_id if planted else self.trade_ids.next(at_ms)
        if market.is_spot:
            fee, fee_currency = self._exchange(
                account, order, wallet, amount, cost, rate, at_ms, str(trade_id), planted
            )
            realised = closed = ZERO
        else:
            fee, fee_currency = (cost * rate).quantize(_FEE_STEP, ROUND_UP), market.settle
            if planted:
                fee, fee_currency = planted.fee_or(fee, fee_currency)
            closed = _closing(account, order, amount)
            realised = self._trade_position(
                account, order, wallet, price, amount, fee, fee_currency, at_ms, str(trade_id), planted
            )
        trade = Trade(
            id=trade_id,
            order_id=order.id,
            client_order_id=order.client_order_id,
            market=market,
            side=order.side,
            position_side=order.position_side,
            price=price,
            amount=amount,
            cost=cost,
            fee=fee,
            fee_currency=fee_currency,
            is_maker=is_maker,
            realised=realised,
            at_ms=at_ms,
            closed=closed,
            wallet=order.wallet,
        )
        _record(account, order, trade)
        return trade

    def _exchange(
        self,
        account: Account,
        order: Order,
        wallet: str,
        amount: Decimal,
        cost: Decimal,
        rate: Decimal,
        at_ms: int,
        reference: str,
        planted: Planted | None,
    ) -> tuple[Decimal, str]:
        """Give one currency, get the other; the fee is taken off what is got, unless a planted fill says otherwise."""
        market = order.market
        release(account, order, wallet, min(order.locked, amount * order.price if order.is_buy else amount))
        given, given_amount = (market.quote, cost) if order.is_buy else (market.base, amount)
        got, got_amount = (market.base, amount) if order.is_buy else (market.quote, cost)
        fee, fee_currency = (got_amount * rate).quantize(_FEE_STEP, ROUND_UP), got
        if planted:
            fee, fee_currency = planted.fee_or(fee, fee_currency)
        changes = (("trade", given, -given_amount), ("trade", got, got_amount), ("fee", fee_currency, -fee))
        for kind, currency, change in changes:
            self.move(
                account,
                account.holding(wallet, currency),
                change,
                kind=kind,
                wallet=wallet,
                currency=currency,
                at_ms=at_ms,
                market=market.id,
                reference=reference,
                entry_id=planted.entry_ids.take(at_ms) if planted else None,
            )
        return fee, fee_currency

    def _trade_position(
        self,
        account: Account,
        order: Order,
        wallet: str,
        price: Decimal,
        amount: Decimal,
        fee: Decimal,
        fee_currency: str,
        at_ms: int,
        reference: str,
        planted: Planted | None,
    ) -> Decimal:
        market = order.market
        signed = amount if order.is_buy else -amount
        level = market.level(price)
        realised = account.positions.fill(market.id, order.position_side, signed, level, fee=fee, at_ms=at_ms)
        if market.is_inverse:
            realised = realised.quantize(MONEY_STEP)
        for kind, currency, change in (("profit", market.settle, realised), ("fee", fee_currency, -fee)):
            self.move(
                account,
                account.holding(wallet, currency),
                change,
                kind=kind,
                wallet=wallet,
                currency=currency,
                at_ms=at_ms,
                market=market.id,
                reference=reference,
                entry_id=planted.entry_ids.take(at_ms) if planted else None,
            )
        account.updated_ms = at_ms
        return realised


def _record(account: Account, order: Order, trade: Trade) -> None:
    order.filled += trade.amount
    order.cost += trade.cost
    order.updated_ms = trade.at_ms
    order.status = OrderStatus.PARTIALLY_FILLED
    order.trades.append(trade)
    _keep(account, account.trades, trade)


def _keep(account: Account, rows: list[Row], row: Row) -> None:
    """What is dropped is counted: the control refuses to tell a truth with holes in it."""
    rows.append(row)
    if len(rows) > _KEPT and not account.keeps_all:
        del rows[: _KEPT // 2]
        account.dropped += _KEPT // 2


def cost_of(market: Market, price: Decimal, amount: Decimal) -> Decimal:
    """Spot's wallets have eight decimals: what a fill costs beyond them is let go, so history and balance agree."""
    cost = market.worth(price) * amount
    return cost.quantize(MONEY_STEP, ROUND_DOWN) if market.is_spot else cost


def _closing(account: Account, order: Order, amount: Decimal) -> Decimal:
    """How much of a fill takes away from the position, before it does."""
    held = account.positions.position(order.market.id, order.position_side).amount
    return min(amount, abs(held)) if held and (held < 0) == order.is_buy else ZERO


def locks(order: Order) -> str:
    """The currency an open spot order holds."""
    return order.market.quote if order.is_buy else order.market.base


def lock(account: Account, order: Order, wallet: str, amount: Decimal) -> None:
    holding = account.holding(wallet, locks(order))
    holding.free -= amount
    holding.locked += amount
    order.locked += amount


def release(account: Account, order: Order, wallet: str, amount: Decimal | None = None) -> None:
    """Give back what the order holds: all of it, or a part."""
    amount = order.locked if amount is None else amount
    if not amount:
        return
    holding = account.holding(wallet, locks(order))
    holding.free += amount
    holding.locked -= amount
    order.locked -= amount
