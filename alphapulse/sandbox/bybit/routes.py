"""Bybit's paths, what answers them, and how often a second one user may ask."""

from collections.abc import Callable
from dataclasses import dataclass

from alphapulse.sandbox.bybit import (
    closed_pnl,
    executions,
    instruments,
    klines,
    market_data,
    orders,
    positions,
    traffic,
    transaction_log,
    users,
    wallets,
)
from alphapulse.sandbox.bybit.asks import Ask, SignedAsk

Content = dict[str, object]


@dataclass(frozen=True, slots=True)
class PublicRoute:
    answer: Callable[[Ask], Content]


@dataclass(frozen=True, slots=True)
class PrivateRoute:
    answer: Callable[[SignedAsk], Content]
    per_second: int


PUBLIC: dict[tuple[str, str], PublicRoute] = {
    ("GET", f"/v5/{path}"): PublicRoute(answer)
    for path, answer in {
        "system/status": market_data.system_status,
        "market/time": market_data.time,
        "market/instruments-info": instruments.instruments_info,
        "market/risk-limit": instruments.risk_limit,
        "market/tickers": market_data.tickers,
        "market/orderbook": market_data.orderbook,
        "market/recent-trade": market_data.recent_trade,
        "market/kline": klines.kline,
        "market/mark-price-kline": klines.mark_price_kline,
        "market/index-price-kline": klines.mark_price_kline,
        "market/premium-index-price-kline": klines.premium_index_price_kline,
        "market/funding/history": market_data.funding_history,
        "market/open-interest": market_data.open_interest,
    }.items()
}

_GET: dict[str, tuple[Callable[[SignedAsk], Content], int]] = {
    "account/wallet-balance": (wallets.wallet_balance, 50),
    "account/info": (users.account_info, 50),
    "account/fee-rate": (wallets.fee_rate, 10),
    "account/transaction-log": (transaction_log.transaction_log, 30),
    "asset/transfer/query-account-coins-balance": (wallets.coins_balance, 5),
    "asset/transfer/query-inter-transfer-list": (traffic.transfers, 5),
    "asset/coin/query-info": (wallets.coin_info, 5),
    "asset/deposit/query-record": (traffic.deposits, 5),
    "asset/deposit/query-internal-record": (traffic.internal_deposits, 5),
    "asset/withdraw/query-record": (traffic.withdrawals, 5),
    "asset/exchange/query-convert-history": (traffic.converts, 5),
    "user/query-api": (users.query_api, 10),
    "position/list": (positions.position_list, 50),
    "position/closed-pnl": (closed_pnl.closed_pnl, 50),
    "order/realtime": (orders.realtime, 50),
    "order/history": (orders.history, 50),
    "execution/list": (executions.execution_list, 50),
}
_POST: dict[str, tuple[Callable[[SignedAsk], Content], int]] = {
    "order/create": (orders.create, 20),
    "order/amend": (orders.amend, 10),
    "order/cancel": (orders.cancel, 20),
    "order/cancel-all": (orders.cancel_all, 10),
    "order/create-batch": (orders.create_batch, 20),
    "order/amend-batch": (orders.amend_batch, 20),
    "order/cancel-batch": (orders.cancel_batch, 20),
    "position/switch-mode": (positions.switch_mode, 10),
    "position/set-leverage": (positions.set_leverage, 10),
    "account/set-margin-mode": (positions.set_margin_mode, 5),
    "asset/transfer/inter-transfer": (traffic.transfer, 5),
}
PRIVATE: dict[tuple[str, str], PrivateRoute] = {
    (method, f"/v5/{path}"): PrivateRoute(answer, per_second)
    for method, table in (("GET", _GET), ("POST", _POST))
    for path, (answer, per_second) in table.items()
}
