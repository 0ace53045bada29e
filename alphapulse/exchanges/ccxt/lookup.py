"""How did an order end that is no longer among the open ones?"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import ccxt.async_support

from alphapulse.exchanges import parse
from alphapulse.exchanges.ccxt.classify import code_in
from alphapulse.exchanges.exchange import Exchange
from alphapulse.exchanges.facts import Lookup
from alphapulse.exchanges.reading import OpenOrder, Row
from alphapulse.types import Order, OrderStatus

# More than this have vanished at once only after a long silence; the rest is looked up with the next readings.
MOST_LOOKUPS = 20


def vanished(known: Iterable[OpenOrder], rows: Sequence[Row], *, wallet: str) -> list[OpenOrder]:
    """The known orders of a wallet that a complete answer no longer has, at most as many as are looked up at once.

    Others each time: one that cannot be answered must not keep the rest from being asked about.
    """
    open_ids = {row.order_id for row in rows if isinstance(row, Order)}
    missing = [order for order in known if order.wallet == wallet and order.order_id not in open_ids]
    return random.sample(missing, MOST_LOOKUPS) if len(missing) > MOST_LOOKUPS else missing


async def ended(client: Any, facts: Exchange, order: OpenOrder) -> Order | None:
    """The order as the exchange has it; what `given_up` says when it has none."""
    for lookup in facts.lookups(order.wallet):
        try:
            found = await _asked(client, lookup, order)
        except ccxt.async_support.OrderNotFound:
            continue
        except ccxt.async_support.BaseError:
            if _code(client) not in facts.archived_order_codes or order.last_seen is None:
                raise
            return replace(order.last_seen, status=OrderStatus.UNKNOWN)
        if found is not None:
            return found
    return given_up(order)


def given_up(order: OpenOrder) -> Order | None:
    """UNKNOWN with what we knew, when it was missing at the reading before, too; else None: nothing is proven yet.

    An exchange's histories lag behind its open orders.
    """
    seen = order.last_seen
    return replace(seen, status=OrderStatus.UNKNOWN) if seen and seen.status is OrderStatus.GONE else None


def _code(client: Any) -> str:
    return code_in(client.last_answer.document) if client.last_answer is not None else ""


async def _asked(client: Any, lookup: Lookup, order: OpenOrder) -> Order | None:
    method = getattr(client, lookup.method)
    if not lookup.id_param:
        return parse.order(await method(order.order_id, order.symbol, dict(lookup.params)))
    params = {lookup.id_param: order.order_id, **lookup.params}
    rows = parse.orders(await method(order.symbol, None, None, params))
    return next((row for row in rows if row.order_id == order.order_id), None)
