"""What the sandbox has, what we show, and where the two differ."""

from collections import Counter
from decimal import Decimal
from typing import Any

from apps.ledger.models import Balance, Order, Position
from tests.chaos.past import ENDED
from tests.chaos.world import World

# The sandbox's word for a wallet, and ours.
WALLETS = {"binance": {"spot": "spot", "funding": "funding"}, "bybit": {"unified": "unified", "fund": "funding"}}
OPEN = ("new", "partially_filled")


def differences(world: World) -> list[str]:
    """One line for everything that is not the same now; a row that is there twice is a difference too."""
    found = []
    for account in world.accounts():
        told = world.sandbox.account(account.exchange_id, account.label)
        orders = world.sandbox.orders(account.exchange_id, account.label)
        pairs = (
            ("balance", _balances_there(told), _balances_here(account)),
            ("position", _positions_there(told), _positions_here(account)),
            ("open order", _open_there(orders), _open_here(account)),
        )
        for what, there, here in pairs:
            found += [f"{account.label}: {what} only there: {key}" for key in (there - here)]
            found += [f"{account.label}: {what} only here: {key}" for key in (here - there)]
        found += _wrong_ends(account, orders)
    return found


def _balances_there(told: dict[str, Any]) -> Counter[Any]:
    wallets = WALLETS[told["exchange"]]
    return Counter(
        (wallets[wallet], code, Decimal(held["free"]) + Decimal(held["locked"]))
        for wallet, holdings in told["balances"].items()
        if wallet in wallets
        for code, held in holdings.items()
        if Decimal(held["free"]) + Decimal(held["locked"])
    )


def _balances_here(account: Any) -> Counter[Any]:
    rows = Balance.objects.filter(reading__account=account, reading__wallet__in=WALLETS[account.exchange_id].values())
    return Counter(rows.values_list("reading__wallet", "currency", "total"))


def _positions_there(told: dict[str, Any]) -> Counter[Any]:
    sides = {True: "long", False: "short"}
    amounts = ((each["market"], Decimal(each["amount"])) for each in told["positions"])
    return Counter((market, sides[amount > 0], abs(amount)) for market, amount in amounts)


def _positions_here(account: Any) -> Counter[Any]:
    rows = Position.objects.filter(reading__account=account).values_list("symbol", "side", "contracts")
    return Counter((symbol.split(":")[0].replace("/", ""), side, contracts) for symbol, side, contracts in rows)


def _open_there(orders: list[dict[str, Any]]) -> Counter[Any]:
    return Counter((each["order_id"], Decimal(each["filled"])) for each in orders if each["status"] in OPEN)


def _open_here(account: Any) -> Counter[Any]:
    rows = Order.objects.filter(reading__account=account, status="open")
    return Counter(rows.values_list("order_id", "filled"))


def _wrong_ends(account: Any, orders: list[dict[str, Any]]) -> list[str]:
    """Of the orders that we once saw open: they ended as they did there."""
    ends = {each["order_id"]: ENDED.get(each["status"], "open") for each in orders}
    rows = Order.objects.filter(reading__account=account).exclude(status="open").values_list("order_id", "status")
    return [f"{account.label}: order {key} is {end}, there {ends[key]}" for key, end in rows if ends.get(key) != end]
