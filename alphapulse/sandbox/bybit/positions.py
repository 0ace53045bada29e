"""/v5/position: what is held, at which leverage and in which mode."""

from collections.abc import Iterator
from decimal import Decimal

from alphapulse.money import plain
from alphapulse.sandbox.bybit import errors
from alphapulse.sandbox.bybit.asks import UNIFIED, SignedAsk
from alphapulse.sandbox.bybit.instruments import brackets
from alphapulse.sandbox.bybit.listings import Listing
from alphapulse.sandbox.bybit.paging import page
from alphapulse.sandbox.bybit.params import Category
from alphapulse.sandbox.bybit.risk import liquidated_at
from alphapulse.sandbox.margin import bracket_of, maintenance_margin
from alphapulse.sandbox.orders import Trade
from alphapulse.sandbox.positions import Leg, MarginMode, PositionModeLocked, PositionSide

ZERO = Decimal(0)
_CENT = Decimal("1e-8")
INDEX = {PositionSide.BOTH: 0, PositionSide.LONG: 1, PositionSide.SHORT: 2}
SIDE = {index: side for side, index in INDEX.items()}
_MODES = {0: False, 3: True}
_UNUSED = {
    "positionStatus": "Normal",
    "autoAddMargin": 0,
    "tpslMode": "Full",
    "takeProfit": "",
    "stopLoss": "",
    "trailingStop": "0",
    "sessionAvgPrice": "",
    "isReduceOnly": False,
    "leverageSysUpdatedTime": "",
    "mmrSysUpdatedTime": "",
}

Row = dict[str, object]


def position_list(ask: SignedAsk) -> Row:
    ask.check_wallet(UNIFIED)
    category = ask.params.category()
    if category is Category.SPOT:
        raise errors.bad_parameter("params error: category invalid")
    legs = list(_legs(ask, category)) if category is Category.LINEAR else []
    places = {(leg.symbol, leg.side): len(legs) - number for number, (leg, _listing) in enumerate(legs)}
    found = page(legs, ask.params, key=lambda pair: places[pair[0].symbol, pair[0].side], default=20, most=200)
    rows = [_shown(ask, leg, listing) for leg, listing in found.rows]
    return {"category": category, "list": rows, "nextPageCursor": found.cursor}


def _legs(ask: SignedAsk, category: Category) -> Iterator[tuple[Leg, Listing]]:
    """By symbol also what is not open, by coin only what is."""
    symbol, settle = ask.params.text("symbol"), ask.params.text("settleCoin")
    base = ask.params.text("baseCoin")
    if symbol is not None:
        listing = ask.listings.find(category, symbol)
        return ((leg, listing) for leg in ask.account.positions.legs(symbol))
    if settle is None and base is None:
        raise errors.missing("symbol or settleCoin")
    linear = ask.listings.of(category)
    return (
        (leg, linear[leg.symbol])
        for leg in ask.account.positions.open_legs()
        if leg.symbol in linear
        and settle in (None, linear[leg.symbol].settle)
        and base in (None, linear[leg.symbol].market.base)
    )


def _shown(ask: SignedAsk, leg: Leg, listing: Listing) -> Row:
    market, position = listing.market, leg.position
    mark = ask.exchange.last(market)
    liquidation = liquidated_at(ask, leg, listing) if position.is_open else ZERO
    return (
        {
            "positionIdx": INDEX[leg.side],
            "symbol": leg.symbol,
            "side": _side(leg),
            "size": plain(abs(position.amount)),
            "avgPrice": plain(position.entry_price.quantize(_CENT)),
            "positionValue": plain(abs(position.cost).quantize(_CENT)),
            "markPrice": plain(mark),
            "unrealisedPnl": plain(position.unrealised(mark).quantize(_CENT)) if position.is_open else "",
            "leverage": str(leg.settings.leverage),
            "liqPrice": plain(market.to_price(float(liquidation))) if liquidation else "",
            "bustPrice": "",
            "createdTime": str(_first_ms(ask, leg, listing)),
            "updatedTime": str(position.updated_ms),
            "seq": position.updated_ms,
        }
        | _demanded(leg, listing, mark)
        | _made(ask, leg, listing)
        | _UNUSED
    )


def _demanded(leg: Leg, listing: Listing, mark: Decimal) -> Row:
    notional = leg.position.notional(mark)
    bracket = bracket_of(notional, brackets(listing))
    maintenance = maintenance_margin(notional, brackets(listing)) if notional else ZERO
    return {
        "riskId": bracket.number + listing.market.index * 100,
        "riskLimitValue": plain(bracket.cap),
        "tradeMode": int(leg.is_isolated),
        "positionBalance": plain(leg.position.isolated_wallet) if leg.is_isolated else "",
        "positionIM": plain((abs(notional) / leg.settings.leverage).quantize(_CENT)),
        "positionMM": plain(maintenance.quantize(_CENT)),
        "adlRankIndicator": 2 if notional else 0,
    }


def _made(ask: SignedAsk, leg: Leg, listing: Listing) -> Row:
    """Profit and fees of the leg: ever, and since it was last flat."""
    trades = [trade for trade in ask.account.trades_of(listing.market) if trade.position_side is leg.side]
    return {
        "cumRealisedPnl": plain(_realised(trades)),
        "curRealisedPnl": plain(_realised(_since_flat(trades)) if leg.position.is_open else ZERO),
    }


def _first_ms(ask: SignedAsk, leg: Leg, listing: Listing) -> int:
    """When there first was a position in the symbol."""
    first = next(ask.account.trades_of(listing.market), None)
    return first.at_ms if first else leg.position.updated_ms


def _side(leg: Leg) -> str:
    if not leg.position.is_open:
        return ""
    return "Buy" if leg.position.amount > 0 else "Sell"


def _realised(trades: list[Trade]) -> Decimal:
    return sum((trade.realised - trade.fee for trade in trades), ZERO)


def _since_flat(trades: list[Trade]) -> list[Trade]:
    """The trades from the one on that last opened the leg from nothing."""
    held, since = ZERO, 0
    for number, trade in enumerate(trades):
        if held == 0:
            since = number
        held += trade.amount - 2 * trade.closed
    return trades[since:]


def switch_mode(ask: SignedAsk) -> Row:
    ask.check_trading()
    _linear(ask)
    mode = _MODES.get(ask.params.whole("mode") or 0)
    symbol, coin = ask.params.text("symbol"), ask.params.text("coin")
    if mode is None or (symbol is None and coin is None):
        raise errors.bad_parameter("params error: mode, symbol or coin invalid")
    linear = ask.listings.of(Category.LINEAR)
    symbols = [symbol] if symbol else [name for name, listing in linear.items() if listing.settle == coin]
    if symbol:
        ask.listings.find(Category.LINEAR, symbol)
        if ask.account.positions.is_hedged(symbol) == mode:
            raise errors.BybitError(110025, "Position mode is not modified")
    if any(order.market.id in symbols and not order.market.is_spot for order in ask.account.open_orders.values()):
        raise errors.BybitError(110028, "You have existing open orders, so position mode cannot be switched")
    try:
        for name in symbols:
            ask.account.positions.set_symbol_hedged(name, mode)
    except PositionModeLocked:
        raise errors.BybitError(110024, "You have an existing position, so position mode cannot be switched") from None
    ask.exchange.changes += 1
    return {}


def set_leverage(ask: SignedAsk) -> Row:
    ask.check_trading()
    listing = _linear(ask)
    buy, sell = ask.params.money("buyLeverage"), ask.params.money("sellLeverage")
    if listing is None or buy is None or buy != sell:
        raise errors.bad_parameter("params error: leverage invalid")
    if not 1 <= buy <= listing.market.max_leverage or buy % 1:
        raise errors.BybitError(
            110013, f"cannot set leverage [{plain(buy)}] gt maxLeverage [{listing.market.max_leverage}]"
        )
    if ask.account.positions.settings(listing.symbol).leverage == buy:
        raise errors.BybitError(110043, "leverage not modified")
    ask.account.positions.configure(listing.symbol, leverage=int(buy))
    ask.exchange.changes += 1
    return {}


def set_margin_mode(ask: SignedAsk) -> Row:
    """The account's, for every symbol; an open position or order keeps it from changing."""
    ask.check_trading()
    modes = {"REGULAR_MARGIN": MarginMode.CROSS, "ISOLATED_MARGIN": MarginMode.ISOLATED}
    wanted = ask.params.required("setMarginMode")
    if wanted not in modes:
        raise errors.bad_parameter("params error: setMarginMode invalid")
    if ask.account.positions.has_open() or ask.account.open_orders:
        raise errors.BybitError(3400045, "Set margin mode failed")
    for symbol in ask.listings.of(Category.LINEAR):
        ask.account.positions.configure(symbol, margin_mode=modes[wanted])
    ask.account.settings["margin mode"] = wanted
    ask.exchange.changes += 1
    return {"reasons": []}


def _linear(ask: SignedAsk) -> Listing | None:
    if ask.params.category() is not Category.LINEAR:
        raise errors.bad_parameter("params error: category invalid")
    symbol = ask.params.text("symbol")
    return None if symbol is None else ask.listings.find(Category.LINEAR, symbol)
