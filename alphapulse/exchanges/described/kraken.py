"""Kraken spot, with its margin positions. Nonces rise strictly: one key is one lane."""

from alphapulse.exchanges.facts import Call, Exchange, Holding, Read
from alphapulse.resilience.budget import Quota
from alphapulse.types import SyncKind


def _call(rows: str, weight: int = 1, holding: Holding | None = None, size_field: str = "") -> Call:
    return Call(costs={"requests": weight}, rows=rows, holding=holding, size_field=size_field)


_HELD = Holding(amounts=("balance", "hold_trade"))


KRAKEN = Exchange(
    exchange_id="kraken",
    name="Kraken",
    quote_currency="USD",
    has_serial_keys=True,
    # https://docs.kraken.com/api/docs/guides/spot-rest-ratelimits: a counter per key of 15, that falls by one in three
    # seconds; public calls one a second and IP. Ours keeps one IP below both.
    quotas=(Quota(name="requests", limit=60, host="api.kraken.com"),),
    reads={
        SyncKind.BALANCES: (Read(wallet="spot", calls=(_call("result{}", holding=_HELD),)),),
        SyncKind.POSITIONS: (Read(wallet="margin", calls=(_call("result", size_field="vol"),)),),
        SyncKind.ORDERS: (Read(wallet="spot", calls=(_call("result.open{}"),)),),
        SyncKind.TICKERS: (Read(wallet="spot", calls=(_call("result{}"),)),),
        SyncKind.MARKETS: (Read(wallet="", calls=(_call("", 2),)),),
    },
    unread=("futures",),
    key_check=Call(method="fetch_balance", rows="result{}"),
)
