"""/v5/position/closed-pnl: what every order that closed something made of it."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from alphapulse.money import plain
from alphapulse.sandbox.bybit.asks import UNIFIED, SignedAsk
from alphapulse.sandbox.bybit.paging import page, time_window
from alphapulse.sandbox.bybit.params import Category
from alphapulse.sandbox.orders import Side, Trade

ZERO = Decimal(0)
_CENT = Decimal("1e-8")

Row = dict[str, object]


def closed_pnl(ask: SignedAsk) -> Row:
    ask.check_wallet(UNIFIED)
    category = ask.params.category()
    start, end = time_window(ask.params, ask.now_ms)
    symbol = ask.params.text("symbol")
    closings = [
        trade
        for trade in ask.account.trades
        if trade.closed and start <= trade.at_ms <= end and symbol in (None, trade.market.id)
    ]
    orders = _by_order(closings if category is Category.LINEAR else [])
    found = page(orders[::-1], ask.params, key=lambda trades: trades[-1].id, default=50, most=100)
    rows = [_shown(ask, trades) for trades in found.rows]
    return {"category": category, "list": rows, "nextPageCursor": found.cursor}


def _by_order(closings: Iterable[Trade]) -> list[list[Trade]]:
    """The closing fills of each order, orders by their last fill."""
    groups: dict[int, list[Trade]] = {}
    for trade in closings:
        groups.setdefault(trade.order_id, []).append(trade)
    return sorted(groups.values(), key=lambda trades: trades[-1].id)


def _shown(ask: SignedAsk, trades: Sequence[Trade]) -> Row:
    last = trades[-1]
    order = ask.account.orders.get(last.order_id)
    size = sum((trade.closed for trade in trades), ZERO)
    realised = sum((trade.realised for trade in trades), ZERO)
    left_at = sum((trade.closed * trade.price for trade in trades), ZERO)
    # A sale closes a long: what it brought less the profit is what the position had cost.
    entered_at = left_at - realised if last.side is Side.SELL else left_at + realised
    fees = sum((trade.fee for trade in trades), ZERO)
    return {
        "symbol": last.market.id,
        "orderId": str(last.order_id),
        "side": last.side.value.capitalize(),
        "qty": plain(order.amount if order else size),
        "orderPrice": plain(order.price if order else last.price),
        "orderType": order.type.value.capitalize() if order else "UNKNOWN",
        "execType": "Trade",
        "closedSize": plain(size),
        "cumEntryValue": plain(entered_at),
        "avgEntryPrice": plain((entered_at / size).quantize(_CENT)),
        "cumExitValue": plain(left_at),
        "avgExitPrice": plain((left_at / size).quantize(_CENT)),
        "closedPnl": plain(realised - fees),
        "closeFee": plain(fees),
        "fillCount": str(len(trades)),
        "leverage": str(ask.account.positions.settings(last.market.id).leverage),
        "createdTime": str(trades[0].at_ms),
        "updatedTime": str(last.at_ms),
    }
