"""OKX v5: a trading account for everything traded, a funding account beside it."""

from collections.abc import Mapping
from datetime import timedelta

from alphapulse.exchanges.exchange import Exchange
from alphapulse.exchanges.facts import Call, CandleList, History, Holding, Owner, Pages, Paging, Read
from alphapulse.resilience.budget import Quota
from alphapulse.types import SyncKind


def _call(rows: str = "data[]", holding: Holding | None = None, size_field: str = "", **params: object) -> Call:
    return Call(params=params, costs={"requests": 1}, rows=rows, holding=holding, size_field=size_field)


def _held(*amounts: str) -> Holding:
    return Holding(name="ccy", amounts=amounts)


# The archives: "the last three months".
_KEPT = timedelta(days=89)
_COSTS = {"requests": 1}


def _listed(source: str, last: str, params: Mapping[str, object], method: str = "") -> History:
    """Newest first; the next page is what is older than the last row."""
    return History(
        source=source,
        method=method,
        params=params,
        wallet="trading",
        costs=_COSTS,
        rows="data[]",
        per_page=100,
        keeps=_KEPT,
        pages=Pages(param="after", after_field=last),
        contracts=params.get("type") == "swap",
        per_second=5,
    )


def _ended(source: str, market_type: str, state: str) -> History:
    """Canceled ones without fills are forgotten after two hours."""
    params = {"type": market_type, "state": state, "method": "privateGetTradeOrdersHistoryArchive"}
    return _listed(source, "ordId", params, "fetch_closed_orders")


def _moved(source: str, method: str) -> History:
    return History(
        source=source,
        method=method,
        costs=_COSTS,
        rows="data[]",
        per_page=100,
        window=timedelta(days=30),
        late=timedelta(days=3),
        per_second=5,
    )


def _billed(source: str, method: str, **others: object) -> History:
    return History(
        source=source,
        method=method,
        costs=_COSTS,
        rows="data[]",
        per_page=100,
        keeps=_KEPT,
        pages=Pages(param="after", after_field="billId"),
        per_second=2,
        **others,  # type: ignore[arg-type]
    )


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
    candles=(CandleList(costs={"requests": 1}, rows="data[]", per_page=100),),
    histories={
        SyncKind.TRADES: (
            _listed("spot", "billId", {"type": "spot"}),
            _listed("swap", "billId", {"type": "swap"}),
        ),
        SyncKind.CLOSED_ORDERS: (
            _ended("spot", "spot", "filled"),
            _ended("swap", "swap", "filled"),
            _ended("spot_canceled", "spot", "canceled"),
            _ended("swap_canceled", "swap", "canceled"),
        ),
        SyncKind.TRANSFERS: (
            _moved("deposits", method="fetch_deposits"),
            _moved("withdrawals", method="fetch_withdrawals"),
            _billed("internal", method="fetch_transfers", until_param="end"),
        ),
        SyncKind.FUNDING_PAYMENTS: (
            _billed(
                "swap", method="fetch_funding_history", since_param="begin", until_param="end", params={"type": "swap"}
            ),
        ),
        SyncKind.LEDGER: (
            _billed(
                "bills",
                method="private_get_account_bills_archive",
                reader="okx_bill",
                since_param="begin",
                until_param="end",
                limit_param="limit",
                # Transfers, trades, delivery, liquidation, transfers of margin, funding, auto-deleveraging.
                skips={"type": frozenset({"1", "2", "3", "5", "6", "8", "9"})},
            ),
        ),
    },
    untold={SyncKind.FUNDING_RATES: "how it tells the rates of all at once, nobody has described"},
    unread=(
        "options",
        "earn",
        "trigger and other algo orders",
        "the past of dated futures and of margin trades",
        "the funding account's bills",
    ),
    key_check=Call(method="fetch_balance", rows="data[]"),
    owner=Owner(at="data.0.uid"),
)
