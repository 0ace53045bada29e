"""Simple-earn: flexible positions, whose receipts spot shows as LD + coin, and locked ones, shown nowhere else."""

from collections.abc import Callable
from decimal import Decimal

from alphapulse.sandbox.binance.params import fixed8
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.clock import DAY_MS

Json = dict[str, object]
FLEXIBLE, LOCKED = "earn", "earn-locked"  # the wallets behind them
_LOCKED_DAYS = 60


def flexible(request: Request) -> Json:
    return _page(request, FLEXIBLE, _flexible)


def locked(request: Request) -> Json:
    return _page(request, LOCKED, _locked)


def _page(request: Request, wallet: str, told: Callable[[Request, str, Decimal], Json]) -> Json:
    asked, size = request.params.get("asset"), request.params.integer("size", 10, most=100)
    page = request.params.integer("current", 1)
    held = {code: holding.free for code, holding in request.owner.wallets.get(wallet, {}).items() if holding.free}
    rows = [told(request, code, amount) for code, amount in held.items() if asked in ("", code)]
    return {"rows": rows[size * (page - 1) : size * page], "total": len(rows)}


def _flexible(_request: Request, code: str, amount: Decimal) -> Json:
    return {
        "totalAmount": fixed8(amount),
        "latestAnnualPercentageRate": "0.02599895",
        "asset": code,
        "canRedeem": True,
        "collateralAmount": "0",
        "productId": f"{code}001",
        "yesterdayRealTimeRewards": "0",
        "cumulativeBonusRewards": "0",
        "cumulativeRealTimeRewards": "0",
        "cumulativeTotalRewards": "0",
        "autoSubscribe": False,
    }


def _locked(request: Request, code: str, amount: Decimal) -> Json:
    owner = request.owner
    ends_ms = owner.created_ms + _LOCKED_DAYS * DAY_MS
    return {
        "positionId": str(owner.uid * 1000 + list(owner.wallets[LOCKED]).index(code)),
        "projectId": f"{code.title()}*{_LOCKED_DAYS}",
        "asset": code,
        "amount": fixed8(amount),
        "purchaseTime": str(owner.created_ms),
        "duration": str(_LOCKED_DAYS),
        "accrualDays": "1",
        "rewardAsset": code,
        "APY": "0.05",
        "rewardAmt": "0",
        "nextPay": "0",
        "nextPayDate": str(ends_ms),
        "payPeriod": "1",
        "redeemAmountEarly": fixed8(amount),
        "rewardsEndDate": str(ends_ms),
        "deliverDate": str(ends_ms),
        "redeemPeriod": "1",
        "redeemingAmt": "0",
        "redeemTo": "FLEXIBLE",
        "canRedeemEarly": True,
        "canFastRedemption": True,
        "autoSubscribe": True,
        "type": "AUTO",
        "status": "HOLDING",
        "canReStake": True,
    }
