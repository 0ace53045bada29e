"""Money that came and went on chain: what the control set or planted as deposits and withdrawals."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256

from alphapulse.sandbox.accounts import Entry
from alphapulse.sandbox.binance.params import fixed8
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.binance.spot_account import network_of
from alphapulse.sandbox.binance.windows import window

Json = dict[str, object]
_MOST_DAYS = 90
_DONE_DEPOSIT, _DONE_WITHDRAWAL = 1, 6
_WALLET_TYPES = {"spot": 0, "funding": 1}


def deposits(request: Request) -> list[Json]:
    return [_deposit(entry) for entry in _asked(request, _DONE_DEPOSIT, lambda amount: amount > 0)]


def withdrawals(request: Request) -> list[Json]:
    return [_withdrawal(entry) for entry in _asked(request, _DONE_WITHDRAWAL, lambda amount: amount < 0)]


def _asked(request: Request, status: int, is_wanted: Callable[[Decimal], bool]) -> list[Entry]:
    """Newest first, within 90 days, all of them done."""
    params = request.params
    first_ms, end_ms = window(request, most_days=_MOST_DAYS)
    found = [
        entry
        for entry in reversed(request.owner.entries)
        if entry.kind in ("deposit", "withdrawal")
        and is_wanted(entry.amount)
        and entry.wallet in _WALLET_TYPES
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
        "network": entry.detail("network", network_of(entry.currency)),
        "status": _DONE_DEPOSIT,
        "address": entry.detail("address", _address(entry.currency)),
        "addressTag": "",
        "txId": _transaction(entry),
        "insertTime": entry.at_ms,
        "completeTime": entry.at_ms,
        "transferType": 0,
        "confirmTimes": "12/12",
        "unlockConfirm": 12,
        "walletType": _WALLET_TYPES[entry.wallet],
        "travelRuleStatus": 0,
    }


def _withdrawal(entry: Entry) -> Json:
    """What arrived, and the fee that left on top of it."""
    fee = Decimal(entry.detail("fee", "0"))
    applied = datetime.fromtimestamp(entry.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return {
        "id": str(entry.id),
        "amount": fixed8(-entry.amount - fee),
        "transactionFee": fixed8(fee),
        "coin": entry.currency,
        "status": _DONE_WITHDRAWAL,
        "address": entry.detail("address", _address(entry.currency)),
        "txId": _transaction(entry),
        "applyTime": applied,
        "completeTime": applied,
        "network": entry.detail("network", network_of(entry.currency)),
        "transferType": 0,
        "info": "",
        "confirmNo": 12,
        "walletType": _WALLET_TYPES[entry.wallet],
        "txKey": "",
    }


def _address(code: str) -> str:
    return "0x" + sha256(f"sandbox/{code}".encode()).hexdigest()[:40]


def _transaction(entry: Entry) -> str:
    return entry.detail("txid") or "0x" + sha256(f"sandbox/{entry.id}".encode()).hexdigest()
