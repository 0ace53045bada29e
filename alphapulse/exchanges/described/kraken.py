"""Kraken spot, with its margin positions. Nonces rise strictly: one key is one lane."""

from datetime import timedelta

from alphapulse.exchanges.exchange import Exchange
from alphapulse.exchanges.facts import Call, CandleList, History, Holding, Owner, Pages, Read
from alphapulse.resilience.budget import Quota
from alphapulse.types import SyncKind


def _call(rows: str, weight: int = 1, holding: Holding | None = None, size_field: str = "") -> Call:
    return Call(costs={"requests": weight}, rows=rows, holding=holding, size_field=size_field)


_HELD = Holding(amounts=("balance", "hold_trade"))

# Histories cost a key two of its counter.
_COSTS = {"requests": 1, "counter": 2}


def _listed(source: str, rows: str, **others: object) -> History:
    """Newest first, 50 rows a page; rows are skipped to the next one."""
    pages = Pages(param="ofs", counts_rows=True)
    return History(source=source, rows=rows, costs=_COSTS, per_page=50, pages=pages, **others)  # type: ignore[arg-type]


def _moved(source: str, method: str) -> History:
    """25 rows an answer, and no more of them: a window that has so many is halved."""
    return History(
        source=source, method=method, rows="result[]", costs=_COSTS, per_page=25, window=_MONTH, late=timedelta(days=3)
    )


_MONTH = timedelta(days=30)


KRAKEN = Exchange(
    exchange_id="kraken",
    name="Kraken",
    quote_currency="USD",
    has_serial_keys=True,
    # https://docs.kraken.com/api/docs/guides/spot-rest-ratelimits: a counter per key of 15, that falls by one in three
    # seconds; public calls one a second and IP. Ours keeps one IP below both.
    quotas=(
        Quota(name="requests", limit=60, host="api.kraken.com"),
        # Two windows' worth may come at once: with the other reads it stays below 15, and falls faster than it rises.
        Quota(name="counter", limit=5, window=timedelta(seconds=20), host="api.kraken.com", is_per_key=True),
    ),
    reads={
        SyncKind.BALANCES: (Read(wallet="spot", calls=(_call("result{}", holding=_HELD),)),),
        SyncKind.POSITIONS: (Read(wallet="margin", calls=(_call("result", size_field="vol"),)),),
        SyncKind.ORDERS: (Read(wallet="spot", calls=(_call("result.open{}"),)),),
        SyncKind.TICKERS: (Read(wallet="spot", calls=(_call("result{}"),)),),
        SyncKind.MARKETS: (Read(wallet="", calls=(_call("", 2),)),),
    },
    candles=(CandleList(costs={"requests": 1}, rows="result{}", per_page=720, keeps=720),),
    histories={
        SyncKind.TRADES: (_listed("spot", "result.trades{}", wallet="spot"),),
        SyncKind.CLOSED_ORDERS: (_listed("spot", "result.closed{}", wallet="spot"),),
        SyncKind.TRANSFERS: (
            _moved("deposits", method="fetch_deposits"),
            _moved("withdrawals", method="fetch_withdrawals"),
        ),
        SyncKind.LEDGER: (
            _listed(
                "books",
                "result.ledger{}",
                is_fee_apart=True,
                skips={"type": frozenset({"trade", "deposit", "withdrawal"})},
            ),
        ),
    },
    untold=dict.fromkeys(
        (SyncKind.FUNDING_PAYMENTS, SyncKind.FUNDING_RATES), "spot has no funding, and its futures are not read"
    ),
    unread=("futures",),
    key_check=Call(method="fetch_balance", rows="result{}"),
    # https://docs.kraken.com/api-reference/account-data/get-api-key-info: any key may ask it.
    owner=Owner(
        at="result.iban", call=Call(method="private_post_getapikeyinfo", costs={"requests": 1}, rows="result{}")
    ),
)
