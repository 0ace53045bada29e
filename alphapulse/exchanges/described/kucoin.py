"""KuCoin, classic accounts: main and trading wallets, and the futures account on its own host."""

from datetime import timedelta

from alphapulse.exchanges.exchange import Exchange
from alphapulse.exchanges.facts import Call, CandleList, History, Holding, Owner, Pages, Paging, Read
from alphapulse.resilience.budget import Quota
from alphapulse.types import SyncKind


def _call(weight: int, rows: str, holding: Holding | None = None, size_field: str = "", **params: object) -> Call:
    return Call(params=params, costs={"requests": weight}, rows=rows, holding=holding, size_field=size_field)


_HELD = Holding(name="currency", amounts=("balance", "available", "holds"))


def _orders(per_page: int, **params: object) -> Call:
    paging = Paging(per_page=per_page, cursor_param="currentPage", limit_param="pageSize")
    return Call(params=params, costs={"requests": 2}, rows="data.items[]", paging=paging)


_COSTS = {"requests": 5}
_PAGES = Pages(param="currentPage")


def _listed(source: str, **params: object) -> History:
    """A week at once."""
    return History(
        source=source,
        params=params,
        costs=_COSTS,
        rows="data.items[]",
        per_page=500,
        window=timedelta(days=7),
        pages=_PAGES,
        contracts=params["type"] == "swap",
    )


def _moved(source: str, method: str) -> History:
    return History(
        source=source,
        method=method,
        costs=_COSTS,
        rows="data.items[]",
        per_page=100,
        window=timedelta(days=30),
        pages=_PAGES,
        changes_for=timedelta(days=14),
    )


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
    candles=(CandleList(costs={"requests": 3}, rows="data[]", per_page=500),),
    histories={
        SyncKind.TRADES: (
            _listed("trade", type="spot", pageSize=500),
            _listed("futures", type="swap", pageSize=500),
        ),
        SyncKind.CLOSED_ORDERS: (
            _listed("trade", type="spot", pageSize=500),
            _listed("futures", type="swap", pageSize=500),
        ),
        SyncKind.TRANSFERS: (
            _moved("deposits", method="fetch_deposits"),
            _moved("withdrawals", method="fetch_withdrawals"),
        ),
        SyncKind.FUNDING_PAYMENTS: (
            History(
                source="futures",
                costs=_COSTS,
                rows="data.dataList[]",
                market_type="swap",
                window=timedelta(days=30),
                until_param="endAt",
                contracts=True,
            ),
        ),
    },
    untold={
        SyncKind.LEDGER: "its books are told for a day at once, in words that nobody has described",
        SyncKind.FUNDING_RATES: "how it tells the rates of all at once, nobody has described",
    },
    unread=("margin", "earn", "futures that are not settled in USDT", "stop orders", "high-frequency accounts"),
    key_check=Call(method="fetch_balance", params={"type": "main"}, rows="data[]"),
    owner=Owner(at="data.uid"),
)
