"""What Binance tells of an account's past, list by list. Windows, limits and weights are the published ones.

Its own lists may overlap: a dividend of "Flexible" or "Locked" is a reward of simple-earn, which is told there.
"""

from collections.abc import Mapping
from datetime import timedelta

from alphapulse.exchanges.facts import History, Pages
from alphapulse.types import SyncKind

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)

# Of what is less than 90 days, or no longer than 30.
_UNDER_90_DAYS, _UNDER_30_DAYS = 89 * _DAY, 29 * _DAY
_SIX_MONTHS, _THREE_MONTHS = 178 * _DAY, 89 * _DAY

# A withdrawal may wait for its owner, and a deposit for its blocks.
_ON_ITS_WAY = timedelta(days=14)

# Ids rise: a symbol's whole past costs one request for 1,000 trades, where windows would be of 24 hours. From 1 on: no
# id may be sent for none by mistake.
_BY_TRADE_ID = Pages(param="fromId", id_field="id", first=1)
_BY_ORDER_ID = Pages(param="orderId", id_field="orderId", first=1)


def _in_wallet(source: str) -> dict[str, object]:
    """Dated contracts are in the wallet of the perpetual ones; into all but spot money is moved by hand."""
    return {"wallet": source.removesuffix("-dated"), "is_apart": source != "spot"}


def _trades(source: str, market_type: str, costs: Mapping[str, int], **others: object) -> History:
    return History(
        source=source,
        market_type=market_type,
        costs=costs,
        rows="[]",
        per_page=1000,
        pages=_BY_TRADE_ID,
        **_in_wallet(source),  # type: ignore[arg-type]
        **others,  # type: ignore[arg-type]
    )


def _orders(source: str, market_type: str, costs: Mapping[str, int], **others: object) -> History:
    named = {"method": "fetch_orders", "rows": "[]", "per_page": 1000, **_in_wallet(source), **others}
    return History(source=source, market_type=market_type, costs=costs, **named)  # type: ignore[arg-type]


def _contract_orders(source: str, market_type: str, weight: int, per_page: int, is_inverse: bool = False) -> History:
    """Those of contracts are told for 90 days, by windows."""
    params = {"subType": "inverse"} if is_inverse else {}
    return _orders(
        source,
        market_type,
        {"usdm": weight},
        per_page=per_page,
        window=7 * _DAY,
        keeps=_THREE_MONTHS,
        is_inverse=is_inverse,
        params=params,
    )


def _moved(source: str, method: str, quota: str, weight: int, **others: object) -> History:
    return History(
        source=source,
        method=method,
        costs={quota: weight},
        changes_for=_ON_ITS_WAY,
        **others,  # type: ignore[arg-type]
    )


def _on_chain(source: str, method: str, quota: str, weight: int) -> History:
    pages = Pages(param="offset", counts_rows=True)
    return _moved(source, method, quota, weight, rows="[]", per_page=1000, window=_UNDER_90_DAYS, pages=pages)


def _fiat(source: str, method: str) -> History:
    """Any span of time at once: a request costs half of the key's minute."""
    params = {"fiat": True, "rows": 500}
    return _moved(
        source,
        method,
        "sapi_uid",
        90000,
        rows="data[]",
        per_page=500,
        pages=Pages(param="page"),
        params=params,
        count_at="total",
    )


# From one wallet to another: each direction is a list of its own. There is no way between the two futures wallets.
_WALLETS = ("MAIN", "FUNDING", "MARGIN", "UMFUTURE", "CMFUTURE")
_FUTURES = {"UMFUTURE", "CMFUTURE"}
_WAYS = [(one, other) for one in _WALLETS for other in _WALLETS if one != other and {one, other} != _FUTURES]


def _internal(name: str) -> History:
    return _sapi(
        name.lower(),
        "sapi_get_asset_transfer",
        reader="binance_transfer",
        weight=1,
        rows="rows[]",
        count_at="total",
        window=30 * _DAY,
        keeps=_SIX_MONTHS,
        pages=Pages(param="current"),
        limit_param="size",
        params={"type": name},
        late=_HOUR,
    )


def _sapi(source: str, method: str, *, reader: str, weight: int, quota: str = "sapi", **others: object) -> History:
    named = {"since_param": "startTime", "until_param": "endTime", "limit_param": "limit", **others}
    return History(source=source, method=method, costs={quota: weight}, reader=reader, **named)  # type: ignore[arg-type]


def _income(source: str, method: str, weight: int, keeps: timedelta | None) -> History:
    """What is no trade's, no transfer's and no funding: those are told elsewhere."""
    told_elsewhere = frozenset({"REALIZED_PNL", "COMMISSION", "FUNDING_FEE", "TRANSFER"})
    return History(
        source=source,
        method=method,
        costs={"usdm": weight},
        rows="[]",
        per_page=1000,
        window=30 * _DAY,
        keeps=keeps,
        pages=Pages(param="page"),
        since_param="startTime",
        until_param="endTime",
        limit_param="limit",
        reader="binance_income",
        skips={"incomeType": told_elsewhere},
    )


def _funding(source: str, weight: int, keeps: timedelta | None, **params: object) -> History:
    return History(
        source=source,
        wallet=source,
        costs={"usdm": weight},
        rows="[]",
        per_page=1000,
        window=30 * _DAY,
        keeps=keeps,
        pages=Pages(param="page"),
        params=params,
        contracts=True,
    )


def _card(source: str, transaction_type: int) -> History:
    return _sapi(
        source,
        "sapi_get_fiat_payments",
        reader="binance_card",
        weight=1,
        rows="data[]",
        count_at="total",
        per_page=500,
        since_param="beginTime",
        limit_param="rows",
        pages=Pages(param="page"),
        params={"transactionType": transaction_type},
        changes_for=7 * _DAY,
    )


def _rewards(product: str, **others: object) -> History:
    return _sapi(
        f"{product}_rewards",
        f"sapi_get_simple_earn_{product}_history_rewardsrecord",
        reader=f"binance_{product}_reward",
        weight=150,
        rows="rows[]",
        count_at="total",
        limit_param="size",
        window=_UNDER_90_DAYS,
        pages=Pages(param="current"),
        # A day's real-time rewards bear the day's date, and come when it is over.
        changes_for=3 * _DAY,
        has_ids=False,
        **others,  # type: ignore[arg-type]
    )


HISTORIES: Mapping[SyncKind, tuple[History, ...]] = {
    SyncKind.TRADES: (
        _trades("spot", "spot", {"spot": 20}),
        _trades("margin", "spot", {"sapi": 10}, params={"marginMode": "cross"}),
        _trades("usdm", "swap", {"usdm": 5}, keeps=_SIX_MONTHS),
        _trades("usdm-dated", "future", {"usdm": 5}, keeps=_SIX_MONTHS),
        _trades("coinm", "swap", {"usdm": 20}, is_inverse=True),
        _trades("coinm-dated", "future", {"usdm": 20}, is_inverse=True),
    ),
    SyncKind.CLOSED_ORDERS: (
        _orders("spot", "spot", {"spot": 20}, pages=_BY_ORDER_ID),
        _orders("margin", "spot", {"sapi": 200}, pages=_BY_ORDER_ID, per_page=500, params={"marginMode": "cross"}),
        _contract_orders("usdm", "swap", 5, 1000),
        _contract_orders("usdm-dated", "future", 5, 1000),
        _contract_orders("coinm", "swap", 20, 100, is_inverse=True),
        _contract_orders("coinm-dated", "future", 20, 100, is_inverse=True),
    ),
    SyncKind.TRANSFERS: (
        _on_chain("deposits", "fetch_deposits", "sapi", 1),
        _on_chain("withdrawals", "fetch_withdrawals", "sapi_uid", 18000),
        _fiat("fiat_deposits", "fetch_deposits"),
        _fiat("fiat_withdrawals", "fetch_withdrawals"),
        *(_internal(f"{one}_{other}") for one, other in _WAYS),
    ),
    SyncKind.FUNDING_PAYMENTS: (
        _funding("usdm", 30, _THREE_MONTHS, subType="linear"),
        _funding("coinm", 20, None, subType="inverse"),
    ),
    SyncKind.LEDGER: (
        _sapi(
            "converts",
            "sapi_get_convert_tradeflow",
            reader="binance_convert",
            weight=3000,
            quota="sapi_uid",
            rows="list[]",
            per_page=1000,
            window=_UNDER_30_DAYS,
            late=_HOUR,
        ),
        # Its limit is of converted coins; one dust conversion may have many.
        _sapi(
            "dust",
            "sapi_get_asset_dribblet",
            reader="binance_dust",
            weight=1,
            rows="userAssetDribblets[]",
            parts="userAssetDribbletDetails",
            has_ids=False,
            limit_param="",
            window=_UNDER_30_DAYS,
            late=_HOUR,
        ),
        _sapi(
            "dividends",
            "sapi_get_asset_assetdividend",
            reader="binance_dividend",
            weight=10,
            rows="rows[]",
            count_at="total",
            per_page=500,
            window=179 * _DAY,
            skips={"enInfo": frozenset({"Flexible", "Locked"})},
            late=_HOUR,
        ),
        _rewards("flexible", params={"type": "ALL"}),
        _rewards("locked"),
        _sapi(
            "margin_interest",
            "sapi_get_margin_interesthistory",
            reader="binance_interest",
            weight=1,
            rows="rows[]",
            count_at="total",
            limit_param="size",
            window=_UNDER_30_DAYS,
            keeps=_THREE_MONTHS,
            pages=Pages(param="current"),
            late=_HOUR,
        ),
        _card("purchases", 0),
        _card("sales", 1),
        _sapi(
            "rebates",
            "sapi_get_rebate_taxquery",
            reader="binance_rebate",
            weight=12000,
            quota="sapi_uid",
            rows="data.data[]",
            limit_param="",
            window=_UNDER_30_DAYS,
            pages=Pages(param="page"),
            changes_for=3 * _DAY,
            has_ids=False,
            # "System abnormality": who has no part in the rebates.
            absent_codes=frozenset({"-1000"}),
        ),
        _income("usdm_income", "fapiprivate_get_income", 30, _THREE_MONTHS),
        _income("coinm_income", "dapiprivate_get_income", 20, None),
    ),
}
