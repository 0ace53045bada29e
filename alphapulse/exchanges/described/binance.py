"""Binance: spot, funding and USD-M futures. Weights and limits are the published ones."""

from datetime import timedelta

from alphapulse.exchanges.facts import Call, Exchange, History, Holding, Pages, Read
from alphapulse.resilience.budget import Quota
from alphapulse.types import SyncKind


def _spot(weight: int, rows: str, holding: Holding | None = None, **params: object) -> Call:
    return Call(params=params, costs={"spot": weight}, rows=rows, holding=holding)


def _usdm(weight: int, rows: str, holding: Holding | None = None, size_field: str = "", **params: object) -> Call:
    return Call(params=params, costs={"usdm": weight}, rows=rows, holding=holding, size_field=size_field)


def _held(*amounts: str) -> Holding:
    return Holding(name="asset", amounts=amounts)


_FUNDING = _spot(1, "[]", _held("free", "locked", "freeze", "withdrawing"), type="funding")
_ACCOUNT = _spot(20, "balances[]", _held("free", "locked"), type="spot", omitZeroBalances=True)

BINANCE = Exchange(
    exchange_id="binance",
    name="Binance",
    # https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits
    quotas=(
        Quota(name="spot", limit=6000, host="api.binance.com", used_header="x-mbx-used-weight-1m"),
        # Each endpoint has so much; taken together they are asked for less than one of them allows.
        Quota(name="sapi", limit=12000, host="api.binance.com"),
        Quota(name="usdm", limit=2400, host="fapi.binance.com", used_header="x-mbx-used-weight-1m"),
    ),
    reads={
        SyncKind.BALANCES: (
            Read(wallet="spot", calls=(_ACCOUNT,), has_receipts=True),
            # Flexible simple-earn, one receipt for each coin; asking for it directly costs 150 a page.
            Read(wallet="earn", calls=(_ACCOUNT,), only_receipts=True),
            Read(
                wallet="funding",
                calls=(_FUNDING,),
            ),
            Read(wallet="usdm", calls=(_usdm(5, "assets[]", _held("walletBalance"), type="swap"),)),
        ),
        SyncKind.POSITIONS: (Read(wallet="usdm", calls=(_usdm(5, "[]", size_field="positionAmt"),)),),
        SyncKind.ORDERS: (
            Read(wallet="spot", calls=(_spot(80, "[]", type="spot"),)),
            Read(wallet="usdm", calls=(_usdm(40, "[]", type="swap"),)),
        ),
        SyncKind.TICKERS: (
            Read(wallet="spot", calls=(_spot(80, "[]", type="spot"),)),
            Read(wallet="usdm", calls=(_usdm(40, "[]", type="swap"),)),
        ),
        SyncKind.MARKETS: (Read(wallet="", calls=(Call(costs={"spot": 20, "usdm": 1}),)),),
    },
    histories={
        # Ids rise: a symbol's whole past costs one request for 1,000 trades, where windows are of 24 hours.
        SyncKind.TRADES: (
            History(
                source="spot",
                market_type="spot",
                costs={"spot": 20},
                rows="[]",
                per_page=1000,
                pages=Pages(param="fromId", id_field="id"),
            ),
        ),
        SyncKind.TRANSFERS: (
            History(
                source="deposits",
                method="fetch_deposits",
                costs={"sapi": 1},
                rows="[]",
                per_page=1000,
                window=timedelta(days=89),
                pages=Pages(param="offset", counts_rows=True),
                changes_for=timedelta(days=14),
            ),
        ),
    },
    ccxt_options={
        "warnOnFetchOpenOrdersWithoutSymbol": False,
        # Or every account's positions would begin with a private call for brackets that we do not use.
        "leverageBrackets": {},
        "fetchMarkets": {"types": ["spot", "linear"]},
    },
    archived_order_codes=frozenset({"-2026"}),
    unread=(
        "COIN-M futures",
        "cross and isolated margin",
        "locked simple-earn",
        "options",
        "stop and other trigger orders of USD-M futures",
    ),
    key_check=Call(method="sapi_get_account_apirestrictions", rows="{}"),
    receipt_prefix="LD",
    receipt_exceptions=frozenset({"LDO"}),
)
