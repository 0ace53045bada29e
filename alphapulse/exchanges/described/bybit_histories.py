"""What Bybit tells of an account's past, list by list. Windows and limits are the published ones.

All lists are newest first, with a cursor; those of the unified account go back two years.
"""

from collections.abc import Mapping
from datetime import timedelta

from alphapulse.exchanges.facts import History, Pages
from alphapulse.types import SyncKind

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_TWO_YEARS = 729 * _DAY
# A withdrawal may wait for its owner, and a deposit for its blocks.
_ON_ITS_WAY = 14 * _DAY

_CURSOR = Pages(param="cursor", cursor_at="result.nextPageCursor")
_COSTS = {"requests": 1}
# What one account may ask in a second: for what it traded, for its log, for what it moved.
_OF_TRADING, _OF_LOG, _OF_ASSETS = 50, 30, 5


def _trades(category: str) -> History:
    """Liquidations among them; funding, which is listed with them, is told elsewhere."""
    return History(
        source=category,
        costs=_COSTS,
        rows="result.list[]",
        per_page=100,
        window=7 * _DAY,
        keeps=_TWO_YEARS,
        pages=_CURSOR,
        skips={"execType": frozenset({"Funding"})},
        contracts=category != "spot",
        per_second=_OF_TRADING,
        params={"category": category},
        until_param="endTime",
    )


def _orders(category: str) -> History:
    return History(
        source=category,
        method="fetch_canceled_and_closed_orders",
        costs=_COSTS,
        rows="result.list[]",
        per_page=50,
        window=7 * _DAY,
        keeps=_TWO_YEARS,
        pages=_CURSOR,
        contracts=category != "spot",
        per_second=_OF_TRADING,
        params={"type": "spot"} if category == "spot" else {"type": "swap", "subType": category},
    )


def _moved(source: str, method: str, **others: object) -> History:
    """To and from elsewhere: 30 days at once."""
    return History(
        source=source,
        method=method,
        costs=_COSTS,
        rows="result.rows[]",
        per_page=50,
        window=30 * _DAY,
        pages=_CURSOR,
        changes_for=_ON_ITS_WAY,
        per_second=_OF_ASSETS,
        **others,  # type: ignore[arg-type]
    )


def _own(source: str, method: str, *, reader: str, **others: object) -> History:
    named = {"since_param": "startTime", "until_param": "endTime", "limit_param": "limit", **others}
    return History(source=source, method=method, costs=_COSTS, reader=reader, **named)  # type: ignore[arg-type]


def _funding(category: str) -> History:
    return _own(
        category,
        "private_get_v5_execution_list",
        reader="bybit_funding",
        rows="result.list[]",
        per_page=100,
        window=7 * _DAY,
        keeps=_TWO_YEARS,
        pages=_CURSOR,
        contracts=True,
        per_second=_OF_TRADING,
        params={"category": category, "execType": "Funding"},
    )


# What trades, funding, transfers and the ends of dated contracts tell.
_TOLD_ELSEWHERE = frozenset({"TRADE", "SETTLEMENT", "TRANSFER_IN", "TRANSFER_OUT", "LIQUIDATION", "ADL", "DELIVERY"})

HISTORIES: Mapping[SyncKind, tuple[History, ...]] = {
    SyncKind.TRADES: (_trades("spot"), _trades("linear"), _trades("inverse")),
    SyncKind.CLOSED_ORDERS: (_orders("spot"), _orders("linear"), _orders("inverse")),
    SyncKind.TRANSFERS: (
        _moved("deposits", "fetch_deposits"),
        _moved(
            "internal_deposits",
            "private_get_v5_asset_deposit_query_internal_record",
            reader="bybit_internal_deposit",
            since_param="startTime",
            until_param="endTime",
            limit_param="limit",
        ),
        # On the chain, and to other users of Bybit.
        _moved("withdrawals", "fetch_withdrawals", params={"withdrawType": 2}),
        _own(
            "internal",
            "private_get_v5_asset_transfer_query_inter_transfer_list",
            reader="bybit_transfer",
            rows="result.list[]",
            per_page=50,
            window=7 * _DAY,
            pages=_CURSOR,
            late=_HOUR,
            per_second=_OF_ASSETS,
        ),
    ),
    SyncKind.FUNDING_PAYMENTS: (_funding("linear"), _funding("inverse")),
    SyncKind.LEDGER: (
        # Converts of the unified account are in it; "may be delayed when markets are in a hurry".
        _own(
            "log",
            "private_get_v5_account_transaction_log",
            reader="bybit_log",
            rows="result.list[]",
            per_page=50,
            window=7 * _DAY,
            keeps=_TWO_YEARS,
            pages=_CURSOR,
            late=_HOUR,
            skips={"type": _TOLD_ELSEWHERE},
            per_second=_OF_LOG,
            params={"accountType": "UNIFIED"},
        ),
        _own(
            "funding_converts",
            "private_get_v5_asset_exchange_query_convert_history",
            reader="bybit_convert",
            rows="result.list[]",
            per_page=100,
            pages=Pages(param="index"),
            since_param="",
            until_param="",
            params={"accountType": "eb_convert_funding"},
            skips={"accountType": frozenset({"eb_convert_uta"})},
            changes_for=_DAY,
            per_second=_OF_ASSETS,
        ),
    ),
}
