"""What the control reads and tells: amounts, pairs, accounts, orders as JSON."""

from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Any

from alphapulse.sandbox.accounts import Account, ApiKey
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.orders import Order

Json = dict[str, Any]


class Refused(Exception):
    """What was asked makes no sense; the sentence goes back with status 400."""


def plain(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def as_amount(value: object) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise Refused(f"{value!r} is not an amount")
    return number


def as_pair(wish: Json) -> tuple[str, str]:
    base, _, quote = str(wish.get("pair") or "").upper().partition("/")
    if not base:
        raise Refused("pair is missing; it looks like BTC/USDT")
    return base, quote.partition(":")[0] or "USDT"


def told_key(account: Account, key: ApiKey, *, created: bool) -> Json:
    told = {"exchange": account.exchange_id, "account": account.name, "uid": account.uid}
    return told | {"api_key": key.key, "secret": key.secret, "created": created}


def told_account(account: Account) -> Json:
    return {
        "exchange": account.exchange_id,
        "account": account.name,
        "uid": account.uid,
        "keys": [{k: v for k, v in asdict(key).items() if k != "secret"} for key in account.keys.values()],
        "balances": {
            wallet: {code: {"free": held.free, "locked": held.locked} for code, held in holdings.items()}
            for wallet, holdings in account.wallets.items()
        },
        "debts": {code: asdict(debt) for code, debt in account.debts.items()},
        "positions": [
            {"market": leg.symbol, "side": leg.side, "leverage": leg.settings.leverage, **asdict(leg.position)}
            for leg in account.positions.open_legs()
        ],
        "hedged": account.positions.hedged,
        "open_orders": len(account.open_orders),
    }


def told_order(exchange: Exchange, order: Order) -> Json:
    market = order.market
    return {
        "exchange": exchange.id,
        "account": order.account,
        "order_id": str(order.id),
        "client_order_id": order.client_order_id,
        "market": market.id,
        "kind": market.kind,
        "side": order.side,
        "type": order.type,
        "position_side": order.position_side,
        "amount": order.amount,
        "price": order.price,
        "status": order.status,
        "filled": order.filled,
        "cost": order.cost,
        "created_ms": order.created_ms,
        "updated_ms": order.updated_ms,
        "trades": len(order.trades),
    }
