"""Gate: spot and USDT futures; a unified account has both in one wallet, which the spot read then shows."""

from datetime import timedelta

from alphapulse.exchanges.facts import Call, Exchange, Holding, Paging, Read
from alphapulse.resilience.budget import Quota
from alphapulse.types import SyncKind


def _call(rows: str, holding: Holding | None = None, size_field: str = "", **params: object) -> Call:
    return Call(params=params, costs={"requests": 1}, rows=rows, holding=holding, size_field=size_field)


_HELD = Holding(name="currency", amounts=("available", "locked"))


# `holding` is Gate's word for "only those with a size".
_POSITIONS = Call(
    params={"type": "swap", "settle": "usdt", "holding": "true"}, costs={"requests": 1}, rows="[]", size_field="size"
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
    unread=("BTC-settled futures", "delivery and options", "margin", "earn", "price-triggered orders"),
    key_check=Call(method="fetch_balance", params={"type": "spot"}),
)
