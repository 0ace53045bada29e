"""Somebody who trades, in a process of its own: an order and its cancel, by the door that all orders leave by.

    python -m tests.chaos.trader ACCOUNT_ID PRICE [--after-syncs]

Prints as JSON what came of it: `spent` (of the limit, before the order), then `placed` and `canceled`, or `refused`.
"""

import argparse
import json
import os
from datetime import timedelta
from functools import partial
from typing import Any

import django

SYMBOL = "BTC/USDT"
AMOUNT = "0.01"
ORDER = {"spot": 1}
DEADLINE = timedelta(seconds=45)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("account_id", type=int)
    parser.add_argument("price")
    parser.add_argument(
        "--after-syncs", action="store_true", help="when syncs have been granted all that they may have"
    )
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from apps.exchanges.models import ExchangeAccount

    account = ExchangeAccount.objects.get(pk=options.account_id)
    told: dict[str, Any] = {"spent": _spent_by_syncs(account)} if options.after_syncs else {}
    print(json.dumps(told | _traded(account, options.price)))


def _spent_by_syncs(account: Any) -> int | None:
    from apps.core.clock import now
    from apps.exchanges import budgets, connections

    lane = {"exchange_id": account.exchange_id, "environment": account.environment, "egress": account.egress}
    while budgets.take(connections.route(**lane), ORDER, wanted=1_000_000, now=now()).units:
        pass
    return budgets.spent_by(**lane, now=now())["spot"][0]


def _traded(account: Any, price: str) -> dict[str, Any]:
    from alphapulse.exchanges.errors import RateLimited

    try:
        placed = _sent(account, "create_order", SYMBOL, "limit", "buy", AMOUNT, price)["id"]
        _sent(account, "cancel_order", placed, SYMBOL)
    except RateLimited as refusal:
        return {"refused": str(refusal)}
    return {"placed": placed, "canceled": True}


def _sent(account: Any, method: str, *arguments: str) -> Any:
    from alphapulse.exchanges.ccxt import loop
    from apps.exchanges.services.orders import let_out

    with let_out(account, ORDER) as route:
        return loop.run(_asked(route, account.open_credentials(), method, arguments), deadline=DEADLINE)


async def _asked(route: Any, credentials: Any, method: str, arguments: tuple[str, ...]) -> Any:
    from alphapulse.exchanges.ccxt.asker import Asker
    from alphapulse.exchanges.ccxt.markets import template

    shared = template(route)
    await shared.ready()
    asker = Asker(shared, credentials)
    answer, _ = await asker.asked(partial(getattr(asker.ccxt, method), *arguments))
    return answer


if __name__ == "__main__":
    main()
