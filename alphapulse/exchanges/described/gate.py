"""Gate: spot and USDT futures; a unified account has both in one wallet, which the spot read then shows."""

from datetime import timedelta

from alphapulse.exchanges.exchange import Exchange
from alphapulse.exchanges.facts import Call, CandleList, History, Holding, Owner, Pages, Paging, Read
from alphapulse.resilience.budget import Quota
from alphapulse.types import SyncKind


def _call(rows: str, holding: Holding | None = None, size_field: str = "", **params: object) -> Call:
    return Call(params=params, costs={"requests": 1}, rows=rows, holding=holding, size_field=size_field)


_HELD = Holding(name="currency", amounts=("available", "locked"))


# `holding` is Gate's word for "only those with a size".
_POSITIONS = Call(
    params={"type": "swap", "settle": "usdt", "holding": "true"}, costs={"requests": 1}, rows="[]", size_field="size"
)

_COSTS = {"requests": 1}


def _listed(source: str, per_page: int, page: str, **params: object) -> History:
    return History(
        source=source,
        params=params,
        costs=_COSTS,
        rows="[]",
        per_page=per_page,
        window=timedelta(days=29),
        pages=Pages(param=page, counts_rows=page == "offset"),
        contracts=params["type"] == "swap",
    )


def _moved(source: str, method: str) -> History:
    return History(
        source=source,
        method=method,
        costs=_COSTS,
        rows="[]",
        per_page=500,
        window=timedelta(days=29),
        pages=Pages(param="offset", counts_rows=True),
        changes_for=timedelta(days=14),
    )


GATE = Exchange(
    exchange_id="gate",
    name="Gate",
    # https://www.gate.com/docs/developers/apiv4/#frequency-limit-rule: 200 in 10 s for each endpoint, public by IP.
    quotas=(Quota(name="requests", limit=200, window=timedelta(seconds=10), host="api.gateio.ws"),),
    reads={
        SyncKind.BALANCES: (
            # A list, or a mapping with `balances` where the account is unified.
            Read(wallet="spot", calls=(_call("", _HELD, type="spot"),)),
            Read(wallet="futures", calls=(_call("{}", type="swap", settle="usdt"),)),
        ),
        SyncKind.POSITIONS: (Read(wallet="futures", calls=(_POSITIONS,)),),
        SyncKind.ORDERS: (
            Read(
                wallet="spot",
                calls=(
                    Call(
                        params={"type": "spot"},
                        costs={"requests": 1},
                        rows="[]",
                        # Rows are markets, each with its orders of this page and their count in all.
                        paging=Paging(per_page=100, cursor_param="page", of_field="total"),
                    ),
                ),
            ),
            Read(
                wallet="futures",
                calls=(
                    Call(
                        params={"type": "swap", "settle": "usdt"},
                        costs={"requests": 1},
                        rows="[]",
                        paging=Paging(per_page=100, cursor_param="last_id", cursor_field="id"),
                    ),
                ),
            ),
        ),
        SyncKind.TICKERS: (
            Read(wallet="spot", calls=(_call("[]", type="spot"),)),
            Read(wallet="futures", calls=(_call("[]", type="swap", settle="usdt"),)),
        ),
        SyncKind.MARKETS: (Read(wallet="", calls=(Call(costs={"requests": 3}),)),),
    },
    ccxt_options={"fetchMarkets": {"types": ["spot", "swap"]}},
    candles=(CandleList(costs={"requests": 1}, rows="[]", per_page=1000, keeps=10_000),),
    histories={
        SyncKind.TRADES: (
            _listed("spot", 1000, "page", type="spot"),
            _listed("futures", 1000, "offset", type="swap", settle="usdt"),
        ),
        SyncKind.CLOSED_ORDERS: (
            _listed("spot", 100, "page", type="spot"),
            _listed("futures", 1000, "offset", type="swap", settle="usdt"),
        ),
        SyncKind.TRANSFERS: (
            _moved("deposits", method="fetch_deposits"),
            _moved("withdrawals", method="fetch_withdrawals"),
        ),
        SyncKind.FUNDING_PAYMENTS: (
            History(
                source="futures",
                costs=_COSTS,
                rows="[]",
                per_page=1000,
                pages=Pages(param="offset", counts_rows=True),
                # ccxt knows no end for it, and Gate wants one in seconds.
                until_param="",
                params={"type": "swap", "settle": "usdt"},
                contracts=True,
            ),
        ),
    },
    untold={
        SyncKind.LEDGER: "its books are told in words that nobody has described",
        SyncKind.FUNDING_RATES: "how it tells the rates of all at once, nobody has described",
    },
    unread=("BTC-settled futures", "delivery and options", "margin", "earn", "price-triggered orders"),
    key_check=Call(method="fetch_balance", params={"type": "spot"}),
    owner=Owner(at="user_id", call=Call(method="private_account_get_detail", costs=_COSTS, rows="{}")),
)
