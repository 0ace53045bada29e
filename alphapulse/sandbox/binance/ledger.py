"""What moves money beside trades: converts, dust, dividends, earn's rewards, margin's interest, cards and banks."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import groupby

from alphapulse.sandbox.accounts import Entry
from alphapulse.sandbox.binance.params import BinanceError, fixed8
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.binance.windows import numbered_page, window
from alphapulse.sandbox.clock import DAY_MS

Json = dict[str, object]
_CONVERT_DAYS, _DIVIDEND_DAYS, _INTEREST_DAYS, _REWARD_DAYS = 30, 180, 30, 90
_DEFAULT_REWARD_DAYS, _DEFAULT_INTEREST_DAYS = 30, 7
_REBATE_DAYS, _DEFAULT_REBATE_DAYS = 30, 7
_MOST_DUST = 100
_FIAT_NAMES = ("beginTime", "endTime")
_FIAT_DAYS = 30
_REWARD_TYPES = ("ALL", "BONUS", "REALTIME", "REWARDS")
_DIVIDENDS = {"airdrop": "Airdrop", "reward": ""}
_REBATE_PAGE = 100


def converts(request: Request) -> Json:
    """Newest first, no pages: `moreData` tells of more in the window. More than 30 days look empty, without a word."""
    start_ms, end_ms = (request.params.required_int(name) for name in ("startTime", "endTime"))
    limit = request.params.integer("limit", 100, most=1000)
    found = [] if end_ms - start_ms > _CONVERT_DAYS * DAY_MS else _events(request, ("convert",), start_ms, end_ms)
    rows = [_convert(gave, got) for gave, got in reversed(found)]
    return {
        "list": rows[:limit],
        "startTime": start_ms,
        "endTime": end_ms,
        "limit": limit,
        "moreData": len(rows) > limit,
    }


def _convert(gave: Entry, got: Entry) -> Json:
    ratio = -got.amount / gave.amount
    return {
        "quoteId": f"{gave.id:032x}",
        "orderId": int(gave.reference),
        "orderStatus": "SUCCESS",
        "fromAsset": gave.currency,
        "fromAmount": f"{-gave.amount:f}",
        "toAsset": got.currency,
        "toAmount": f"{got.amount:f}",
        "ratio": f"{ratio:.8f}",
        "inverseRatio": f"{1 / ratio:.8f}",
        "createTime": gave.at_ms,
        "orderType": "MARKET",
        "side": "BUY",
    }


def dust(request: Request) -> Json:
    """What was left over and converted: as many of the latest as have a hundred coins, one at least."""
    start_ms, end_ms = request.params.integer("startTime", 0), request.params.integer("endTime", request.now_ms)
    found = _events(request, ("dust",), start_ms, end_ms)
    while len(found) > 1 and sum(len(lines) // 2 for lines in found) > _MOST_DUST:
        found.pop(0)
    rows = [_dust(lines) for lines in found]
    return {"total": len(rows), "userAssetDribblets": rows}


def _dust(lines: Sequence[Entry]) -> Json:
    """Lines come in pairs: what was given, what was got for it."""
    got = lines[1::2]
    details = [_dust_coin(*pair) for pair in zip(lines[::2], got, strict=True)]
    return {
        "operateTime": lines[0].at_ms,
        "totalTransferedAmount": _sum(entry.amount for entry in got),
        "totalServiceChargeAmount": _sum(Decimal(entry.detail("fee", "0")) for entry in got),
        "transId": int(lines[0].reference),
        "userAssetDribbletDetails": details,
    }


def _dust_coin(gave: Entry, got: Entry) -> Json:
    return {
        "transId": int(gave.reference),
        "serviceChargeAmount": got.detail("fee", "0"),
        "amount": f"{-gave.amount:f}",
        "operateTime": gave.at_ms,
        "transferedAmount": f"{got.amount:f}",
        "targetAsset": got.currency,
        "fromAsset": gave.currency,
    }


def dividends(request: Request) -> Json:
    """Airdrops, newest first, and earn's rewards once more; no pages, only a limit."""
    start_ms, end_ms = window(request, most_days=_DIVIDEND_DAYS)
    found = _of_asset(request, _lines(request, tuple(_DIVIDENDS), start_ms, end_ms))
    rows = [_dividend(entry) for entry in reversed(found)]
    return {"rows": rows[: request.params.integer("limit", 20, most=500)], "total": len(rows)}


def _dividend(entry: Entry) -> Json:
    return {
        "id": entry.id,
        "amount": fixed8(entry.amount),
        "asset": entry.currency,
        "divTime": entry.at_ms,
        "enInfo": entry.detail("info", _DIVIDENDS[entry.kind] or entry.detail("product").title()),
        "tranId": entry.id,
        "direction": 1,
    }


def flexible_rewards(request: Request) -> Json:
    """They have no ids: a reward is known by its time, coin and type."""
    kind = request.params.get("type") or "ALL"
    if kind not in _REWARD_TYPES:
        raise BinanceError(-1130, "Data sent for parameter 'type' is not valid.")
    found = [entry for entry in _rewards(request, "flexible") if kind in ("ALL", entry.detail("type"))]
    rows = [
        {
            "asset": entry.currency,
            "rewards": fixed8(entry.amount),
            "projectId": f"{entry.currency}001",
            "type": entry.detail("type"),
            "time": entry.at_ms,
        }
        for entry in found
    ]
    return {"rows": numbered_page(request, rows, default=10, most=100), "total": len(rows)}


def locked_rewards(request: Request) -> Json:
    rows = [
        {
            "positionId": str(request.owner.uid),
            "time": entry.at_ms,
            "asset": entry.currency,
            "lockPeriod": "60",
            "amount": fixed8(entry.amount),
            "type": "Locked Rewards",
        }
        for entry in _rewards(request, "locked")
    ]
    return {"rows": numbered_page(request, rows, default=10, most=100), "total": len(rows)}


def _rewards(request: Request, product: str) -> list[Entry]:
    start_ms, end_ms = window(request, most_days=_REWARD_DAYS, default_days=_DEFAULT_REWARD_DAYS)
    found = _of_asset(request, _lines(request, ("reward",), start_ms, end_ms))
    return [entry for entry in reversed(found) if entry.detail("product") == product]


def rebates(request: Request) -> Json:
    """Of the spot wallet; they have no ids. Pages of a hundred."""
    start_ms, end_ms = window(request, most_days=_REBATE_DAYS, default_days=_DEFAULT_REBATE_DAYS)
    found = [entry for entry in _lines(request, ("rebate",), start_ms, end_ms) if entry.wallet == "spot"]
    rows = [
        {"asset": entry.currency, "type": 1, "amount": f"{entry.amount:f}", "updateTime": entry.at_ms}
        for entry in reversed(found)
    ]
    page = numbered_page(request, rows, names=("page", "size"), default=_REBATE_PAGE, most=_REBATE_PAGE)
    told = {"page": request.params.integer("page", 1), "totalRecords": len(rows), "data": page}
    content = told | {"totalPageNum": -(-len(rows) // _REBATE_PAGE)}
    return {"status": "OK", "type": "GENERAL", "code": "000000", "data": content}


def interest(request: Request) -> Json:
    start_ms, end_ms = _interest_times(request)
    found = _of_asset(request, _lines(request, ("interest",), start_ms, end_ms))
    memory, now_ms = request.exchange.memory, request.now_ms
    found = [entry for entry in found if entry.wallet == request.wallet and memory.keeps_line(entry, now_ms)]
    rows = [_interest(entry) for entry in reversed(found)]
    return {"rows": numbered_page(request, rows, default=10, most=100), "total": len(rows)}


def _interest_times(request: Request) -> tuple[int, int]:
    """A start alone reaches to now, but not further back than 30 days: what is older is left out without a word."""
    start_ms = request.params.integer("startTime", 0)
    if start_ms and not request.params.has("endTime"):
        return max(start_ms, request.now_ms - _INTEREST_DAYS * DAY_MS), request.now_ms
    return window(request, most_days=_INTEREST_DAYS, default_days=_DEFAULT_INTEREST_DAYS)


def _interest(entry: Entry) -> Json:
    return {
        "txId": entry.id,
        "interestAccuredTime": entry.at_ms,
        "asset": entry.currency,
        "rawAsset": entry.currency,
        "principal": entry.detail("principal", "0"),
        "interest": fixed8(-entry.amount),
        "interestRate": entry.detail("rate", "0"),
        "type": entry.detail("type", "PERIODIC"),
    }


def fiat_orders(request: Request) -> Json:
    """Money from banks (transactionType 0) and to them (1)."""
    return _fiat_page(request, ("fiat_deposit", "fiat_withdrawal"))


def fiat_payments(request: Request) -> Json:
    """Currencies bought with a card (transactionType 0) and sold to one (1)."""
    return _fiat_page(request, ("purchase", "sale"))


def _fiat_page(request: Request, kinds: tuple[str, str]) -> Json:
    direction = request.params.required("transactionType")
    if direction not in ("0", "1"):
        raise BinanceError(-1130, "Data sent for parameter 'transactionType' is not valid.")
    start_ms, end_ms = window(request, most_days=100_000, default_days=_FIAT_DAYS, names=_FIAT_NAMES)
    found = _lines(request, (kinds[int(direction)],), start_ms, end_ms)
    rows = [_payment(entry) if entry.kind in ("purchase", "sale") else _fiat_order(entry) for entry in reversed(found)]
    page = numbered_page(request, rows, names=("page", "rows"), default=100, most=500)
    return {"code": "000000", "message": "success", "data": page, "total": len(rows), "success": True}


def _fiat_order(entry: Entry) -> Json:
    fee = Decimal(entry.detail("fee", "0"))
    arrived = entry.amount if entry.amount > 0 else -entry.amount - fee
    return {
        "orderNo": str(entry.id),
        "fiatCurrency": entry.currency,
        "indicatedAmount": f"{arrived + fee:f}",
        "amount": f"{arrived:f}",
        "totalFee": f"{fee:f}",
        "method": entry.detail("method", "BankAccount"),
        "status": "Successful",
        "createTime": entry.at_ms,
        "updateTime": entry.at_ms,
    }


def _payment(entry: Entry) -> Json:
    fiat, coins = Decimal(entry.detail("fiat_amount", "0")), abs(entry.amount)
    bought = entry.amount > 0
    return {
        "orderNo": str(entry.id),
        "sourceAmount": f"{fiat if bought else coins:f}",
        "fiatCurrency": entry.detail("fiat"),
        "obtainAmount": f"{coins if bought else fiat:f}",
        "cryptoCurrency": entry.currency,
        "totalFee": entry.detail("fee", "0"),
        "price": f"{fiat / coins:.8f}",
        "status": "Completed",
        "paymentMethod": entry.detail("method", "Credit Card"),
        "createTime": entry.at_ms,
        "updateTime": entry.at_ms,
    }


def _lines(request: Request, kinds: tuple[str, ...], start_ms: int, end_ms: int) -> list[Entry]:
    """Oldest first."""
    entries = request.owner.entries
    return [entry for entry in entries if entry.kind in kinds and start_ms <= entry.at_ms <= end_ms]


def _of_asset(request: Request, lines: list[Entry]) -> list[Entry]:
    """Those of the one asset asked for, or all."""
    asset = request.params.get("asset")
    return [entry for entry in lines if asset in ("", entry.currency)]


def _events(request: Request, kinds: tuple[str, ...], start_ms: int, end_ms: int) -> list[tuple[Entry, ...]]:
    """Lines that belong together."""
    lines = _lines(request, kinds, start_ms, end_ms)
    return [tuple(group) for _reference, group in groupby(lines, key=lambda entry: entry.reference)]


def _sum(amounts: Iterable[Decimal]) -> str:
    return f"{sum(amounts, Decimal(0)):f}"
