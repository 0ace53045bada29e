"""Reading a USD-M order as it is sent: plain ones, and conditional ones (Binance calls those algo orders)."""

import re
from collections.abc import Mapping
from decimal import Decimal

from alphapulse.sandbox.accounts import Account
from alphapulse.sandbox.binance.futures_asked import market_named
from alphapulse.sandbox.binance.params import BinanceError, Params
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.markets import Market
from alphapulse.sandbox.orders import NewOrder, OrderType, Side, TimeInForce, Trigger
from alphapulse.sandbox.positions import PositionSide

PLAIN = {"LIMIT": OrderType.LIMIT, "MARKET": OrderType.MARKET}
CONDITIONAL = {
    "STOP": OrderType.LIMIT,
    "TAKE_PROFIT": OrderType.LIMIT,
    "STOP_MARKET": OrderType.MARKET,
    "TAKE_PROFIT_MARKET": OrderType.MARKET,
}
# GTX is post-only: it rests or is refused.
_IN_FORCE = {name: TimeInForce(name) for name in ("GTC", "IOC", "FOK")} | {"GTX": TimeInForce.GTC}
_CLIENT_ID = re.compile(r"^[.A-Z:/a-z0-9_-]+$")


def plain_wish(request: Request, params: Params) -> NewOrder:
    kind = params.required("type")
    if kind in CONDITIONAL or kind == "TRAILING_STOP_MARKET":
        message = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
        raise BinanceError(-4120, message)
    if kind not in PLAIN:
        raise BinanceError(-1116, "Invalid orderType.")
    for name in ("quantity", "price", "timeInForce") if kind == "LIMIT" else ("quantity",):
        params.required(name)
    if kind == "MARKET" and params.has("price"):
        raise BinanceError(-1106, "Parameter 'price' sent when not required.")
    return _wish(request, params, PLAIN[kind], params.get("newClientOrderId"), "newClientOrderId", None)


def conditional_wish(request: Request, params: Params) -> NewOrder:
    if params.required("algoType") != "CONDITIONAL":
        raise BinanceError(-4500, "Invalid algoType.")
    kind = params.required("type")
    if kind not in CONDITIONAL:
        raise BinanceError(-1116, "Invalid orderType.")
    params.required("triggerPrice")
    if CONDITIONAL[kind] is OrderType.LIMIT:
        params.required("price")
    if not params.flag("closePosition"):
        params.required("quantity")
    trigger = Trigger(params.required_decimal("triggerPrice"), when_rising=_rising(params))
    return _wish(request, params, CONDITIONAL[kind], params.get("clientAlgoId"), "clientAlgoId", trigger)


def _rising(params: Params) -> bool:
    """A stop follows the market in the order's direction, a profit is taken against it."""
    return (params.get("side") == "BUY") == params.get("type").startswith("STOP")


def _wish(
    request: Request, params: Params, order_type: OrderType, client_id: str, id_name: str, trigger: Trigger | None
) -> NewOrder:
    market = market_named(request, params.required("symbol"))
    side, position_side = side_of(params), _position_side(params)
    in_force = params.get("timeInForce") or "GTC"
    if in_force not in _IN_FORCE:
        raise BinanceError(-1115, "Invalid timeInForce.")
    closes_all = params.flag("closePosition")
    return NewOrder(
        market=market,
        side=side,
        type=order_type,
        amount=_held(request.owner, market, position_side) if closes_all else params.decimal("quantity"),
        price=params.decimal("price") if order_type is OrderType.LIMIT else None,
        client_order_id=_checked_id(client_id, id_name),
        time_in_force=_IN_FORCE[in_force],
        post_only=in_force == "GTX",
        reduce_only=closes_all or _reduces(params, side, position_side),
        position_side=position_side,
        trigger=trigger,
        extra=_shown_again(params.values, in_force),
    )


def _shown_again(values: Mapping[str, str], in_force: str) -> dict[str, str]:
    shown = {"type": values["type"], "timeInForce": in_force}
    for name in ("workingType", "priceProtect", "closePosition", "selfTradePreventionMode"):
        if values.get(name):
            shown[name] = values[name]
    return shown


def side_of(params: Params) -> Side:
    side = params.required("side")
    if side not in ("BUY", "SELL"):
        raise BinanceError(-1117, "Invalid side.")
    return Side(side.lower())


def _position_side(params: Params) -> PositionSide:
    name = params.get("positionSide") or "BOTH"
    if name not in PositionSide.__members__:
        raise BinanceError(-4060, "Invalid position side.")
    return PositionSide(name)


def _reduces(params: Params, side: Side, position_side: PositionSide) -> bool:
    """A leg of hedge mode says by its side what reduces it, and will not have it said twice."""
    if position_side is PositionSide.BOTH:
        return params.flag("reduceOnly")
    if params.has("reduceOnly"):
        raise BinanceError(-1106, "Parameter 'reduceonly' sent when not required.")
    return (side is Side.SELL) == (position_side is PositionSide.LONG)


def _held(account: Account, market: Market, side: PositionSide) -> Decimal:
    return abs(account.positions.position(market.id, side).amount)


def _checked_id(client_id: str, name: str) -> str:
    if len(client_id) > 36:
        raise BinanceError(-4015, "Client order id length should be less than 36 chars.")
    if client_id and not _CLIENT_ID.match(client_id):
        raise BinanceError(
            -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[\\.A-Z\\:/a-z0-9_-]{{1,36}}$'."
        )
    return client_id
