"""/v5/execution/list: fills, and the funding of contracts among them."""

from collections.abc import Iterator
from dataclasses import dataclass

from alphapulse.money import plain
from alphapulse.sandbox.accounts import Entry
from alphapulse.sandbox.bybit.asks import UNIFIED, SignedAsk
from alphapulse.sandbox.bybit.listings import category_of
from alphapulse.sandbox.bybit.order_rows import quantity
from alphapulse.sandbox.bybit.paging import page, time_window
from alphapulse.sandbox.bybit.params import Category
from alphapulse.sandbox.markets import Market
from alphapulse.sandbox.orders import Trade

_IDS = 10**17  # above every id of the engine

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Execution:
    """A fill, or a line of funding."""

    at_ms: int
    id: int
    market: Market
    source: Trade | Entry

    @property
    def key(self) -> int:
        return self.at_ms * _IDS + self.id


def execution_list(ask: SignedAsk) -> Row:
    """Newest first."""
    ask.check_wallet(UNIFIED)
    category = ask.params.category()
    start, end = time_window(ask.params, ask.now_ms)
    asked = [found for found in _executions(ask, category) if start <= found.at_ms <= end]
    asked.sort(key=lambda found: -found.key)
    found = page(asked, ask.params, key=lambda execution: execution.key, default=50, most=100)
    rows = [_row(ask, execution) for execution in found.rows]
    return {"category": category, "list": rows, "nextPageCursor": found.cursor}


def _executions(ask: SignedAsk, category: Category) -> Iterator[_Execution]:
    wanted, memory = ask.params.text("execType"), ask.exchange.memory
    if wanted in (None, "Trade"):
        for trade in ask.account.trades:
            is_asked = category_of(trade.market) is category and _is_asked_for(ask, trade.market, trade)
            if is_asked and memory.keeps_trade(trade, ask.now_ms):
                yield _Execution(trade.at_ms, trade.id, trade.market, trade)
    if wanted in (None, "Funding") and category is Category.LINEAR:
        for entry in ask.account.entries:
            market = ask.exchange.linear(entry.market) if entry.kind == "funding" else None
            if market is not None and _is_asked_for(ask, market, None) and memory.keeps_line(entry, ask.now_ms):
                yield _Execution(entry.at_ms, entry.id, market, entry)


def _row(ask: SignedAsk, execution: _Execution) -> Row:
    source = execution.source
    return _fill(ask, source) if isinstance(source, Trade) else _funding(ask, source, execution.market)


def _is_asked_for(ask: SignedAsk, market: Market, trade: Trade | None) -> bool:
    params = ask.params
    order_id, own_id = params.text("orderId"), params.text("orderLinkId")
    if order_id is not None or own_id is not None:
        return trade is not None and order_id in (None, str(trade.order_id)) and own_id in (None, trade.client_order_id)
    return params.text("symbol") in (None, market.id) and params.text("baseCoin") in (None, market.base)


def _fill(ask: SignedAsk, trade: Trade) -> Row:
    order = ask.account.orders.get(trade.order_id)
    rate = trade.market.maker if trade.is_maker else trade.market.taker
    own_id = "" if trade.client_order_id == f"x-{trade.order_id}" else trade.client_order_id
    return _execution(trade.market) | {
        "orderId": str(trade.order_id),
        "orderLinkId": own_id,
        "side": trade.side.value.capitalize(),
        "orderPrice": plain(order.price) if order else "",
        "orderQty": plain(quantity(order)) if order else "",
        "leavesQty": plain(order.remaining) if order else "",
        "createType": "CreateByUser",
        "orderType": order.type.value.capitalize() if order else "UNKNOWN",
        "execFee": plain(trade.fee),
        "execId": str(trade.id),
        "execPrice": plain(trade.price),
        "execQty": plain(trade.amount),
        "execType": "Trade",
        "execValue": plain(trade.cost),
        "execTime": str(trade.at_ms),
        "feeCurrency": trade.fee_currency if trade.market.is_spot else "",
        "isMaker": trade.is_maker,
        "feeRate": plain(rate),
        "markPrice": plain(trade.price),
        "closedSize": "" if trade.market.is_spot else plain(trade.closed),
        "execPnl": plain(trade.realised),
        "seq": trade.id,
    }


def _funding(ask: SignedAsk, entry: Entry, market: Market) -> Row:
    """Bybit counts what was paid as a fee: positive when money left."""
    mark = ask.exchange.last(market)
    return _execution(market) | {
        "orderId": f"{entry.id}-funding",
        "orderLinkId": "",
        "side": "Sell" if entry.amount > 0 else "Buy",
        "orderPrice": "0",
        "orderQty": "0",
        "leavesQty": "0",
        "createType": "",
        "orderType": "UNKNOWN",
        "execFee": plain(-entry.amount),
        "execId": str(entry.id),
        "execPrice": plain(mark),
        "execQty": "0",
        "execType": "Funding",
        "execValue": "0",
        "execTime": str(entry.at_ms),
        "feeCurrency": "",
        "isMaker": False,
        "feeRate": "0.0001",
        "markPrice": plain(mark),
        "closedSize": "0",
        "execPnl": "0",
        "seq": entry.id,
    }


def _execution(market: Market) -> Row:
    return {
        "symbol": market.id,
        "stopOrderType": "UNKNOWN",
        "tradeIv": "",
        "markIv": "",
        "indexPrice": "",
        "underlyingPrice": "",
        "blockTradeId": "",
        "marketUnit": "",
        "isLeverage": "0",
    }
