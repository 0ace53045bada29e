"""USD-M's and COIN-M's orders, conditional orders, trades and income as Binance writes them."""

from decimal import Decimal

from alphapulse.sandbox.accounts import Entry
from alphapulse.sandbox.binance.futures_asked import Json
from alphapulse.sandbox.binance.futures_contracts import average, in_amount, in_price, money
from alphapulse.sandbox.orders import Order, OrderStatus, Side, Trade

_STATUSES = {
    OrderStatus.UNTRIGGERED: "NEW",
    OrderStatus.NEW: "NEW",
    OrderStatus.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELED: "CANCELED",
    OrderStatus.EXPIRED: "EXPIRED",
}
INCOME_TYPES = {
    "deposit": "TRANSFER",
    "withdrawal": "TRANSFER",
    "transfer": "TRANSFER",
    "adjustment": "TRANSFER",
    "profit": "REALIZED_PNL",
    "fee": "COMMISSION",
    "funding": "FUNDING_FEE",
    "rebate": "COMMISSION_REBATE",
    "airdrop": "WELCOME_BONUS",
    "convert": "AUTO_EXCHANGE",
}


def was_triggered(order: Order) -> bool:
    """Whether a conditional order has become an ordinary one."""
    return order.trigger is not None and order.working_ms > order.created_ms


def is_ordinary(order: Order) -> bool:
    """What the order endpoints show; conditional orders that still sleep are the algo endpoints'."""
    return not order.market.is_spot and (order.trigger is None or was_triggered(order))


def told_order(order: Order) -> Json:
    return placed_order(order) | {"time": order.created_ms}


def placed_order(order: Order) -> Json:
    market = order.market
    return {
        "orderId": order.id,
        "symbol": market.id,
        "status": _STATUSES[order.status],
        "clientOrderId": order.client_order_id,
        "price": in_price(market, order.price),
        "avgPrice": average(order.average),
        "origQty": in_amount(market, order.amount),
        "executedQty": in_amount(market, order.filled),
        "cumQty": in_amount(market, order.filled),
        "timeInForce": order.extra.get("timeInForce", "GTC"),
        "type": order.type.upper(),
        "reduceOnly": order.reduce_only,
        "closePosition": order.extra.get("closePosition") == "true",
        "side": order.side.upper(),
        "positionSide": order.position_side,
        "stopPrice": in_price(market, Decimal(0)),
        "workingType": order.extra.get("workingType", "CONTRACT_PRICE"),
        "priceProtect": order.extra.get("priceProtect", "").lower() == "true",
        "origType": order.type.upper(),
        "priceMatch": "NONE",
        "selfTradePreventionMode": order.extra.get("selfTradePreventionMode", "EXPIRE_MAKER"),
        "goodTillDate": 0,
        "updateTime": order.updated_ms,
    } | _cost(order)


def _cost(order: Order) -> Json:
    """COIN-M tells what was spent in the coin, and which pair a contract belongs to."""
    if order.market.is_inverse:
        return {"cumBase": money(order.cost), "pair": f"{order.market.base}{order.market.quote}"}
    return {"cumQuote": f"{order.cost:.5f}"}


def acknowledged(order: Order) -> Json:
    """As if nothing had happened to it yet: the answer to newOrderRespType=ACK."""
    nothing = in_amount(order.market, Decimal(0))
    fresh = {"status": "NEW", "avgPrice": "0.00", "executedQty": nothing, "cumQty": nothing}
    spent = {"cumBase": money(Decimal(0))} if order.market.is_inverse else {"cumQuote": "0.00000"}
    return placed_order(order) | fresh | spent | {"updateTime": order.created_ms}


def told_conditional(order: Order) -> Json:
    market = order.market
    trigger_price = order.trigger.price if order.trigger else Decimal(0)
    triggered = was_triggered(order)
    return {
        "algoId": order.id,
        "clientAlgoId": order.client_order_id,
        "algoType": "CONDITIONAL",
        "orderType": order.extra.get("type", ""),
        "symbol": market.id,
        "side": order.side.upper(),
        "positionSide": order.position_side,
        "timeInForce": order.extra.get("timeInForce", "GTC"),
        "quantity": in_amount(market, order.amount),
        "algoStatus": _algo_status(order),
        "actualOrderId": str(order.id) if triggered else "",
        "actualPrice": average(order.average) if triggered else "0.00",
        "triggerPrice": in_price(market, trigger_price),
        "price": in_price(market, order.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": order.extra.get("selfTradePreventionMode", "EXPIRE_MAKER"),
        "workingType": order.extra.get("workingType", "CONTRACT_PRICE"),
        "priceMatch": "NONE",
        "closePosition": order.extra.get("closePosition") == "true",
        "priceProtect": order.extra.get("priceProtect", "").lower() == "true",
        "reduceOnly": order.reduce_only,
        "createTime": order.created_ms,
        "updateTime": order.updated_ms,
        "triggerTime": order.working_ms if triggered else 0,
        "goodTillDate": 0,
    }


def _algo_status(order: Order) -> str:
    if not was_triggered(order):
        return _STATUSES[order.status]
    if order.status is OrderStatus.EXPIRED and not order.filled:
        return "REJECTED"
    return "TRIGGERED" if order.is_open else "FINISHED"


def told_trade(trade: Trade) -> Json:
    market = trade.market
    return {
        "symbol": market.id,
        "id": trade.id,
        "orderId": trade.order_id,
        "side": trade.side.upper(),
        "price": in_price(market, trade.price),
        "qty": in_amount(market, trade.amount),
        "realizedPnl": money(trade.realised),
        **_worth(trade),
        "commission": money(trade.fee),
        "commissionAsset": trade.fee_currency,
        "time": trade.at_ms,
        "positionSide": trade.position_side,
        "buyer": trade.side is Side.BUY,
        "maker": trade.is_maker,
    }


def _worth(trade: Trade) -> Json:
    market = trade.market
    if market.is_inverse:
        return {"pair": f"{market.base}{market.quote}", "marginAsset": market.settle, "baseQty": money(trade.cost)}
    return {"quoteQty": money(trade.cost)}


def told_income(entry: Entry) -> Json:
    kind = INCOME_TYPES[entry.kind]
    trade_id = entry.reference if entry.kind in ("profit", "fee") else ""
    return {
        "symbol": entry.market,
        "incomeType": kind,
        "income": money(entry.amount),
        "asset": entry.currency,
        "time": entry.at_ms,
        "info": trade_id or kind,
        "tranId": entry.id,
        "tradeId": trade_id,
    }
