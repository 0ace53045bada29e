"""Binance: spot, funding, simple-earn, cross margin, USD-M and COIN-M. Weights and limits are the published ones.

COIN-M, cross margin, locked earn and trigger orders are empty in most accounts, and cost as much as what is not: while
there is nothing in them they are asked for seldom.
"""

from datetime import timedelta

from alphapulse.exchanges.described.binance_histories import HISTORIES
from alphapulse.exchanges.exchange import Exchange
from alphapulse.exchanges.facts import Call, CandleList, Holding, Lookup, Owner, Read
from alphapulse.resilience.budget import Quota
from alphapulse.types import SyncKind


def _spot(weight: int, rows: str, holding: Holding | None = None, **params: object) -> Call:
    return Call(params=params, costs={"spot": weight}, rows=rows, holding=holding)


def _sapi(weight: int, rows: str, holding: Holding | None = None, method: str = "", **params: object) -> Call:
    return Call(params=params, costs={"sapi": weight}, rows=rows, holding=holding, method=method)


def _usdm(weight: int, rows: str, holding: Holding | None = None, size_field: str = "", **params: object) -> Call:
    return Call(params=params, costs={"usdm": weight}, rows=rows, holding=holding, size_field=size_field)


def _coinm(weight: int, rows: str, holding: Holding | None = None, size_field: str = "", **params: object) -> Call:
    return _usdm(weight, rows, holding, size_field, subType="inverse", **params)


def _held(*amounts: str) -> Holding:
    return Holding(name="asset", amounts=amounts)


_SELDOM, _SELDOMEST = timedelta(minutes=5), timedelta(minutes=10)

_FUNDING = _sapi(1, "[]", _held("free", "locked", "freeze", "withdrawing"), type="funding")
_ACCOUNT = _spot(20, "balances[]", _held("free", "locked"), type="spot", omitZeroBalances=True)
_MARGIN = _sapi(10, "userAssets[]", _held("free", "locked", "borrowed", "interest"), type="margin")
_LOCKED = _sapi(150, "rows[]", Holding(name="asset", amounts=("amount",), is_summed=True), method="fetch_locked_earn")

BINANCE = Exchange(
    exchange_id="binance",
    name="Binance",
    # https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits
    quotas=(
        Quota(name="spot", limit=6000, host="api.binance.com", used_header="x-mbx-used-weight-1m"),
        # Each endpoint has so much; taken together they are asked for less than one of them allows.
        Quota(name="sapi", limit=12000, host="api.binance.com", used_header="x-sapi-used-ip-weight-1m"),
        # What is counted by account instead, for each endpoint, too.
        Quota(name="sapi_uid", limit=180000, host="api.binance.com", is_per_key=True),
        # Of both futures: since June 2026 "requests on either fapi or dapi count against the same counter".
        Quota(
            name="usdm",
            limit=2400,
            host="fapi.binance.com",
            also_at=("dapi.binance.com",),
            used_header="x-mbx-used-weight-1m",
        ),
    ),
    reads={
        SyncKind.BALANCES: (
            Read(wallet="spot", calls=(_ACCOUNT,), has_receipts=True),
            # Flexible simple-earn, one receipt for each coin; asking for it directly costs 150 a page.
            Read(wallet="earn", calls=(_ACCOUNT,), only_receipts=True),
            # Locked simple-earn has no receipts in spot.
            Read(wallet="earn-locked", calls=(_LOCKED,), every=_SELDOM, every_when_empty=_SELDOMEST),
            Read(wallet="funding", calls=(_FUNDING,)),
            Read(wallet="margin", calls=(_MARGIN,), every_when_empty=_SELDOM),
            Read(wallet="usdm", calls=(_usdm(5, "assets[]", _held("walletBalance"), type="swap"),)),
            Read(
                wallet="coinm",
                calls=(_coinm(5, "assets[]", _held("walletBalance"), type="swap"),),
                every_when_empty=_SELDOM,
            ),
        ),
        SyncKind.POSITIONS: (
            Read(wallet="usdm", calls=(_usdm(5, "[]", size_field="positionAmt"),)),
            Read(wallet="coinm", calls=(_coinm(1, "[]", size_field="positionAmt"),), every_when_empty=_SELDOM),
        ),
        SyncKind.ORDERS: (
            Read(wallet="spot", calls=(_spot(80, "[]", type="spot"),)),
            Read(wallet="margin", calls=(_sapi(10, "[]", type="margin"),), every_when_empty=_SELDOM),
            Read(wallet="usdm", calls=(_usdm(40, "[]", type="swap"),)),
            # Trigger orders have ids of their own, which may be those of other orders.
            Read(
                wallet="usdm-trigger",
                part_of="usdm",
                calls=(_usdm(40, "[]", type="swap", trigger=True),),
                every_when_empty=_SELDOM,
            ),
            Read(wallet="coinm", calls=(_coinm(40, "[]", type="swap"),), every_when_empty=_SELDOMEST),
            Read(
                wallet="coinm-trigger",
                part_of="coinm",
                calls=(_coinm(40, "[]", type="swap", trigger=True),),
                every_when_empty=_SELDOMEST,
            ),
        ),
        SyncKind.TICKERS: (
            Read(wallet="spot", calls=(_spot(80, "[]", type="spot"),)),
            Read(wallet="usdm", calls=(_usdm(40, "[]", type="swap"),)),
            Read(wallet="coinm", calls=(_coinm(40, "[]", type="swap"),)),
        ),
        SyncKind.FUNDING_RATES: (
            Read(wallet="usdm", calls=(_usdm(10, "[]", type="swap"),)),
            Read(wallet="coinm", calls=(_coinm(10, "[]", type="swap"),)),
        ),
        SyncKind.MARKETS: (Read(wallet="", calls=(Call(costs={"spot": 20, "usdm": 2}),)),),
    },
    histories=HISTORIES,
    candles=(
        CandleList(market_type="spot", costs={"spot": 2}, rows="[]", per_page=1000),
        # From 500 on an answer costs more than twice as much.
        CandleList(market_type="swap", costs={"usdm": 2}, rows="[]", per_page=499),
        CandleList(market_type="swap", is_inverse=True, costs={"usdm": 2}, rows="[]", per_page=499),
    ),
    ccxt_options={
        "warnOnFetchOpenOrdersWithoutSymbol": False,
        # Or every account's positions would begin with a private call for brackets that we do not use.
        "leverageBrackets": {},
        "fetchMarkets": {"types": ["spot", "linear", "inverse"]},
    },
    order_lookups=(
        Lookup(),
        Lookup(wallets=("margin",), params={"marginMode": "cross"}),
        Lookup(wallets=("usdm-trigger", "coinm-trigger"), params={"trigger": True}),
    ),
    archived_order_codes=frozenset({"-2026"}),
    unread=("isolated margin", "options", "earn beside simple-earn", "portfolio margin accounts"),
    key_check=Call(method="sapi_get_account_apirestrictions", rows="{}"),
    owner=Owner(at="info.uid", call=_ACCOUNT),
    receipt_prefix="LD",
    receipt_exceptions=frozenset({"LDO"}),
)
