"""Spot's orders and trades as Binance writes them."""

from decimal import Decimal

from alphapulse.sandbox.binance.params import fixed8
from alphapulse.sandbox.orders import Order, OrderStatus, Side, Trade

Json = dict[str, object]

_STATUSES = {
    OrderStatus.UNTRIGGERED: "NEW",
    OrderStatus.NEW: "NEW",
    OrderStatus.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELED: "CANCELED",
    OrderStatus.EXPIRED: "EXPIRED",
}


def named(order: Order) -> Json:
    name: Json = {"symbol": order.market.id, "orderId": order.id, "clientOrderId": order.client_order_id}
    return name | ({"isIsolated": False} if order.wallet else {"orderListId": -1})


def placed(order: Order, response_type: str) -> Json:
    content = named(order) | {"transactTime": order.created_ms}
    if response_type == "ACK":
        return content
    content |= amounts(order) | {"workingTime": order.working_ms, "selfTradePreventionMode": "EXPIRE_MAKER"}
    if response_type == "RESULT":
        return content
    fills = [
        {
            "price": fixed8(trade.price),
            "qty": fixed8(trade.amount),
            "commission": fixed8(trade.fee),
            "commissionAsset": trade.fee_currency,
            "tradeId": trade.id,
        }
        for trade in order.trades
    ]
    return content | {"fills": fills}


def amounts(order: Order) -> Json:
    content: Json = {
        "price": fixed8(order.price),
        "origQty": fixed8(order.amount),
        "executedQty": fixed8(order.filled),
        "origQuoteOrderQty": fixed8(order.quote_amount),
        "cummulativeQuoteQty": fixed8(order.cost),
        "status": _STATUSES[order.status],
        "timeInForce": order.extra.get("timeInForce", "GTC"),
        "type": order.extra.get("type", order.type.upper()),
        "side": order.side.upper(),
    }
    return content | ({"stopPrice": fixed8(order.trigger.price)} if order.trigger else {})


def told(order: Order) -> Json:
    return (
        named(order)
        | amounts(order)
        | {
            "stopPrice": fixed8(order.trigger.price if order.trigger else Decimal(0)),
            "icebergQty": "0.00000000",
            "time": order.created_ms,
            "updateTime": order.updated_ms,
            "isWorking": order.status is not OrderStatus.UNTRIGGERED,
            "workingTime": order.working_ms,
            "selfTradePreventionMode": "EXPIRE_MAKER",
        }
    )


def told_trade(trade: Trade) -> Json:
    return {
        "symbol": trade.market.id,
        "id": trade.id,
        "orderId": trade.order_id,
        "orderListId": -1,
        "price": fixed8(trade.price),
        "qty": fixed8(trade.amount),
        "quoteQty": fixed8(trade.cost),
        "commission": fixed8(trade.fee),
        "commissionAsset": trade.fee_currency,
        "time": trade.at_ms,
        "isBuyer": trade.side is Side.BUY,
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }
