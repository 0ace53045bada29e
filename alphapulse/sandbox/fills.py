"""What a fill does to wallets and positions. Money is neither made nor lost: the house takes the other side."""

from collections import defaultdict
from decimal import ROUND_UP, Decimal
from itertools import count

from alphapulse.sandbox.accounts import Account, Entry, Holding
from alphapulse.sandbox.orders import Order, OrderStatus, Trade
from alphapulse.sandbox.positions import MONEY_STEP

ZERO = Decimal(0)
_FEE_STEP = Decimal("1e-8")
_KEPT = 20_000  # trades and book entries of an account; the oldest half goes when there are more


class Books:
    """Moves money between an account's wallet and the house, and writes it down."""

    def __init__(self) -> None:
        self.house: defaultdict[str, Decimal] = defaultdict(Decimal)  # what everybody else has, fees included
        self.entry_ids = count(5_000_000_001)
        self.trade_ids = count(1_000_000_001)

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
    ) -> None:
        if not amount:
            return
        holding.free += amount
        self.house[currency] -= amount
        account.updated_ms = at_ms
        entry = Entry(
            id=next(self.entry_ids),
            kind=kind,
            wallet=wallet,
            currency=currency,
            amount=amount,
            at_ms=at_ms,
            market=market,
            reference=reference,
        )
        account.entries.append(entry)
        if len(account.entries) > _KEPT:
            del account.entries[: _KEPT // 2]

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
    ) -> Trade:
        market = order.market
        cost = market.worth(price) * amount
        rate = market.maker if is_maker else market.taker
        trade_id = next(self.trade_ids)
        if market.is_spot:
            fee, fee_currency = self._exchange(account, order, wallet, amount, cost, rate, at_ms, str(trade_id))
            realised = closed = ZERO
        else:
            fee, fee_currency = (cost * rate).quantize(_FEE_STEP, ROUND_UP), market.settle
            closed = _closing(account, order, amount)
            realised = self._trade_position(account, order, wallet, price, amount, fee, at_ms, str(trade_id))
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
    ) -> tuple[Decimal, str]:
        """Give one currency, get the other; the fee is taken off what is got."""
        market = order.market
        release(account, order, wallet, min(order.locked, amount * order.price if order.is_buy else amount))
        given, given_amount = (market.quote, cost) if order.is_buy else (market.base, amount)
        got, got_amount = (market.base, amount) if order.is_buy else (market.quote, cost)
        fee = (got_amount * rate).quantize(_FEE_STEP, ROUND_UP)
        for kind, currency, change in (("trade", given, -given_amount), ("trade", got, got_amount), ("fee", got, -fee)):
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
            )
        return fee, got

    def _trade_position(
        self,
        account: Account,
        order: Order,
        wallet: str,
        price: Decimal,
        amount: Decimal,
        fee: Decimal,
        at_ms: int,
        reference: str,
    ) -> Decimal:
        market = order.market
        signed = amount if order.is_buy else -amount
        level = market.level(price)
        realised = account.positions.fill(market.id, order.position_side, signed, level, fee=fee, at_ms=at_ms)
        if market.is_inverse:
            realised = realised.quantize(MONEY_STEP)
        for kind, change in (("profit", realised), ("fee", -fee)):
            self.move(
                account,
                account.holding(wallet, market.settle),
                change,
                kind=kind,
                wallet=wallet,
                currency=market.settle,
                at_ms=at_ms,
                market=market.id,
                reference=reference,
            )
        account.updated_ms = at_ms
        return realised


def _record(account: Account, order: Order, trade: Trade) -> None:
    order.filled += trade.amount
    order.cost += trade.cost
    order.updated_ms = trade.at_ms
    order.status = OrderStatus.PARTIALLY_FILLED
    order.trades.append(trade)
    account.trades.append(trade)
    if len(account.trades) > _KEPT:
        del account.trades[: _KEPT // 2]


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
