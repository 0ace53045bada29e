"""How orders meet the market: what a new one takes, what a resting one gets, when a sleeping one wakes."""

from decimal import ROUND_DOWN, Decimal
from typing import Protocol

from alphapulse.sandbox.accounts import Account
from alphapulse.sandbox.book import MATCHED_LEVELS, Level, OrderBook
from alphapulse.sandbox.clock import Clock
from alphapulse.sandbox.collateral import Collateral
from alphapulse.sandbox.fills import Books, locks, release
from alphapulse.sandbox.markets import Market, MarketKind
from alphapulse.sandbox.orders import Order, OrderStatus, OrderType, Reason, Rejection, TimeInForce
from alphapulse.sandbox.prices import Prices

ZERO = Decimal(0)


class Floor(Protocol):
    """What matching needs of the exchange around it."""

    clock: Clock
    prices: Prices
    books: Books
    changes: int
    margin_wallets: dict[str, MarketKind]

    def book(self, market: Market) -> OrderBook: ...
    def last(self, market: Market, market_ms: int | None = None) -> Decimal: ...
    def collateral(
        self, account: Account, currency: str, extra: Order | None = None, *, kind: MarketKind = MarketKind.LINEAR
    ) -> Collateral: ...
    def wallet_of(self, order: Order) -> str: ...
    def rest(self, account: Account, order: Order, locked: Decimal) -> None: ...
    def close(self, account: Account, order: Order, status: OrderStatus) -> None: ...


def place(exchange: Floor, account: Account, order: Order) -> None:
    """Let a new order take, rest or sleep. Raises Rejection before anything has changed."""
    if order.reduce_only:
        held = account.positions.position(order.market.id, order.position_side).amount
        order.amount = min(order.amount, abs(held))
    if order.trigger is not None:
        order.status = OrderStatus.UNTRIGGERED
        _check_funds(exchange, account, order, [])
        exchange.rest(account, order, _needed(order, []) if order.market.is_spot else ZERO)
        return
    taken = _offered(exchange, order)
    if order.post_only and taken:
        raise Rejection(Reason.WOULD_TAKE)
    if order.time_in_force is TimeInForce.FOK and sum(level.amount for level in taken) < order.amount:
        taken = []
    _check_funds(exchange, account, order, taken)
    _take(exchange, account, order, taken)


def amend(exchange: Floor, account: Account, order: Order, price: Decimal, amount: Decimal) -> None:
    old_price, old_amount, locked = order.price, order.amount, order.locked
    wallet = exchange.wallet_of(order)
    release(account, order, wallet)
    del account.open_orders[order.id]
    order.price, order.amount = price, amount
    taken = _offered(exchange, order) if order.trigger is None or order.is_working else []
    try:
        if order.post_only and taken:
            raise Rejection(Reason.WOULD_TAKE)
        _check_funds(exchange, account, order, taken)
    except Rejection:
        order.price, order.amount = old_price, old_amount
        exchange.rest(account, order, locked)
        raise
    order.updated_ms = exchange.clock.wall_ms()
    if order.status is OrderStatus.UNTRIGGERED:
        exchange.rest(account, order, _needed(order, []) if order.market.is_spot else ZERO)
    else:
        _take(exchange, account, order, taken)


def settle(exchange: Floor, account: Account) -> None:
    """Look at the path of the price since each open order was last looked at."""
    now_ms = exchange.clock.market_ms()
    seen: dict[tuple[str, int], tuple[Decimal, Decimal]] = {}
    for order in list(account.open_orders.values()):
        key = (order.market.id, order.checked_ms)
        if key not in seen:
            market = order.market
            low, high = exchange.prices.extremes(market.base, market.quote, order.checked_ms, now_ms)
            seen[key] = (market.to_price(low), market.to_price(high))
        order.checked_ms = now_ms
        if order.is_working:
            _fill_resting(exchange, account, order, *seen[key])
        elif order.trigger is not None and order.trigger.is_reached(*seen[key]):
            _wake(exchange, account, order)


def fill(exchange: Floor, account: Account, order: Order, price: Decimal, amount: Decimal, *, is_maker: bool) -> None:
    exchange.changes += 1
    exchange.books.fill(
        account,
        order,
        wallet=exchange.wallet_of(order),
        price=price,
        amount=amount,
        is_maker=is_maker,
        at_ms=exchange.clock.wall_ms(),
    )


def _offered(exchange: Floor, order: Order) -> list[Level]:
    """The levels, or parts of levels, of the book that the order would take now."""
    book = exchange.book(order.market)
    levels = book.asks(MATCHED_LEVELS) if order.is_buy else book.bids(MATCHED_LEVELS)
    if order.type is OrderType.LIMIT:
        levels = [
            level for level in levels if (level.price <= order.price) == order.is_buy or level.price == order.price
        ]
    if order.quote_amount:
        return _worth(levels, order.quote_amount, order.market.step)
    taken, left = [], order.remaining
    for level in levels:
        if left <= 0:
            break
        taken.append(Level(level.price, min(level.amount, left)))
        left -= level.amount
    return taken


def _worth(levels: list[Level], cost: Decimal, step: Decimal) -> list[Level]:
    """As much of the levels as the cost pays for, in whole steps."""
    taken = []
    for level in levels:
        amount = min(level.amount, (cost / level.price / step).to_integral_value(ROUND_DOWN) * step)
        if not amount:
            break
        taken.append(Level(level.price, amount))
        cost -= amount * level.price
    return taken


def _needed(order: Order, taken: list[Level]) -> Decimal:
    """What a spot order spends at most, in the currency it gives."""
    if not order.is_buy:
        return order.remaining or sum((level.amount for level in taken), ZERO)
    if order.type is OrderType.LIMIT:
        return order.remaining * order.price
    if order.trigger is not None and not taken:
        return order.quote_amount or order.remaining * order.trigger.price
    return sum((level.amount * level.price for level in taken), ZERO)


def _check_funds(exchange: Floor, account: Account, order: Order, taken: list[Level]) -> None:
    if not order.market.is_spot:
        if not order.reduce_only:
            _check_margin(exchange, account, order)
        return
    currency = locks(order)
    wallet = exchange.wallet_of(order)
    free = account.held(wallet, currency).free
    if wallet in exchange.margin_wallets:
        kind = exchange.margin_wallets[wallet]
        free = min(free, exchange.collateral(account, currency, kind=kind).available)
    if free < _needed(order, taken):
        raise Rejection(Reason.INSUFFICIENT_BALANCE)


def _check_margin(exchange: Floor, account: Account, order: Order) -> None:
    """An order that demands no more margin than before (it reduces) passes whatever is free."""
    market = order.market
    before = exchange.collateral(account, market.settle, kind=market.kind)
    after = exchange.collateral(account, market.settle, order, kind=market.kind)
    fee = order.remaining * market.worth(order.price or exchange.last(market)) * market.taker
    if after.order_margin > before.order_margin and after.available < fee:
        raise Rejection(Reason.INSUFFICIENT_BALANCE)


def _take(exchange: Floor, account: Account, order: Order, taken: list[Level]) -> None:
    for level in taken:
        fill(exchange, account, order, level.price, level.amount, is_maker=False)
    if order.quote_amount and not order.amount:
        order.amount = order.filled
        exchange.close(account, order, OrderStatus.FILLED if order.filled else OrderStatus.EXPIRED)
    elif not order.remaining:
        exchange.close(account, order, OrderStatus.FILLED)
    elif order.type is OrderType.MARKET or order.time_in_force is not TimeInForce.GTC:
        exchange.close(account, order, OrderStatus.EXPIRED)
    else:
        order.status = OrderStatus.PARTIALLY_FILLED if order.filled else OrderStatus.NEW
        exchange.rest(account, order, _needed(order, []) if order.market.is_spot else ZERO)


def _fill_resting(exchange: Floor, account: Account, order: Order, low: Decimal, high: Decimal) -> None:
    beyond = order.price - low if order.is_buy else high - order.price
    if beyond < 0:
        return
    amount = min(order.remaining, exchange.book(order.market).amount_through(beyond))
    if order.reduce_only:
        amount = min(amount, abs(account.positions.position(order.market.id, order.position_side).amount))
        if not amount:
            exchange.close(account, order, OrderStatus.EXPIRED)
            return
    fill(exchange, account, order, order.price, amount, is_maker=True)
    if not order.remaining:
        exchange.close(account, order, OrderStatus.FILLED)


def _wake(exchange: Floor, account: Account, order: Order) -> None:
    """The trigger is reached: the order becomes an ordinary one, or ends when the money is gone."""
    release(account, order, exchange.wallet_of(order))
    del account.open_orders[order.id]
    order.status = OrderStatus.NEW
    order.working_ms = order.updated_ms = exchange.clock.wall_ms()
    taken = _offered(exchange, order)
    try:
        _check_funds(exchange, account, order, taken)
    except Rejection:
        exchange.close(account, order, OrderStatus.EXPIRED)
        return
    _take(exchange, account, order, taken)
