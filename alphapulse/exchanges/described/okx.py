"""OKX v5: a trading account for everything traded, a funding account beside it."""

from datetime import timedelta

from alphapulse.exchanges.facts import Call, Exchange, Holding, Paging, Read
from alphapulse.resilience.budget import Quota
from alphapulse.types import SyncKind


def _call(rows: str = "data[]", holding: Holding | None = None, size_field: str = "", **params: object) -> Call:
    return Call(params=params, costs={"requests": 1}, rows=rows, holding=holding, size_field=size_field)


def _held(*amounts: str) -> Holding:
    return Holding(name="ccy", amounts=amounts)


OKX = Exchange(
    exchange_id="okx",
    name="OKX",
    needs_password=True,
    # https://www.okx.com/docs-v5/en/#overview-rate-limits: private calls are limited by user, public ones by IP to 20
    # in two seconds for each endpoint.
    quotas=(Quota(name="requests", limit=100, window=timedelta(seconds=2), host="www.okx.com"),),
    reads={
        SyncKind.BALANCES: (
            Read(wallet="trading", calls=(_call("data.0.details[]", _held("cashBal", "eq", "liab"), type="trading"),)),
            Read(wallet="funding", calls=(_call("data[]", _held("bal", "availBal", "frozenBal"), type="funding"),)),
        ),
        SyncKind.POSITIONS: (Read(wallet="trading", calls=(_call(size_field="pos"),)),),
        SyncKind.ORDERS: (
            Read(
                wallet="trading",
                calls=(
                    Call(
                        costs={"requests": 1},
                        rows="data[]",
                        paging=Paging(per_page=100, cursor_param="after", cursor_field="ordId"),
                    ),
                ),
            ),
        ),
        SyncKind.TICKERS: (
            Read(wallet="spot", calls=(_call(type="spot"),)),
            Read(wallet="swap", calls=(_call(type="swap"),)),
        ),
        SyncKind.MARKETS: (Read(wallet="", calls=(Call(costs={"requests": 3}),)),),
    },
    ccxt_options={"fetchMarkets": {"types": ["spot", "swap", "future"]}},
    unread=("options", "earn", "trigger and other algo orders"),
    key_check=Call(method="fetch_balance", rows="data[]"),
)
