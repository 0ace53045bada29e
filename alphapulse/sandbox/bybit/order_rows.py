"""How Bybit writes down an order."""

from decimal import Decimal

from alphapulse.money import plain
from alphapulse.sandbox.bybit.positions import INDEX
from alphapulse.sandbox.orders import Order, OrderStatus, OrderType

ZERO = Decimal(0)
_CENT = Decimal("1e-8")
_STATUS = {
    OrderStatus.UNTRIGGERED: "Untriggered",
    OrderStatus.NEW: "New",
    OrderStatus.PARTIALLY_FILLED: "PartiallyFilled",
    OrderStatus.FILLED: "Filled",
    OrderStatus.CANCELED: "Cancelled",
    OrderStatus.EXPIRED: "Cancelled",
}

Row = dict[str, object]


def link_id(order: Order) -> str:
    """Orders without one of their own have the engine's, which Bybit would not show."""
    return "" if order.client_order_id == f"x-{order.id}" else order.client_order_id


def status(order: Order) -> str:
    """A cancelled spot order with fills has a word of its own."""
    word = _STATUS[order.status]
    if word == "Cancelled" and order.filled and order.market.is_spot:
        return "PartiallyFilledCanceled"
    return word


def quantity(order: Order) -> Decimal:
    """As it was ordered: quote for a market order by cost."""
    return order.quote_amount or order.amount


def shown(order: Order) -> Row:
    left = order.remaining if order.is_open else ZERO
    return {
        "orderId": str(order.id),
        "orderLinkId": link_id(order),
        "blockTradeId": "",
        "symbol": order.market.id,
        "price": plain(order.price),
        "qty": plain(quantity(order)),
        "side": order.side.value.capitalize(),
        "isLeverage": order.extra.get("isLeverage", "0" if order.market.is_spot else ""),
        "positionIdx": INDEX[order.position_side],
        "orderStatus": status(order),
        "createType": "CreateByUser",
        "cancelType": "CancelByUser" if order.status is OrderStatus.CANCELED else "UNKNOWN",
        "rejectReason": _reject_reason(order),
        "avgPrice": plain(order.average.quantize(_CENT)) if order.filled else "",
        "leavesQty": plain(left),
        "leavesValue": plain((left * order.price).quantize(_CENT)),
        "cumExecQty": plain(order.filled),
        "cumExecValue": plain(order.cost),
        "cumExecFee": plain(sum((trade.fee for trade in order.trades), ZERO)),
        "cumFeeDetail": _fees(order),
        "timeInForce": "PostOnly" if order.post_only else order.time_in_force.value,
        "orderType": order.type.value.capitalize(),
        "createdTime": str(order.created_ms),
        "updatedTime": str(order.updated_ms),
    } | _conditions(order)


def _conditions(order: Order) -> Row:
    trigger = order.trigger
    contract = not order.market.is_spot
    own: Row = {"tpslMode": ""} if contract else {"marketUnit": _market_unit(order)}
    return own | {
        "stopOrderType": "Stop" if trigger and not order.is_working else "",
        "orderIv": "",
        "takeProfit": "",
        "stopLoss": "",
        "tpTriggerBy": "",
        "slTriggerBy": "",
        "triggerDirection": int(order.extra.get("triggerDirection", "0")),
        "triggerPrice": plain(trigger.price) if trigger else "",
        "triggerBy": order.extra.get("triggerBy", "LastPrice" if trigger else ""),
        "lastPriceOnCreated": "",
        "reduceOnly": order.reduce_only,
        "closeOnTrigger": False,
        "placeType": "",
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "slLimitPrice": "0",
        "tpLimitPrice": "0",
    }


def _market_unit(order: Order) -> str:
    if order.type is OrderType.LIMIT:
        return ""
    return "quoteCoin" if order.quote_amount else "baseCoin"


def _reject_reason(order: Order) -> str:
    if order.extra.get("would take"):
        return "EC_PostOnlyWillTakeLiquidity"
    if order.status is OrderStatus.EXPIRED:
        return "EC_NoImmediateQtyToFill"
    return "EC_PerCancelRequest" if order.status is OrderStatus.CANCELED else "EC_NoError"


def _fees(order: Order) -> dict[str, str]:
    fees: dict[str, Decimal] = {}
    for trade in order.trades:
        fees[trade.fee_currency] = fees.get(trade.fee_currency, ZERO) + trade.fee
    return {coin: plain(fee) for coin, fee in fees.items()}
