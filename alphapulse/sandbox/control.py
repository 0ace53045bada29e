"""The control: JSON over HTTP under `/_sandbox/`, for rehearsals and for tests. The README here documents it."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any

import orjson

from alphapulse.sandbox.accounts import Account, ApiKey, Debt
from alphapulse.sandbox.control_words import Refused, as_amount, as_pair, told_account, told_key, told_order
from alphapulse.sandbox.engine import Engine
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.faults import Fault, FaultKind, Faults
from alphapulse.sandbox.journal import Journal
from alphapulse.sandbox.markets import MarketKind
from alphapulse.sandbox.orders import NewOrder, Order, OrderType, Side
from alphapulse.sandbox.past import plant_wish
from alphapulse.sandbox.positions import PositionModeLocked, PositionSide, WrongPositionSide
from alphapulse.sandbox.truth import told_history
from alphapulse.sandbox.wire import Host

Json = dict[str, Any]
_DEFAULT_BAN_S = 120.0


class Control:
    def __init__(self, engine: Engine, hosts: Mapping[str, Host], faults: Faults, journal: Journal) -> None:
        self.engine, self.hosts, self.faults, self.journal = engine, hosts, faults, journal

    # Reading

    def health(self, _wish: Json) -> Json:
        return {
            "status": "ok",
            "now_ms": self.engine.clock.wall_ms(),
            "market_ms": self.engine.clock.market_ms(),
            "seed": self.engine.prices.seed,
            "hosts": sorted(self.hosts),
            "accounts": {name: len(exchange.accounts) for name, exchange in self.engine.exchanges.items()},
            "requests": self.journal.seen,
        }

    def accounts(self, wish: Json) -> list[Json]:
        return [
            told_account(account)
            for exchange in self._exchanges(wish)
            for account in exchange.accounts.values()
            if wish.get("account") in (None, account.name)
        ]

    def orders(self, wish: Json) -> list[Json]:
        """Every order that was ever accepted, oldest first."""
        return [
            told_order(exchange, order)
            for exchange in self._exchanges(wish)
            for account in exchange.accounts.values()
            if wish.get("account") in (None, account.name)
            for order in account.orders.values()
        ]

    def requests(self, wish: Json) -> list[Json]:
        names = ("host", "path", "method", "key", "account", "remote", "fault")
        equal = {name: str(wish[name]) for name in names if wish.get(name)}
        return self.journal.find(since=int(wish.get("since", 0)), limit=int(wish.get("limit", 1000)), **equal)

    def forget_requests(self, _wish: Json) -> Json:
        self.journal.clear()
        return {}

    def price(self, wish: Json) -> Json:
        base, quote = as_pair(wish)
        price = self.engine.prices.price(base, quote, self.engine.clock.market_ms())
        return {"pair": f"{base}/{quote}", "price": repr(price)}

    # Accounts

    def create_account(self, wish: Json) -> Json:
        """One account with one key. A key that is there already changes nothing."""
        exchange = self._exchange(wish)
        key = str(wish.get("api_key") or secrets.token_hex(32))
        known = exchange.find_key(key)
        if known is not None:
            return told_key(*known, created=False)
        name = str(wish.get("name") or wish.get("account") or f"account-{len(exchange.accounts) + 1}")
        account = exchange.add_account(name)
        self._add_key(exchange, account, wish | {"api_key": key})
        for wallet, balances in _by_wallet(exchange, wish.get("holdings", {})).items():
            self._set_balances(exchange, account, wallet, balances)
        self._set_debts(exchange, account, wish.get("debts", {}))
        for position in wish.get("positions", ()):
            self._set_position(exchange, account, position)
        return told_key(account, account.keys[key], created=True)

    def put_key(self, wish: Json) -> Json:
        """One more key for an account, or other permissions for one it has."""
        exchange, account = self._account(wish)
        key = str(wish.get("api_key") or secrets.token_hex(32))
        self._add_key(exchange, account, wish | {"api_key": key})
        return told_key(account, account.keys[key], created=True)

    def remove_key(self, wish: Json) -> Json:
        exchange = self._exchange(wish)
        if exchange.find_key(str(wish.get("api_key"))) is None:
            raise Refused("no account has that key")
        exchange.remove_key(str(wish["api_key"]))
        return {}

    def set_balances(self, wish: Json) -> Json:
        exchange, account = self._account(wish)
        wallet = str(wish.get("wallet") or exchange.wallets[MarketKind.SPOT])
        self._set_balances(exchange, account, wallet, wish.get("balances", {}))
        return told_account(account)

    def set_debts(self, wish: Json) -> Json:
        """What the margin account owes; nothing is paid out or taken back."""
        exchange, account = self._account(wish)
        self._set_debts(exchange, account, wish.get("debts", {}))
        return told_account(account)

    def set_position(self, wish: Json) -> Json:
        exchange, account = self._account(wish)
        self._set_position(exchange, account, wish)
        return told_account(account)

    def _add_key(self, exchange: Exchange, account: Account, wish: Json) -> None:
        known = account.keys.get(wish["api_key"])
        new = ApiKey(
            key=wish["api_key"],
            secret=str(wish.get("secret") or (known.secret if known else secrets.token_hex(32))),
            wallets=frozenset(wish.get("wallets", ())),
            can_trade=bool(wish.get("can_trade", True)),
            can_withdraw=bool(wish.get("can_withdraw", False)),
            ips=frozenset(wish.get("ips", ())),
            created_ms=known.created_ms if known else exchange.clock.wall_ms(),
            is_enabled=bool(wish.get("is_enabled", True)),
        )
        exchange.add_key(account, new)

    def _set_balances(self, exchange: Exchange, account: Account, wallet: str, balances: Mapping[str, object]) -> None:
        for code, amount in balances.items():
            exchange.set_balance(account, wallet, code, as_amount(amount))

    def _set_debts(self, exchange: Exchange, account: Account, debts: Mapping[str, Json]) -> None:
        for code, owed in debts.items():
            account.debts[code] = Debt(as_amount(owed.get("borrowed", 0)), as_amount(owed.get("interest", 0)))
            exchange.changes += 1

    def _set_position(self, exchange: Exchange, account: Account, wish: Json) -> None:
        """`amount` in contracts, negative for a short; zero closes. `side` makes it a leg of hedge mode."""
        market = exchange.contract(str(wish.get("market")))
        if market is None:
            raise Refused(f"no contract {wish.get('market')!r}")
        side = PositionSide(str(wish.get("side") or "BOTH").upper())
        amount, entry = as_amount(wish.get("amount", 0)), wish.get("entry_price")
        book = account.positions
        exchange.settle(account, at_once=True)
        try:
            book.set_hedged(side is not PositionSide.BOTH)
            if wish.get("leverage"):
                book.configure(market.id, leverage=int(wish["leverage"]))
            price = as_amount(entry) if entry else exchange.last(market)
            signed = -abs(amount) if side is PositionSide.SHORT else amount
            book.put(market.id, side, signed, market.level(price), at_ms=exchange.clock.wall_ms())
        except (PositionModeLocked, WrongPositionSide) as error:
            raise Refused(f"the position mode does not allow it: {type(error).__name__}") from None
        account.updated_ms = exchange.clock.wall_ms()
        exchange.changes += 1

    # The market

    def set_price(self, wish: Json) -> Json:
        """`price` for a pair (or `factor`); it walks on from there, unless `hold` pins it. `release` lets it go."""
        base, quote = as_pair(wish)
        prices, now_ms = self.engine.prices, self.engine.clock.market_ms()
        before = prices.price(base, quote, now_ms)
        target = float(as_amount(wish["price"])) if "price" in wish else before * float(wish.get("factor", 1))
        if target <= 0:
            raise Refused("a price must be above zero")
        if wish.get("release"):
            prices.release(base, at_ms=now_ms)
        elif wish.get("hold"):
            prices.pin(base, at_ms=now_ms, worth=target * prices.price(quote, "USDT", now_ms))
        else:
            prices.move(base, at_ms=now_ms, factor=target / before)
        self.engine.settle_all()
        return self.price(wish)

    def place_order(self, wish: Json) -> Json:
        """A limit order at `price`, or at `away` times the market's price (0.95); a market order without either."""
        exchange, account = self._account(wish)
        market = exchange.markets.get(MarketKind(wish.get("kind") or "spot"), str(wish.get("market")))
        if market is None:
            raise Refused(f"no market {wish.get('market')!r} of that kind")
        price = as_amount(wish["price"]) if wish.get("price") else None
        if wish.get("away"):
            price = market.to_price(float(exchange.last(market)) * float(wish["away"]))
        new = NewOrder(
            market=market,
            side=Side(wish.get("side") or "buy"),
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            amount=as_amount(wish["amount"]),
            price=price,
            client_order_id=str(wish.get("client_order_id") or ""),
            wallet=str(wish.get("wallet") or ""),
        )
        return told_order(exchange, exchange.place(account, new))

    # The past

    def plant(self, wish: Json) -> Json:
        return {"planted": plant_wish(*self._account(wish), wish)}

    def history(self, wish: Json) -> list[Json]:
        """All that ever happened to an account, oldest first; `kind` for one sort of it."""
        return [row for row in told_history(*self._account(wish)) if wish.get("kind") in (None, row["kind"])]

    def fill_order(self, wish: Json) -> Json:
        exchange, account = self._account(wish)
        order = self._order(account, wish)
        amount = as_amount(wish["amount"]) if wish.get("amount") else order.remaining
        price = as_amount(wish["price"]) if wish.get("price") else None
        exchange.fill_by_hand(account, order, amount, price)
        return told_order(exchange, order)

    def cancel_order(self, wish: Json) -> Json:
        exchange, account = self._account(wish)
        return told_order(exchange, exchange.cancel(account, self._order(account, wish)))

    def _order(self, account: Account, wish: Json) -> Order:
        client_id = wish.get("client_order_id")
        for order in reversed(account.orders.values()):
            if str(order.id) == str(wish.get("order_id")) or (client_id and order.client_order_id == client_id):
                return order
        raise Refused("the account has no such order")

    # Faults

    def add_fault(self, wish: Json) -> Json:
        wish = dict(wish)
        for_s = wish.pop("for_s", None)
        known = {field.name for field in fields(Fault)} - {"id", "hits", "until_ms", "is_cleared"}
        if set(wish) - known:
            raise Refused(f"unknown fields {sorted(set(wish) - known)}; known are {sorted(known | {'for_s'})}")
        if not isinstance(wish.get("body", ""), str):
            wish["body"] = orjson.dumps(wish["body"]).decode()
        fault = Fault(**(wish | {"kind": FaultKind(wish.get("kind", ""))}))
        if fault.kind is FaultKind.BAN and for_s is None:
            for_s = _DEFAULT_BAN_S
        if for_s is not None:
            fault.until_ms = self.engine.clock.wall_ms() + int(float(for_s) * 1000)
        return asdict(self.faults.add(fault))

    def list_faults(self, _wish: Json) -> list[Json]:
        return [asdict(fault) for fault in self.faults.all()]

    def clear_faults(self, wish: Json) -> Json:
        self.faults.clear(int(wish["id"]) if wish.get("id") else None)
        return {}

    def forgive(self, _wish: Json) -> Json:
        """Empty every budget and lift every ban that was earned."""
        for host in self.hosts.values():
            host.forgive()
        return {}

    # Finding

    def _exchange(self, wish: Json) -> Exchange:
        exchange = self.engine.exchanges.get(str(wish.get("exchange")))
        if exchange is None:
            raise Refused(f"exchange must be one of {sorted(self.engine.exchanges)}")
        return exchange

    def _exchanges(self, wish: Json) -> Iterable[Exchange]:
        return [self._exchange(wish)] if wish.get("exchange") else self.engine.exchanges.values()

    def _account(self, wish: Json) -> tuple[Exchange, Account]:
        """By name, or by one of its keys."""
        exchange = self._exchange(wish)
        name = str(wish.get("account"))
        found = exchange.find_key(name)
        account = found[0] if found else exchange.accounts.get(name)
        if account is None:
            raise Refused(f"{exchange.id} has no account {name!r}")
        return exchange, account


def _by_wallet(exchange: Exchange, holdings: Mapping[str, Any]) -> dict[str, Mapping[str, object]]:
    """`{"spot": {"BTC": "1"}}` as it is; `{"BTC": "1"}` into the wallet that spot markets trade from."""
    nested = {name: value for name, value in holdings.items() if isinstance(value, dict)}
    flat = {name: value for name, value in holdings.items() if not isinstance(value, dict)}
    return nested | ({exchange.wallets[MarketKind.SPOT]: flat} if flat else {})
