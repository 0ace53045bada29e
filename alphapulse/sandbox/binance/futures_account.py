"""USD-M's account, balances and positions, in the second and the third version of each answer."""

from decimal import Decimal

from alphapulse.sandbox.binance.futures_asked import Json, asked_markets
from alphapulse.sandbox.binance.futures_contracts import average, brackets, in_amount, money
from alphapulse.sandbox.binance.futures_snapshot import AssetState, Snapshot
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.collateral import LegMargin
from alphapulse.sandbox.margin import max_notional

ZERO = Decimal(0)


def account_v3(request: Request) -> Json:
    now = Snapshot(request.exchange, request.owner)
    assets = now.assets()
    return _totals(now, assets) | {
        "assets": [told_asset(state) for state in assets],
        "positions": [_position_v3(now, row) for row in now.legs],
    }


def account_v2(request: Request) -> Json:
    now, key = Snapshot(request.exchange, request.owner), request.key
    assets = now.assets()
    about = {
        "feeTier": 0,
        "feeBurn": False,
        "canTrade": key.can_trade if key else True,
        "canDeposit": True,
        "canWithdraw": key.can_withdraw if key else False,
        "updateTime": 0,
        "multiAssetsMargin": now.shares_collateral,
        "tradeGroupId": -1,
    }
    return (
        about
        | _totals(now, assets)
        | {
            "assets": [told_asset(state) | {"marginAvailable": True} for state in assets],
            "positions": [_position_v2(now, row) for row in _all_legs(request, now)],
        }
    )


def balance(request: Request) -> list[Json]:
    now = Snapshot(request.exchange, request.owner)
    return [
        {
            "accountAlias": f"SgsR{request.owner.uid}",
            "asset": state.asset,
            "balance": money(state.wallet),
            "crossWalletBalance": money(state.cross_wallet),
            "crossUnPnl": money(state.cross_unrealised),
            "availableBalance": money(state.available),
            "maxWithdrawAmount": money(state.max_withdraw),
            "marginAvailable": True,
            "updateTime": state.updated_ms,
        }
        for state in now.assets()
    ]


def position_risk_v3(request: Request) -> list[Json]:
    """Only what is open or has orders."""
    now = Snapshot(request.exchange, request.owner)
    asked = {market.id for market in asked_markets(request)}
    return [_risk_v3(now, row) for row in now.legs if row.market.id in asked]


def position_risk_v2(request: Request) -> list[Json]:
    """Every leg of every market."""
    now = Snapshot(request.exchange, request.owner)
    return [_risk_v2(now, row) for row in _all_legs(request, now)]


def adl_quantile(request: Request) -> list[Json]:
    now = Snapshot(request.exchange, request.owner)
    asked = {market.id for market in asked_markets(request)}
    found: dict[str, dict[str, int]] = {}
    for row in now.legs:
        if row.leg.position.is_open and row.market.id in asked:
            found.setdefault(row.market.id, {})[row.leg.side.value] = _adl(row)
    return [{"symbol": symbol, "adlQuantile": sides} for symbol, sides in found.items()]


def _all_legs(request: Request, now: Snapshot) -> list[LegMargin]:
    book = request.owner.positions
    return [now.leg_of(leg, market) for market in asked_markets(request) for leg in book.legs(market.id)]


def _totals(now: Snapshot, assets: list[AssetState]) -> Json:
    """In USD when all coins stand in together, else of USDT alone."""
    counted = [(state, now.worth(state.asset)) for state in assets] if now.shares_collateral else []
    counted = counted or [(state, Decimal(1)) for state in assets if state.asset == "USDT"]

    def total(name: str) -> Decimal:
        return sum((getattr(state, name) * worth for state, worth in counted), ZERO)

    available = max(ZERO, now.together.available) if now.shares_collateral else total("available")
    return {
        "totalInitialMargin": money(total("position_margin") + total("order_margin")),
        "totalMaintMargin": money(total("maintenance")),
        "totalWalletBalance": money(total("wallet")),
        "totalUnrealizedProfit": money(total("unrealised")),
        "totalMarginBalance": money(total("wallet") + total("unrealised")),
        "totalPositionInitialMargin": money(total("position_margin")),
        "totalOpenOrderInitialMargin": money(total("order_margin")),
        "totalCrossWalletBalance": money(total("cross_wallet")),
        "totalCrossUnPnl": money(total("cross_unrealised")),
        "availableBalance": money(available),
        "maxWithdrawAmount": money(total("max_withdraw")),
    }


def told_asset(state: AssetState) -> Json:
    return {
        "asset": state.asset,
        "walletBalance": money(state.wallet),
        "unrealizedProfit": money(state.unrealised),
        "marginBalance": money(state.wallet + state.unrealised),
        "maintMargin": money(state.maintenance),
        "initialMargin": money(state.position_margin + state.order_margin),
        "positionInitialMargin": money(state.position_margin),
        "openOrderInitialMargin": money(state.order_margin),
        "crossWalletBalance": money(state.cross_wallet),
        "crossUnPnl": money(state.cross_unrealised),
        "availableBalance": money(state.available),
        "maxWithdrawAmount": money(state.max_withdraw),
        "updateTime": state.updated_ms,
    }


def _position_v3(now: Snapshot, row: LegMargin) -> Json:
    return {
        "symbol": row.market.id,
        "positionSide": row.leg.side,
        "positionAmt": in_amount(row.market, row.leg.position.amount),
        "unrealizedProfit": money(row.unrealised),
        "isolatedMargin": _isolated_margin(row),
        "notional": money(row.notional),
        "isolatedWallet": _isolated_wallet(row),
        "initialMargin": money(row.position_margin + row.order_margin),
        "maintMargin": money(now.maintenance(row)),
        "updateTime": row.leg.position.updated_ms,
    }


def _position_v2(now: Snapshot, row: LegMargin) -> Json:
    return (
        _position_v3(now, row)
        | _margins(row)
        | {
            "leverage": str(row.leg.settings.leverage),
            "isolated": row.leg.is_isolated,
            "entryPrice": average(row.leg.position.entry_price),
            "breakEvenPrice": average(row.leg.position.break_even_price),
            "maxNotional": f"{max_notional(row.leg.settings.leverage, brackets(row.market)):f}",
        }
    )


def _risk_v3(now: Snapshot, row: LegMargin) -> Json:
    return (
        _priced(now, row)
        | _margins(row)
        | {
            "marginAsset": row.market.settle,
            "initialMargin": money(row.position_margin + row.order_margin),
            "maintMargin": money(now.maintenance(row)),
            "adl": _adl(row),
        }
    )


def _risk_v2(now: Snapshot, row: LegMargin) -> Json:
    return _priced(now, row) | {
        "maxNotionalValue": f"{max_notional(row.leg.settings.leverage, brackets(row.market)):f}",
        "leverage": str(row.leg.settings.leverage),
        "marginType": row.leg.settings.margin_mode.value,
        "isAutoAddMargin": "false",
        "isolated": row.leg.is_isolated,
        "adlQuantile": _adl(row),
    }


def _priced(now: Snapshot, row: LegMargin) -> Json:
    position = row.leg.position
    liquidated_at = now.liquidated_at(row)
    return {
        "symbol": row.market.id,
        "positionSide": row.leg.side,
        "positionAmt": in_amount(row.market, position.amount),
        "entryPrice": average(position.entry_price),
        "breakEvenPrice": average(position.break_even_price),
        "markPrice": money(row.mark),
        "unRealizedProfit": money(row.unrealised),
        "liquidationPrice": money(liquidated_at) if liquidated_at else "0",
        "isolatedMargin": _isolated_margin(row),
        "notional": money(row.notional),
        "isolatedWallet": _isolated_wallet(row),
        "updateTime": position.updated_ms,
    }


def _margins(row: LegMargin) -> Json:
    return {
        "positionInitialMargin": money(row.position_margin),
        "openOrderInitialMargin": money(row.order_margin),
        "bidNotional": money(row.bids),
        "askNotional": money(row.asks),
    }


def _isolated_margin(row: LegMargin) -> str:
    """What is set aside with what the position has won or lost; "0" for cross, by which ccxt tells them apart."""
    if not row.leg.is_isolated or not row.leg.position.is_open:
        return "0"
    return money(row.leg.position.isolated_wallet + row.unrealised)


def _isolated_wallet(row: LegMargin) -> str:
    return money(row.leg.position.isolated_wallet) if row.leg.is_isolated and row.leg.position.is_open else "0"


def _adl(row: LegMargin) -> int:
    """Profit puts a position further up the queue."""
    if not row.leg.position.is_open:
        return 0
    return 3 if row.unrealised > 0 else 1
