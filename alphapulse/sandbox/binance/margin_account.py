"""The cross margin account: what it holds and what it owes. Nobody can borrow here; debts are set by the control."""

from decimal import Decimal

from alphapulse.sandbox.accounts import Account, Debt
from alphapulse.sandbox.binance.params import fixed8
from alphapulse.sandbox.binance.protocol import Request

Json = dict[str, object]
ZERO = Decimal(0)
WALLET = "margin"
_ALWAYS_LISTED = ("BTC", "ETH", "BNB", "USDT")  # Binance lists every coin that can be borrowed, held or not


def account(request: Request) -> Json:
    owner = request.owner
    held, owed = _worth(request, {code: _total(owner, code) for code in _codes(owner)}), _worth(request, _owed(owner))
    level = min(Decimal(999), held / owed) if owed else Decimal(999)
    return {
        "created": True,
        "borrowEnabled": False,
        "marginLevel": fixed8(level),
        "collateralMarginLevel": fixed8(level),
        "totalAssetOfBtc": fixed8(held),
        "totalLiabilityOfBtc": fixed8(owed),
        "totalNetAssetOfBtc": fixed8(held - owed),
        "tradeEnabled": True,
        "transferInEnabled": True,
        "transferOutEnabled": True,
        "accountType": "MARGIN_1",
        "userAssets": [_asset(owner, code) for code in _codes(owner)],
    }


def _codes(owner: Account) -> list[str]:
    return list(dict.fromkeys((*_ALWAYS_LISTED, *owner.wallets.get(WALLET, {}), *owner.debts)))


def _asset(owner: Account, code: str) -> Json:
    holding, debt = owner.held(WALLET, code), owner.debts.get(code, Debt())
    return {
        "asset": code,
        "borrowed": fixed8(debt.borrowed),
        "free": fixed8(holding.free),
        "interest": fixed8(debt.interest),
        "locked": fixed8(holding.locked),
        "netAsset": fixed8(holding.total - debt.borrowed - debt.interest),
    }


def _total(owner: Account, code: str) -> Decimal:
    return owner.held(WALLET, code).total


def _owed(owner: Account) -> dict[str, Decimal]:
    return {code: debt.borrowed + debt.interest for code, debt in owner.debts.items()}


def _worth(request: Request, amounts: dict[str, Decimal]) -> Decimal:
    """In BTC."""
    prices, now_ms = request.exchange.prices, request.exchange.clock.market_ms()
    return sum((amount * Decimal(str(prices.price(code, "BTC", now_ms))) for code, amount in amounts.items()), ZERO)
