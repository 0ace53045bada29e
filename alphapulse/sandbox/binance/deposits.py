"""Money that came and went: what the control set from outside, as deposits and withdrawals on chain."""

from datetime import UTC, datetime
from hashlib import sha256

from alphapulse.sandbox.accounts import Entry
from alphapulse.sandbox.binance.params import BinanceError, fixed8
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.binance.spot_account import network_of
from alphapulse.sandbox.binance.spot_market import optional_time
from alphapulse.sandbox.clock import DAY_MS

Json = dict[str, object]
_MOST_DAYS = 90
_DONE_DEPOSIT, _DONE_WITHDRAWAL = 1, 6


def deposits(request: Request) -> list[Json]:
    return [_deposit(entry) for entry in _asked(request, _DONE_DEPOSIT) if entry.amount > 0]


def withdrawals(request: Request) -> list[Json]:
    return [_withdrawal(entry) for entry in _asked(request, _DONE_WITHDRAWAL) if entry.amount < 0]


def _asked(request: Request, status: int) -> list[Entry]:
    """Newest first, within 90 days, all of them done."""
    params = request.params
    end_ms = optional_time(request, "endTime") or request.now_ms
    start_ms = optional_time(request, "startTime")
    if start_ms is not None and end_ms - start_ms > _MOST_DAYS * DAY_MS:
        raise BinanceError(-1127, f"The timestamp gap can not be larger than {_MOST_DAYS} days.")
    first_ms = end_ms - _MOST_DAYS * DAY_MS if start_ms is None else start_ms
    found = [
        entry
        for entry in reversed(request.owner.entries)
        if entry.kind == "deposit"
        and entry.wallet == "spot"
        and first_ms <= entry.at_ms <= end_ms
        and params.get("coin") in ("", entry.currency)
        and params.integer("status", status) == status
    ]
    offset = params.integer("offset", 0)
    return found[offset : offset + params.integer("limit", 1000, most=1000)]


def _deposit(entry: Entry) -> Json:
    return {
        "id": str(entry.id),
        "amount": fixed8(entry.amount),
        "coin": entry.currency,
        "network": network_of(entry.currency),
        "status": _DONE_DEPOSIT,
        "address": _address(entry.currency),
        "addressTag": "",
        "txId": _transaction(entry),
        "insertTime": entry.at_ms,
        "completeTime": entry.at_ms,
        "transferType": 0,
        "confirmTimes": "12/12",
        "unlockConfirm": 12,
        "walletType": 0,
        "travelRuleStatus": 0,
    }


def _withdrawal(entry: Entry) -> Json:
    applied = datetime.fromtimestamp(entry.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return {
        "id": sha256(str(entry.id).encode()).hexdigest()[:32],
        "amount": fixed8(-entry.amount),
        "transactionFee": "0",
        "coin": entry.currency,
        "status": _DONE_WITHDRAWAL,
        "address": _address(entry.currency),
        "txId": _transaction(entry),
        "applyTime": applied,
        "completeTime": applied,
        "network": network_of(entry.currency),
        "transferType": 0,
        "info": "",
        "confirmNo": 12,
        "walletType": 0,
        "txKey": "",
    }


def _address(code: str) -> str:
    return "0x" + sha256(f"sandbox/{code}".encode()).hexdigest()[:40]


def _transaction(entry: Entry) -> str:
    return "0x" + sha256(f"sandbox/{entry.id}".encode()).hexdigest()
