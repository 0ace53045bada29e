"""Reading what kind of spot order is wanted, with Binance's complaints when it makes no sense."""

import re
from decimal import Decimal

from alphapulse.sandbox.binance.params import BinanceError, Params
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.binance.spot_market import market_of
from alphapulse.sandbox.orders import NewOrder, OrderType, Side, TimeInForce, Trigger

# What each type demands beyond symbol, side and type, and whether it is a limit order for the engine.
_TYPES: dict[str, tuple[tuple[str, ...], OrderType]] = {
    "LIMIT": (("timeInForce", "quantity", "price"), OrderType.LIMIT),
    "LIMIT_MAKER": (("quantity", "price"), OrderType.LIMIT),
    "MARKET": ((), OrderType.MARKET),
    "STOP_LOSS": (("quantity", "stopPrice"), OrderType.MARKET),
    "TAKE_PROFIT": (("quantity", "stopPrice"), OrderType.MARKET),
    "STOP_LOSS_LIMIT": (("timeInForce", "quantity", "price", "stopPrice"), OrderType.LIMIT),
    "TAKE_PROFIT_LIMIT": (("timeInForce", "quantity", "price", "stopPrice"), OrderType.LIMIT),
}
_CLIENT_ID = re.compile(r"^[a-zA-Z0-9\-_.:/]{1,36}$")


def wallet_of(request: Request) -> str:
    """The orders of `sapi/v1/margin` trade from the cross margin wallet, all others from spot's own."""
    return "margin" if request.wallet == "margin" else ""


def wish_of(request: Request) -> NewOrder:
    params, market = request.params, market_of(request)
    side, kind = params.required("side"), params.required("type")
    if side not in ("BUY", "SELL"):
        raise BinanceError(-1117, "Invalid side.")
    if kind not in _TYPES:
        raise BinanceError(-1116, "Invalid orderType.")
    needed, engine_type = _TYPES[kind]
    for name in needed:
        params.required(name)
    if kind == "MARKET" and not params.has("quoteOrderQty"):
        params.required("quantity")
    in_force = params.get("timeInForce") or "GTC"
    if in_force not in TimeInForce.__members__:
        raise BinanceError(-1115, "Invalid timeInForce.")
    return NewOrder(
        market=market,
        side=Side.BUY if side == "BUY" else Side.SELL,
        type=engine_type,
        amount=_precise(params, "quantity"),
        cost=_precise(params, "quoteOrderQty") if not params.has("quantity") else None,
        price=_precise(params, "price"),
        client_order_id=_client_id(params),
        time_in_force=TimeInForce(in_force),
        post_only=kind == "LIMIT_MAKER",
        trigger=_trigger(params, side, kind),
        wallet=wallet_of(request),
        extra={"type": kind, "timeInForce": in_force},
    )


def _precise(params: Params, name: str) -> Decimal | None:
    number = params.decimal(name)
    if number is None:
        return None
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > 8:
        raise BinanceError(-1111, f"Parameter '{name}' has too much precision.")
    return number


def _client_id(params: Params) -> str:
    client_id = params.get("newClientOrderId")
    if client_id and not _CLIENT_ID.match(client_id):
        raise BinanceError(
            -1100,
            "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-zA-Z0-9-_.:/]{1,36}$'.",
        )
    return client_id


def _trigger(params: Params, side: str, kind: str) -> Trigger | None:
    if "STOP" not in kind and "PROFIT" not in kind:
        return None
    # A stop follows the market in the order's direction, a profit is taken against it.
    return Trigger(params.required_decimal("stopPrice"), when_rising=(side == "BUY") == ("STOP" in kind))
