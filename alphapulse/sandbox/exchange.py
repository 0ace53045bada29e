"""One exchange's engine: its markets, its accounts, and what happens to their orders.

    exchange = engine.exchanges["binance"]
    account, key = exchange.find_key(api_key)            # or None
    exchange.settle(account)                             # first thing in every private call: fills, triggers, funding
    order = exchange.place(account, NewOrder(...))       # raises Rejection(reason)

All of it is synchronous and owned by one thread. Amounts are Decimal, times milliseconds: `*_ms` of orders, trades
and entries are wall time, prices live in market time (`exchange.clock`).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import count
from zlib import crc32

from alphapulse.sandbox import matching
from alphapulse.sandbox.accounts import Account, ApiKey
from alphapulse.sandbox.book import OrderBook
from alphapulse.sandbox.checks import check, check_amount, check_price
from alphapulse.sandbox.clock import Clock
from alphapulse.sandbox.collateral import Collateral, collateral, leg_margins, summed
from alphapulse.sandbox.daystats import Days, DayStats
from alphapulse.sandbox.fills import Books, lock, release
from alphapulse.sandbox.funding import funding_rate, fundings_between
from alphapulse.sandbox.ids import Ids
from alphapulse.sandbox.markets import Market, MarketBook, MarketKind
from alphapulse.sandbox.memory import Memory
from alphapulse.sandbox.orders import NewOrder, Order, OrderStatus, Reason, Rejection, new_order
from alphapulse.sandbox.positions import Leg
from alphapulse.sandbox.prices import Bar, Prices

ZERO = Decimal(0)
_SETTLED_FOR_MS = 100  # an account that was looked at this recently is not looked at again
_KEPT_ORDERS = 10_000
_ORDER_BASE = 10**15
_UID_BASE, _UIDS = 100_000_000, 900_000_000
CONTRACTS = (MarketKind.LINEAR, MarketKind.INVERSE)
SHARED_COLLATERAL = "shared_collateral"  # an account's setting: Binance's multi-assets mode


class Exchange:
    def __init__(
        self,
        exchange_id: str,
        *,
        clock: Clock,
        prices: Prices,
        markets: MarketBook,
        wallets: Mapping[MarketKind, str],
        memory: Memory,
        outside: frozenset[str],
        trade_ids_by_market: bool = False,
    ) -> None:
        """`wallets` says which wallet a kind of market trades from, `outside` which ones deposits can reach.

        Two markets' trades may share an id, or not.
        """
        self.id = exchange_id
        self.clock = clock
        self.prices = prices
        self.markets = markets
        self.wallets = wallets
        self.memory = memory
        self.outside = outside
        self.trade_ids_by_market = trade_ids_by_market
        self.margin_wallets = {wallet: kind for kind, wallet in wallets.items() if kind in CONTRACTS}
        self.accounts: dict[str, Account] = {}
        self.books = Books()
        self._days = Days(prices)
        self.changes = 0  # counts what is worth saving
        self.order_ids = Ids(_ORDER_BASE)
        self._keys: dict[str, tuple[Account, ApiKey]] = {}
        self._settled: dict[str, tuple[int, int]] = {}

    # Accounts

    def add_account(self, name: str) -> Account:
        """A new, empty account, or the one that has that name already."""
        known = self.accounts.get(name)
        if known is not None:
            return known
        account = Account(
            name=name,
            uid=self._new_uid(name),
            exchange_id=self.id,
            created_ms=self.clock.wall_ms(),
            updated_ms=self.clock.wall_ms(),
            funded_ms=self.clock.market_ms(),
        )
        self.accounts[name] = account
        return account

    def _new_uid(self, name: str) -> int:
        """No other account's, nor one's that a sandbox before this one had: who kept that would take two for one."""
        taken = {account.uid for account in self.accounts.values()}
        first = _UID_BASE + crc32(f"{name} at {self.clock.wall_ms()}".encode()) % _UIDS
        return next(uid for uid in count(first) if uid not in taken)

    def add_key(self, account: Account, key: ApiKey) -> None:
        """Adds the key, or replaces the one with the same public part (to change what it may do)."""
        self.changes += 1
        account.keys[key.key] = key
        self._keys[key.key] = (account, key)

    def remove_key(self, key: str) -> None:
        self.changes += 1
        account, _key = self._keys.pop(key)
        del account.keys[key]

    def find_key(self, key: str) -> tuple[Account, ApiKey] | None:
        return self._keys.get(key)

    def set_balance(self, account: Account, wallet: str, currency: str, free: Decimal) -> None:
        """Make what is free (not what open orders hold) this much: deposited or withdrawn, if need be through spot."""
        change, at_ms = free - account.holding(wallet, currency).free, self.clock.wall_ms()
        through = wallet if wallet in self.outside else self.wallets[MarketKind.SPOT]
        self.changes += 1
        self.books.bring(account, wallet, currency, change, through=through, at_ms=at_ms)

    def transfer(self, account: Account, currency: str, amount: Decimal, *, source: str, target: str) -> None:
        """Between two wallets of one account. Raises Rejection when the source has not that much."""
        free = account.held(source, currency).free
        if source in self.margin_wallets:
            free = min(free, self.collateral(account, currency, kind=self.margin_wallets[source]).available)
        if free < amount or amount <= 0:
            raise Rejection(Reason.INSUFFICIENT_BALANCE)
        self._book(account, source, currency, -amount, kind="transfer")
        self._book(account, target, currency, amount, kind="transfer")

    def collateral(
        self, account: Account, currency: str, extra: Order | None = None, *, kind: MarketKind = MarketKind.LINEAR
    ) -> Collateral:
        """What a kind's positions and orders leave of their wallet; of all its coins where they stand in together."""
        wallet = self.wallets[kind]
        if kind is MarketKind.INVERSE or account.settings.get(SHARED_COLLATERAL) != "true":
            balance = account.held(wallet, currency).free
            return collateral(account, currency, balance, self.markets.of(kind).get, self.last, extra)

        def worth(code: str) -> Decimal:
            return Decimal(str(self.prices.price(code, currency, self.clock.market_ms())))

        total = sum((held.free * worth(code) for code, held in account.wallets.get(wallet, {}).items()), ZERO)
        return summed(total, leg_margins(account, None, self.linear, self.last, extra), worth)

    # Prices

    def linear(self, market_id: str) -> Market | None:
        return self.markets.get(MarketKind.LINEAR, market_id)

    def contract(self, market_id: str) -> Market | None:
        """Linear or inverse: no two have the same id."""
        return self.linear(market_id) or self.markets.get(MarketKind.INVERSE, market_id)

    def last(self, market: Market, market_ms: int | None = None) -> Decimal:
        at_ms = self.clock.market_ms() if market_ms is None else market_ms
        return market.to_price(self.prices.price(market.base, market.quote, at_ms))

    def book(self, market: Market) -> OrderBook:
        now_ms = self.clock.market_ms()
        return OrderBook(market, self.last(market, now_ms), now_ms)

    def day(self, market: Market) -> DayStats:
        """The last 24 hours of market time."""
        return self._days.stats(market.base, market.quote, self.clock.market_ms())

    def candles(self, market: Market, edges: Sequence[int]) -> list[Bar]:
        """Bars between the given opening times (market time), see `Prices.candles`."""
        return self.prices.candles(market.base, market.quote, edges, self.clock.market_ms())

    def funding_rate(self, market: Market, funding_ms: int) -> Decimal:
        return funding_rate(self.prices.seed, market, funding_ms)

    # Orders

    def place(self, account: Account, wish: NewOrder) -> Order:
        """Checks, takes what the book offers, rests or ends. Raises Rejection and then changes nothing."""
        self.settle(account, at_once=True)
        check(account, wish, self.last(wish.market))
        order = self._new_order(account, wish)
        matching.place(self, account, order)
        self._remember(account, order)
        return order

    def take_in_and_cancel(self, account: Account, wish: NewOrder) -> Order:
        """Accepted, and ended at once without a fill: Bybit's way with post-only orders that would take."""
        order = self._new_order(account, wish)
        order.status = OrderStatus.CANCELED
        self._remember(account, order)
        return order

    def try_out(self, account: Account, wish: NewOrder) -> None:
        """What `order/test` does: the filters, without an order."""
        check(account, wish, self.last(wish.market))

    def cancel(self, account: Account, order: Order, status: OrderStatus = OrderStatus.CANCELED) -> Order:
        """Raises Rejection(UNKNOWN_ORDER) when it is not open any more."""
        if order.id not in account.open_orders:
            raise Rejection(Reason.UNKNOWN_ORDER)
        self.close(account, order, status)
        return order

    def amend(
        self, account: Account, order: Order, *, price: Decimal | None = None, amount: Decimal | None = None
    ) -> Order:
        """Change an open order's price or whole amount; it may trade at once. Raises Rejection, changing nothing."""
        if order.id not in account.open_orders:
            raise Rejection(Reason.UNKNOWN_ORDER)
        if price is not None:
            check_price(order.market, price, self.last(order.market))
        if amount is not None:
            check_amount(order.market, amount)
            if amount <= order.filled:
                raise Rejection(Reason.LOT_SIZE)
        matching.amend(self, account, order, price or order.price, amount or order.amount)
        return order

    def settle(self, account: Account, *, at_once: bool = False) -> None:
        """Bring the account up to now: funding, triggers, fills of resting orders the price has passed."""
        if not account.open_orders and not account.positions.has_open():
            account.funded_ms = self.clock.market_ms()  # a position opened later owes nothing for the time before
            return
        now_ms, moves = self.clock.wall_ms(), self.prices.moved
        settled_ms, settled_moves = self._settled.get(account.name, (0, 0))
        if not at_once and now_ms - settled_ms < _SETTLED_FOR_MS and moves == settled_moves:
            return
        self._settled[account.name] = (now_ms, moves)
        self._fund(account)
        if account.open_orders:
            matching.settle(self, account)

    def fill_by_hand(self, account: Account, order: Order, amount: Decimal, price: Decimal | None = None) -> None:
        """The control's way to a partial fill exactly when a test wants it. Raises Rejection(UNKNOWN_ORDER)."""
        if order.id not in account.open_orders:
            raise Rejection(Reason.UNKNOWN_ORDER)
        fill_price = price or order.price or self.last(order.market)
        matching.fill(self, account, order, fill_price, min(amount, order.remaining), is_maker=True)
        if not order.remaining:
            self.close(account, order, OrderStatus.FILLED)

    # Steps that matching shares

    def wallet_of(self, order: Order) -> str:
        return order.wallet or self.wallets[order.market.kind]

    def rest(self, account: Account, order: Order, locked: Decimal) -> None:
        """Keep the order open from now on; spot orders hold their funds."""
        if locked:
            lock(account, order, self.wallet_of(order), locked)
        self.changes += 1
        order.checked_ms = self.clock.market_ms()
        account.open_orders[order.id] = order

    def close(self, account: Account, order: Order, status: OrderStatus) -> None:
        release(account, order, self.wallet_of(order))
        account.open_orders.pop(order.id, None)
        self.changes += 1
        order.status = status
        order.updated_ms = account.updated_ms = self.clock.wall_ms()

    def _new_order(self, account: Account, wish: NewOrder) -> Order:
        now_ms = self.clock.wall_ms()
        return new_order(wish, order_id=self.order_ids.next(now_ms), account=account.name, now_ms=now_ms)

    def _remember(self, account: Account, order: Order) -> None:
        account.orders[order.id] = order
        account.client_ids[order.market.kind, order.client_order_id] = order.id
        account.updated_ms = order.updated_ms
        if len(account.orders) > _KEPT_ORDERS and not account.keeps_all:
            oldest = [known for known in account.orders.values() if not known.is_open][: _KEPT_ORDERS // 10]
            for known in oldest:
                del account.orders[known.id]
            account.dropped += len(oldest)
            account.client_ids = {name: kept for name, kept in account.client_ids.items() if kept in account.orders}

    def _fund(self, account: Account) -> None:
        now_ms = self.clock.market_ms()
        for funding_ms in fundings_between(account.funded_ms, now_ms):
            for leg in list(account.positions.open_legs()):
                market = self.contract(leg.symbol)
                if market is not None and not market.delivery_ms:
                    self._fund_leg(account, leg, market, funding_ms)
        account.funded_ms = now_ms

    def _fund_leg(self, account: Account, leg: Leg, market: Market, funding_ms: int) -> None:
        mark, rate = self.last(market, funding_ms), self.funding_rate(market, funding_ms)
        paid = leg.position.funding(market.level(mark), rate).quantize(Decimal("1e-8"))
        at_ms, wallet = self.clock.to_wall(funding_ms), self.wallets[market.kind]
        self._book(account, wallet, market.settle, paid, kind="funding", market=market.id, at_ms=at_ms)
        if leg.is_isolated:
            account.positions.add_isolated(leg.symbol, leg.side, paid)

    def _book(
        self,
        account: Account,
        wallet: str,
        currency: str,
        amount: Decimal,
        *,
        kind: str,
        market: str = "",
        at_ms: int | None = None,
    ) -> None:
        self.changes += 1
        holding, at_ms = account.holding(wallet, currency), self.clock.wall_ms() if at_ms is None else at_ms
        self.books.move(
            account, holding, amount, kind=kind, wallet=wallet, currency=currency, at_ms=at_ms, market=market
        )
