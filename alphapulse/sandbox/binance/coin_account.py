"""COIN-M's account, balances and positions: amounts are contracts, money is in each contract's coin."""

from alphapulse.sandbox.binance.futures_account import told_asset
from alphapulse.sandbox.binance.futures_asked import Json, asked_markets
from alphapulse.sandbox.binance.futures_contracts import average, brackets, in_amount, money
from alphapulse.sandbox.binance.futures_snapshot import Snapshot
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.collateral import LegMargin
from alphapulse.sandbox.margin import max_notional
from alphapulse.sandbox.markets import Market


def account(request: Request) -> Json:
    now, key = _snapshot(request), request.key
    return {
        "feeTier": 0,
        "canTrade": key.can_trade if key else True,
        "canDeposit": True,
        "canWithdraw": key.can_withdraw if key else False,
        "updateTime": 0,
        "assets": [told_asset(state) for state in now.assets()],
        "positions": [_position(now, row) for row in _all_legs(request, now)],
    }


def balance(request: Request) -> list[Json]:
    return [
        {
            "accountAlias": f"SgsR{request.owner.uid}",
            "asset": state.asset,
            "balance": money(state.wallet),
            "withdrawAvailable": money(state.max_withdraw),
            "crossWalletBalance": money(state.cross_wallet),
            "crossUnPnl": money(state.cross_unrealised),
            "availableBalance": money(state.available),
            "updateTime": state.updated_ms,
        }
        for state in _snapshot(request).assets()
    ]


def position_risk(request: Request) -> list[Json]:
    """Every leg of every contract, flat ones too."""
    now = _snapshot(request)
    return [_risk(now, row) for row in _all_legs(request, now)]


def leverage_brackets(request: Request) -> list[Json]:
    return [_brackets(market) for market in asked_markets(request)]


def _snapshot(request: Request) -> Snapshot:
    return Snapshot(request.exchange, request.owner, request.kind)


def _all_legs(request: Request, now: Snapshot) -> list[LegMargin]:
    book = request.owner.positions
    return [now.leg_of(leg, market) for market in asked_markets(request) for leg in book.legs(market.id)]


def _position(now: Snapshot, row: LegMargin) -> Json:
    return _common(row) | {
        "initialMargin": money(row.position_margin + row.order_margin),
        "maintMargin": money(now.maintenance(row)),
        "unrealizedProfit": money(row.unrealised),
        "positionInitialMargin": money(row.position_margin),
        "openOrderInitialMargin": money(row.order_margin),
        "isolated": row.leg.is_isolated,
    }


def _risk(now: Snapshot, row: LegMargin) -> Json:
    liquidated_at, isolated = now.liquidated_at(row), row.leg.is_isolated and row.leg.position.is_open
    return _common(row) | {
        "markPrice": money(row.mark),
        "unRealizedProfit": money(row.unrealised),
        "liquidationPrice": money(liquidated_at) if liquidated_at else "0",
        "marginType": row.leg.settings.margin_mode.value,
        "isolatedMargin": money(row.leg.position.isolated_wallet + row.unrealised) if isolated else "0.00000000",
        "isAutoAddMargin": "false",
    }


def _common(row: LegMargin) -> Json:
    market, position = row.market, row.leg.position
    return {
        "symbol": market.id,
        "positionSide": row.leg.side,
        "positionAmt": in_amount(market, position.amount),
        "entryPrice": average(market.average(position.amount, position.cost)),
        "breakEvenPrice": average(market.average(position.amount, position.outlay)),
        "leverage": str(row.leg.settings.leverage),
        "maxQty": f"{max_notional(row.leg.settings.leverage, brackets(market)):f}",
        "notionalValue": money(row.notional) if position.is_open else "0",
        "isolatedWallet": money(position.isolated_wallet) if row.leg.is_isolated else "0",
        "updateTime": position.updated_ms,
    }


def _brackets(market: Market) -> Json:
    return {
        "symbol": market.id,
        "notionalCoef": 1.0,
        "brackets": [
            {
                "bracket": bracket.number,
                "initialLeverage": bracket.max_leverage,
                "qtyCap": float(bracket.cap),
                "qtyFloor": float(bracket.floor),
                "maintMarginRatio": float(bracket.rate),
                "cum": float(bracket.cum),
            }
            for bracket in brackets(market)
        ],
    }
