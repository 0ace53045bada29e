"""Bybit v5: a unified account holds spot, linear and inverse; the funding wallet lies beside it."""

from datetime import timedelta

from alphapulse.exchanges.described.bybit_histories import HISTORIES
from alphapulse.exchanges.exchange import Exchange
from alphapulse.exchanges.facts import Call, CandleList, Holding, Lookup, Owner, Paging, Read
from alphapulse.resilience.budget import Quota
from alphapulse.types import SyncKind


def _bybit(rows: str, holding: Holding | None = None, **params: object) -> Call:
    return Call(params=params, costs={"requests": 1}, rows=rows, holding=holding)


def _held(*amounts: str) -> Holding:
    return Holding(name="coin", amounts=amounts)


def _bybit_pages(per_page: int, size_field: str = "", **params: object) -> Call:
    paging = Paging(per_page=per_page, cursor_param="cursor", cursor_at="result.nextPageCursor")
    return Call(params=params, costs={"requests": 1}, rows="result.list[]", paging=paging, size_field=size_field)


_UNIFIED = _bybit("result.list.0.coin[]", _held("walletBalance", "locked", "borrowAmount"), type="unified")
_FUNDING = _bybit("result.balance[]", _held("walletBalance", "transferBalance"), type="funding")

BYBIT = Exchange(
    exchange_id="bybit",
    name="Bybit",
    # https://bybit-exchange.github.io/docs/v5/rate-limit
    quotas=(Quota(name="requests", limit=600, window=timedelta(seconds=5), host="api.bybit.com"),),
    reads={
        SyncKind.BALANCES: (
            Read(
                wallet="unified",
                calls=(
                    _bybit("result.list.0.coin[]", _held("walletBalance", "locked", "borrowAmount"), type="unified"),
                ),
            ),
            Read(
                wallet="funding",
                calls=(_FUNDING,),
            ),
        ),
        SyncKind.POSITIONS: (
            Read(
                wallet="unified",
                calls=(
                    _bybit_pages(200, "size", type="swap", subType="linear", settleCoin="USDT"),
                    _bybit_pages(200, "size", type="swap", subType="linear", settleCoin="USDC"),
                    _bybit_pages(200, "size", type="swap", subType="inverse"),
                ),
            ),
        ),
        SyncKind.ORDERS: (
            Read(
                wallet="unified",
                calls=(
                    _bybit_pages(50, type="spot"),
                    _bybit_pages(50, type="swap", subType="linear", settleCoin="USDT"),
                    _bybit_pages(50, type="swap", subType="linear", settleCoin="USDC"),
                    _bybit_pages(50, type="swap", subType="inverse"),
                ),
            ),
        ),
        SyncKind.TICKERS: (
            Read(wallet="spot", calls=(_bybit("result.list[]", type="spot"),)),
            Read(
                wallet="contracts",
                calls=(
                    _bybit("result.list[]", type="swap", subType="linear"),
                    _bybit("result.list[]", type="swap", subType="inverse"),
                ),
            ),
        ),
        SyncKind.FUNDING_RATES: (
            Read(
                wallet="contracts",
                calls=(
                    _bybit("result.list[]", type="swap", subType="linear"),
                    _bybit("result.list[]", type="swap", subType="inverse"),
                ),
            ),
        ),
        SyncKind.MARKETS: (Read(wallet="", calls=(Call(costs={"requests": 5}),)),),
    },
    histories=HISTORIES,
    candles=(CandleList(costs={"requests": 1}, rows="result.list[]", per_page=1000),),
    ccxt_options={
        # Every account is a unified one since 2023; asking each whether it is costs two private calls.
        "enableUnifiedMargin": False,
        "enableUnifiedAccount": True,
        "unifiedMarginStatus": 6,
        "fetchMarkets": {"types": ["spot", "linear", "inverse"]},
    },
    # The first knows open orders and the latest finished ones, the second two years.
    order_lookups=(
        Lookup(params={"acknowledged": True}),
        Lookup(method="fetch_canceled_and_closed_orders", id_param="orderId"),
    ),
    unread=(
        "options",
        "earn, and its rewards",
        "copy trading",
        "the wallets of classic accounts",
        "transfers to and from sub-accounts",
    ),
    key_check=Call(method="private_get_v5_user_query_api", rows="result{}"),
    owner=Owner(at="result.userID"),
)
