"""The futures' switches: position mode, leverage, margin type, multi-assets mode, fees, brackets."""

from decimal import Decimal

from alphapulse.sandbox.binance.futures_asked import Json, asked_markets, market_of
from alphapulse.sandbox.binance.futures_contracts import brackets
from alphapulse.sandbox.binance.futures_snapshot import Snapshot
from alphapulse.sandbox.binance.params import BinanceError
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.exchange import SHARED_COLLATERAL
from alphapulse.sandbox.margin import max_notional
from alphapulse.sandbox.markets import Market
from alphapulse.sandbox.positions import MarginMode, PositionSide

ZERO = Decimal(0)
DONE: Json = {"code": 200, "msg": "success"}


def position_mode(request: Request) -> Json:
    return {"dualSidePosition": request.owner.positions.hedged}


def set_position_mode(request: Request) -> Json:
    hedged, book = _flag(request, "dualSidePosition"), request.owner.positions
    if hedged == book.hedged:
        raise BinanceError(-4059, "No need to change position side.")
    if _has_open_orders(request):
        raise BinanceError(-4067, "Position side cannot be changed if there exists open orders.")
    if book.has_open():
        raise BinanceError(-4068, "Position side cannot be changed if there exists position.")
    book.set_hedged(hedged)
    request.exchange.changes += 1
    return DONE


def multi_assets_mode(request: Request) -> Json:
    return {"multiAssetsMargin": _shares(request)}


def set_multi_assets_mode(request: Request) -> Json:
    wanted = _flag(request, "multiAssetsMargin")
    if wanted == _shares(request):
        raise BinanceError(-4171, "Adjusted asset mode is currently set and does not need to be adjusted repeatedly.")
    if _has_open_orders(request):
        raise BinanceError(-4170, "Unable to adjust Multi-Assets Mode with open orders in USDⓈ-M Futures.")
    if wanted and any(leg.is_isolated for leg in request.owner.positions.open_legs()):
        message = "Unable to adjust to Multi-Assets mode with symbols of USDⓈ-M Futures under isolated-margin mode."
        raise BinanceError(-4167, message)
    request.owner.settings[SHARED_COLLATERAL] = str(wanted).lower()
    request.exchange.changes += 1
    return DONE


def set_leverage(request: Request) -> Json:
    market, book = market_of(request), request.owner.positions
    leverage = request.params.required_int("leverage")
    if not 1 <= leverage <= market.max_leverage:
        raise BinanceError(-4028, f"Leverage {leverage} is not valid")
    known = book.settings(market.id)
    if known.margin_mode is MarginMode.ISOLATED and leverage < known.leverage and any(book.open_legs(market.id)):
        message = "Leverage reduction is not supported in Isolated Margin Mode with open positions."
        raise BinanceError(-4161, message)
    _check_leverage(request, market, leverage)
    book.configure(market.id, leverage=leverage)
    request.exchange.changes += 1
    largest = max_notional(leverage, brackets(market))
    return {"leverage": leverage, "maxNotionalValue": f"{largest:f}", "symbol": market.id}


def _check_leverage(request: Request, market: Market, leverage: int) -> None:
    """A smaller leverage must find its margin, a larger one must allow the position."""
    now, known = Snapshot(request.exchange, request.owner, request.kind), request.owner.positions.settings(market.id)
    rows = [row for row in now.legs if row.market is market]
    if any(abs(row.notional) > max_notional(leverage, brackets(market)) for row in rows):
        raise BinanceError(-2027, "Exceeded the maximum allowable position at current leverage.")
    margin = sum((row.position_margin + row.order_margin for row in rows), ZERO)
    more = margin * known.leverage / leverage - margin
    if more > 0 and _available(request, market) < more:
        raise BinanceError(-2028, "Leverage is smaller than permitted: insufficient margin balance.")


def set_margin_type(request: Request) -> Json:
    market, book = market_of(request), request.owner.positions
    wanted = {"ISOLATED": MarginMode.ISOLATED, "CROSSED": MarginMode.CROSS}.get(request.params.required("marginType"))
    if wanted is None:
        raise BinanceError(-4048, "Invalid margin type.")
    if book.settings(market.id).margin_mode is wanted:
        raise BinanceError(-4046, "No need to change margin type.")
    if wanted is MarginMode.ISOLATED and _shares(request):
        raise BinanceError(-4168, "Unable to adjust to isolated-margin mode under the Multi-Assets mode.")
    if any(order.market is market for order in request.owner.open_orders.values()):
        raise BinanceError(-4047, "Margin type cannot be changed if there exists open orders.")
    if any(book.open_legs(market.id)):
        raise BinanceError(-4048, "Margin type cannot be changed if there exists position.")
    book.configure(market.id, margin_mode=wanted)
    request.exchange.changes += 1
    return DONE


def change_position_margin(request: Request) -> Json:
    """Add (type 1) to what is set aside for an isolated position, or take some of it back (type 2)."""
    market, params = market_of(request), request.params
    amount, kind = params.required_decimal("amount"), params.required_int("type")
    side = _side(request, market)
    leg = request.owner.positions.leg(market.id, side)
    if not leg.is_isolated:
        raise BinanceError(-4051, "Isolated balance insufficient.")
    if not leg.position.is_open:
        raise BinanceError(-4054, "Cannot add position margin: position is 0.")
    if amount <= 0:
        raise BinanceError(-4052, "The amount must be positive.")
    if kind not in (1, 2):
        raise BinanceError(-4053, "Invalid type.")
    _check_position_margin(request, market, side, amount if kind == 1 else -amount)
    request.owner.positions.add_isolated(market.id, side, amount if kind == 1 else -amount)
    request.exchange.changes += 1
    return {"code": 200, "msg": "Successfully modify position margin.", "amount": float(amount), "type": kind}


def _check_position_margin(request: Request, market: Market, side: PositionSide, change: Decimal) -> None:
    now = Snapshot(request.exchange, request.owner, request.kind)
    row = now.leg_of(request.owner.positions.leg(market.id, side), market)
    if change > 0 and change > _available(request, market):
        raise BinanceError(-4050, "Cross balance insufficient.")
    kept = row.leg.position.isolated_wallet + change + min(ZERO, row.unrealised)
    if change < 0 and kept < row.position_margin:
        raise BinanceError(-4051, "Isolated balance insufficient.")


def _available(request: Request, market: Market) -> Decimal:
    return request.exchange.collateral(request.owner, market.settle, kind=market.kind).available


def _side(request: Request, market: Market) -> PositionSide:
    name = request.params.get("positionSide") or "BOTH"
    if name not in PositionSide.__members__:
        raise BinanceError(-4060, "Invalid position side.")
    side = PositionSide(name)
    if side not in request.owner.positions.sides(market.id):
        raise BinanceError(-4061, "Order's position side does not match user's setting.")
    return side


def leverage_brackets(request: Request) -> list[Json]:
    return [_brackets(market) for market in asked_markets(request)]


def _brackets(market: Market) -> Json:
    """These are numbers where nearly everything else is text."""
    return {
        "symbol": market.id,
        "notionalCoef": 1.0,
        "brackets": [
            {
                "bracket": bracket.number,
                "initialLeverage": bracket.max_leverage,
                "notionalCap": int(bracket.cap),
                "notionalFloor": int(bracket.floor),
                "maintMarginRatio": float(bracket.rate),
                "cum": float(bracket.cum),
            }
            for bracket in brackets(market)
        ],
    }


def commission_rate(request: Request) -> Json:
    market = market_of(request)
    return {
        "symbol": market.id,
        "makerCommissionRate": f"{market.maker:.6f}",
        "takerCommissionRate": f"{market.taker:.6f}",
        "rpiCommissionRate": f"{market.maker:.6f}",
    }


def account_config(request: Request) -> Json:
    key = request.key
    return {
        "feeTier": 0,
        "canTrade": key.can_trade if key else True,
        "canDeposit": True,
        "canWithdraw": key.can_withdraw if key else False,
        "dualSidePosition": request.owner.positions.hedged,
        "updateTime": 0,
        "multiAssetsMargin": _shares(request),
        "tradeGroupId": -1,
    }


def symbol_config(request: Request) -> list[Json]:
    book = request.owner.positions
    return [
        {
            "symbol": market.id,
            "marginType": "ISOLATED" if book.settings(market.id).margin_mode is MarginMode.ISOLATED else "CROSSED",
            "isAutoAddMargin": False,
            "leverage": book.settings(market.id).leverage,
            "maxNotionalValue": f"{max_notional(book.settings(market.id).leverage, brackets(market)):f}",
        }
        for market in asked_markets(request)
    ]


def _flag(request: Request, name: str) -> bool:
    value = request.params.required(name).lower()
    if value not in ("true", "false"):
        raise BinanceError(-1130, f"Data sent for parameter '{name}' is not valid.")
    return value == "true"


def _shares(request: Request) -> bool:
    return request.owner.settings.get(SHARED_COLLATERAL) == "true"


def _has_open_orders(request: Request) -> bool:
    """The position mode is one for USD-M and COIN-M."""
    return any(not order.market.is_spot for order in request.owner.open_orders.values())
