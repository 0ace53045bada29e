"""/v5/execution/list and the transaction log: fills, funding and everything else that moved money."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from alphapulse.money import plain
from alphapulse.sandbox.accounts import Entry
from alphapulse.sandbox.bybit.asks import UNIFIED, SignedAsk
from alphapulse.sandbox.bybit.listings import category_of
from alphapulse.sandbox.bybit.order_rows import quantity
from alphapulse.sandbox.bybit.paging import page, time_window
from alphapulse.sandbox.bybit.params import Category
from alphapulse.sandbox.markets import Market
from alphapulse.sandbox.orders import Trade

ZERO = Decimal(0)
_IDS = 10**17  # above every id of the engine
_MOVED = {"trade": "TRADE", "profit": "TRADE", "fee": "TRADE", "funding": "SETTLEMENT"}

Row = dict[str, object]


def execution_list(ask: SignedAsk) -> Row:
    """Fills, and among them the funding of contracts, newest first."""
    ask.check_wallet(UNIFIED)
    category = ask.params.category()
    start, end = time_window(ask.params, ask.now_ms)
    keyed = [pair for pair in _executions(ask, category) if start <= pair[0] // _IDS <= end]
    keyed.sort(key=lambda pair: -pair[0])
    found = page(keyed, ask.params, key=lambda pair: pair[0], default=50, most=100)
    return {"category": category, "list": [row for _key, row in found.rows], "nextPageCursor": found.cursor}


def _executions(ask: SignedAsk, category: Category) -> Iterator[tuple[int, Row]]:
    wanted = ask.params.text("execType")
    if wanted in (None, "Trade"):
        for trade in ask.account.trades:
            if category_of(trade.market) is category and _is_asked_for(ask, trade.market, trade):
                yield trade.at_ms * _IDS + trade.id, _fill(ask, trade)
    if wanted in (None, "Funding") and category is Category.LINEAR:
        for entry in ask.account.entries:
            market = ask.exchange.linear(entry.market) if entry.kind == "funding" else None
            if market is not None and _is_asked_for(ask, market, None):
                yield entry.at_ms * _IDS + entry.id, _funding(ask, entry, market)


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


@dataclass(frozen=True, slots=True)
class _Line:
    """What one event did to one coin: the entries of a fill together, everything else by itself."""

    entries: tuple[Entry, ...]
    after: Decimal

    @property
    def first(self) -> Entry:
        return self.entries[0]

    @property
    def change(self) -> Decimal:
        return sum((entry.amount for entry in self.entries), ZERO)

    @property
    def fee(self) -> Decimal:
        return -sum((entry.amount for entry in self.entries if entry.kind == "fee"), ZERO)


def transaction_log(ask: SignedAsk) -> Row:
    ask.check_wallet(UNIFIED)
    end = ask.params.whole("endTime") or ask.now_ms
    start = ask.params.whole("startTime") or end - 24 * 3600 * 1000
    coin, category = ask.params.text("currency"), ask.params.text("category")
    lines = [
        line
        for line in _newest_first(ask)
        if start <= line.first.at_ms <= end
        and coin in (None, line.first.currency)
        and category in (None, _category(ask, line.first))
    ]
    found = page(lines, ask.params, key=lambda line: line.first.id, default=20, most=50)
    return {"list": [_log_row(ask, line) for line in found.rows], "nextPageCursor": found.cursor}


def _newest_first(ask: SignedAsk) -> Iterator[_Line]:
    """Balances after each event, counted back from what is there now."""
    left: dict[str, Decimal] = {}
    own = [entry for entry in ask.account.entries if entry.wallet == UNIFIED]
    for (_event, coin), group in groupby(
        reversed(own), key=lambda entry: (entry.reference or entry.id, entry.currency)
    ):
        entries = tuple(group)[::-1]
        after = left.get(coin, ask.account.held(UNIFIED, coin).total)
        line = _Line(entries, after)
        left[coin] = after - line.change
        yield line


def _category(ask: SignedAsk, entry: Entry) -> str:
    if not entry.market:
        return ""
    return "linear" if entry.kind in ("profit", "funding") or entry.market not in _spot_names(ask) else "spot"


def _spot_names(ask: SignedAsk) -> dict[str, object]:
    return dict(ask.listings.of(Category.SPOT))


def _log_row(ask: SignedAsk, line: _Line) -> Row:
    entry = line.first
    kind = _MOVED.get(entry.kind) or ("TRANSFER_IN" if line.change > 0 else "TRANSFER_OUT")
    trade = next((trade for trade in ask.account.trades if str(trade.id) == entry.reference), None)
    return {
        "id": str(entry.id),
        "symbol": entry.market,
        "category": category_of(trade.market).value if trade else _category(ask, entry),
        "side": trade.side.value.capitalize() if trade else "None",
        "transactionTime": str(entry.at_ms),
        "type": kind,
        "qty": plain(trade.amount) if trade else "",
        "size": "",
        "currency": entry.currency,
        "tradePrice": plain(trade.price) if trade else "",
        "funding": plain(line.change) if entry.kind == "funding" else "",
        "fee": plain(line.fee),
        "cashFlow": plain(line.change + line.fee) if entry.kind != "funding" else "0",
        "change": plain(line.change),
        "cashBalance": plain(line.after),
        "feeRate": "",
        "bonusChange": "",
        "tradeId": entry.reference,
        "orderId": str(trade.order_id) if trade else "",
        "orderLinkId": "",
    }
