"""The sandbox's memory on disk: accounts with all they hold, and prices moved by hand. JSON, replaced whole.

Walks need no memory (they follow from the seed); faults, budgets and the journal end with the process.
"""

import os
import time
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from alphapulse.sandbox.accounts import Account, ApiKey, Debt, Entry, Holding
from alphapulse.sandbox.config import SandboxConfig
from alphapulse.sandbox.engine import Engine
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.markets import Market, MarketKind
from alphapulse.sandbox.orders import Order, OrderStatus, OrderType, Side, TimeInForce, Trade, Trigger
from alphapulse.sandbox.positions import MarginMode, Position, PositionSide
from alphapulse.sandbox.prices import Move

Json = dict[str, Any]
_VERSION = 1
_MARKETLESS = ("market", "trades")


class StateFile:
    def __init__(self, path: Path, engine: Engine) -> None:
        self._path = path
        self._engine = engine
        self._saved = engine.version()
        self.took_s = 0.0

    def save_if_changed(self) -> None:
        version = self._engine.version()
        if version == self._saved:
            return
        began = time.monotonic()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it holds secrets of accounts
        with open(descriptor, "wb") as file:
            file.write(orjson.dumps(snapshot(self._engine), default=_plain))
        fresh.replace(self._path)
        self._saved = version
        self.took_s = time.monotonic() - began


def load_engine(config: SandboxConfig) -> Engine:
    """A fresh engine, or the one whose memory lies in the state file. Raises ValueError when that is not ours."""
    if config.state is None or not config.state.exists():
        return Engine(config)
    state = orjson.loads(config.state.read_bytes())
    if not isinstance(state, dict) or state.get("version") != _VERSION:
        raise ValueError(f"{config.state}: not a state file of this version of the sandbox")
    engine = Engine(config, started_ms=state["started_ms"] if state["speed"] == config.speed else None)
    restore(engine, state)
    return engine


def snapshot(engine: Engine) -> Json:
    return {
        "version": _VERSION,
        "seed": engine.prices.seed,
        "speed": engine.clock.speed,
        "started_ms": engine.clock.started_ms,
        "moves": {code: [asdict(move) for move in moves] for code, moves in engine.prices.moves().items()},
        "exchanges": {name: _exchange(exchange) for name, exchange in engine.exchanges.items()},
    }


def restore(engine: Engine, state: Json) -> None:
    if state["seed"] == engine.prices.seed:
        engine.prices.restore_moves({code: [Move(**move) for move in moves] for code, moves in state["moves"].items()})
    for name, saved in state["exchanges"].items():
        exchange = engine.exchanges[name]
        exchange.order_ids.last = saved["next_order_id"] - 1
        exchange.books.trade_ids.last = saved["next_trade_id"] - 1
        exchange.books.entry_ids.last = saved["next_entry_id"] - 1
        exchange.books.house.update({code: Decimal(amount) for code, amount in saved["house"].items()})
        for account in saved["accounts"]:
            _restore_account(exchange, account)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(type(value).__name__)


def _exchange(exchange: Exchange) -> Json:
    return {
        "next_order_id": exchange.order_ids.last + 1,
        "next_trade_id": exchange.books.trade_ids.last + 1,
        "next_entry_id": exchange.books.entry_ids.last + 1,
        "house": exchange.books.house,
        "accounts": [_account(account) for account in exchange.accounts.values()],
    }


def _account(account: Account) -> Json:
    book = account.positions
    return {
        "name": account.name,
        "uid": account.uid,
        "created_ms": account.created_ms,
        "updated_ms": account.updated_ms,
        "funded_ms": account.funded_ms,
        "keeps_all": account.keeps_all,
        "dropped": account.dropped,
        "settings": account.settings,
        "keys": [asdict(key) for key in account.keys.values()],
        "wallets": {
            wallet: {code: [holding.free, holding.locked] for code, holding in holdings.items()}
            for wallet, holdings in account.wallets.items()
        },
        "debts": {code: [debt.borrowed, debt.interest] for code, debt in account.debts.items()},
        "hedged": book.hedged,
        "symbol_modes": book.symbol_modes(),
        "symbols": {symbol: [known.leverage, known.margin_mode] for symbol, known in book.configured().items()},
        "positions": [[leg.symbol, leg.side, asdict(leg.position)] for leg in book.open_legs()],
        "orders": [_order(order) for order in account.orders.values()],
        "open": list(account.open_orders),
        "trades": [_named(trade) for trade in account.trades],
        "entries": [_entry(entry) for entry in account.entries],
    }


def _entry(entry: Entry) -> Json:
    """Not `asdict`, which copies deeply: there may be a hundred thousand of them."""
    return {name: getattr(entry, name) for name in Entry.__dataclass_fields__}


def _named(row: Order | Trade) -> Json:
    """The fields as they are, the market by kind and id."""
    fields = {name: getattr(row, name) for name in row.__dataclass_fields__ if name not in _MARKETLESS}
    return fields | {"market": [row.market.kind, row.market.id]}


def _order(order: Order) -> Json:
    return _named(order) | {"trigger": asdict(order.trigger) if order.trigger else None}


def _restore_account(exchange: Exchange, saved: Json) -> None:
    account = exchange.add_account(saved["name"])
    for name in ("uid", "created_ms", "updated_ms", "funded_ms", "settings"):
        setattr(account, name, saved[name])
    account.keeps_all, account.dropped = saved.get("keeps_all", False), saved.get("dropped", 0)
    for key in saved["keys"]:
        sets = {name: frozenset(key[name]) for name in ("wallets", "ips")}
        exchange.add_key(account, ApiKey(**(key | sets)))
    for wallet, holdings in saved["wallets"].items():
        for code, (free, locked) in holdings.items():
            account.wallets.setdefault(wallet, {})[code] = Holding(Decimal(free), Decimal(locked))
    account.debts = {code: Debt(*map(Decimal, owed)) for code, owed in saved.get("debts", {}).items()}
    _restore_positions(account, saved)
    account.entries = [Entry(**(entry | {"amount": Decimal(entry["amount"])})) for entry in saved["entries"]]
    _restore_orders(exchange, account, saved)


def _restore_positions(account: Account, saved: Json) -> None:
    account.positions.set_hedged(saved["hedged"])
    for symbol, (leverage, margin_mode) in saved["symbols"].items():
        account.positions.configure(symbol, leverage=leverage, margin_mode=MarginMode(margin_mode))
    for symbol, is_hedged in saved["symbol_modes"].items():
        account.positions.set_symbol_hedged(symbol, is_hedged)
    for symbol, side, row in saved["positions"]:
        money = {name: Decimal(row[name]) for name in ("amount", "cost", "outlay", "isolated_wallet")}
        account.positions.restore(symbol, PositionSide(side), Position(**money, updated_ms=row["updated_ms"]))


def _restore_orders(exchange: Exchange, account: Account, saved: Json) -> None:
    """Orders of markets that are not listed any more (fewer were asked for) are left out."""
    for row in saved["orders"]:
        market = _market(exchange, row)
        if market is not None:
            order = _as_order(row, market)
            account.orders[order.id] = order
            account.client_ids[market.kind, order.client_order_id] = order.id
    for row in saved["trades"]:
        market = _market(exchange, row)
        if market is not None:
            trade = _as_trade(row, market)
            account.trades.append(trade)
            if trade.order_id in account.orders:
                account.orders[trade.order_id].trades.append(trade)
    known = account.orders
    account.open_orders = {order_id: known[order_id] for order_id in saved["open"] if order_id in known}


def _market(exchange: Exchange, row: Json) -> Market | None:
    kind, market_id = row["market"]
    return exchange.markets.get(MarketKind(kind), market_id)


def _as_order(row: Json, market: Market) -> Order:
    money = {name: Decimal(row[name]) for name in ("amount", "quote_amount", "price", "filled", "cost", "locked")}
    trigger = row["trigger"]
    words = {
        "market": market,
        "side": Side(row["side"]),
        "type": OrderType(row["type"]),
        "status": OrderStatus(row["status"]),
        "time_in_force": TimeInForce(row["time_in_force"]),
        "position_side": PositionSide(row["position_side"]),
        "trigger": Trigger(Decimal(trigger["price"]), trigger["when_rising"]) if trigger else None,
    }
    return Order(**(row | money | words))


def _as_trade(row: Json, market: Market) -> Trade:
    money = {name: Decimal(row[name]) for name in ("price", "amount", "cost", "fee", "realised")}
    money["closed"] = Decimal(row.get("closed", 0))
    words = {"market": market, "side": Side(row["side"]), "position_side": PositionSide(row["position_side"])}
    return Trade(**(row | money | words))
