"""KuCoin, classic accounts: main and trading wallets, and the futures account on its own host."""

from datetime import timedelta

from alphapulse.exchanges.facts import Call, Exchange, Holding, Paging, Read
from alphapulse.resilience.budget import Quota
from alphapulse.types import SyncKind


def _call(weight: int, rows: str, holding: Holding | None = None, size_field: str = "", **params: object) -> Call:
    return Call(params=params, costs={"requests": weight}, rows=rows, holding=holding, size_field=size_field)


_HELD = Holding(name="currency", amounts=("balance", "available", "holds"))


def _orders(per_page: int, **params: object) -> Call:
    paging = Paging(per_page=per_page, cursor_param="currentPage", limit_param="pageSize")
    return Call(params=params, costs={"requests": 2}, rows="data.items[]", paging=paging)


KUCOIN = Exchange(
    exchange_id="kucoin",
    name="KuCoin",
    needs_password=True,
    # https://www.kucoin.com/docs-new/rate-limit: pools by user, the smallest and the public one (by IP) 2,000 in 30 s.
    quotas=(Quota(name="requests", limit=2000, window=timedelta(seconds=30)),),
    reads={
        SyncKind.BALANCES: (
            Read(wallet="main", calls=(_call(5, "data[]", _HELD, type="main"),)),
            Read(wallet="trade", calls=(_call(5, "data[]", _HELD, type="spot"),)),
            Read(wallet="futures", calls=(_call(5, "data{}", type="swap", code="USDT"),)),
        ),
        SyncKind.POSITIONS: (Read(wallet="futures", calls=(_call(2, "data[]", size_field="currentQty"),)),),
        SyncKind.ORDERS: (
            Read(wallet="trade", calls=(_orders(500, type="spot"),)),
            Read(wallet="futures", calls=(_orders(1000, type="swap"),)),
        ),
        SyncKind.TICKERS: (
            Read(wallet="spot", calls=(_call(15, "data.ticker[]", type="spot"),)),
            Read(wallet="futures", calls=(_call(3, "data[]", type="swap"),)),
        ),
        SyncKind.MARKETS: (Read(wallet="", calls=(Call(costs={"requests": 10}),)),),
    },
    ccxt_options={
        # Or each account's first call would ask which kind of account it is.
        "uta": False,
        "hf": False,
        "fetchMarkets": {"types": ["spot", "swap", "future"], "fetchTickersFees": False},
    },
    unread=("margin", "earn", "futures that are not settled in USDT", "stop orders", "high-frequency accounts"),
    key_check=Call(method="fetch_balance", params={"type": "main"}, rows="data[]"),
)
