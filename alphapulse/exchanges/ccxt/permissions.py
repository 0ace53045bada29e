"""What a key may do, where the exchange tells: read from its own answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from alphapulse.exchanges.answers import at
from alphapulse.exchanges.facts import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """`None` is what the exchange does not tell. `exchange_uid`: which of its accounts the key belongs to."""

    can_trade: bool | None = None
    can_withdraw: bool | None = None
    ip_restricted: bool | None = None
    expires_at: datetime | None = None
    exchange_uid: str | None = None

    @property
    def says_nothing(self) -> bool:
        """Of what the key may do."""
        return replace(self, exchange_uid=None) == Permissions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    call: Call
    read: Callable[[Any], Permissions]


def _binance(answer: Any) -> Permissions:
    ends = answer.get("tradingAuthorityExpirationTime")
    return Permissions(
        can_trade=bool(answer.get("enableSpotAndMarginTrading") or answer.get("enableFutures")),
        can_withdraw=answer.get("enableWithdrawals"),
        ip_restricted=answer.get("ipRestrict"),
        expires_at=datetime.fromtimestamp(int(ends) / 1000, UTC) if ends else None,
    )


def _bybit(answer: Any) -> Permissions:
    key = answer["result"]
    granted = key["permissions"]
    trading = [granted.get(name) for name in ("Spot", "ContractTrade", "Derivatives", "Options")]
    ips = [ip for ip in key.get("ips") or () if ip != "*"]
    ends = key.get("expiredAt")
    return Permissions(
        can_trade=not int(key.get("readOnly", 0)) and any(trading),
        can_withdraw="Withdraw" in (granted.get("Wallet") or ()),
        ip_restricted=bool(ips),
        # Keys with an IP list do not expire; the answer carries a date all the same, or one of 1970.
        expires_at=datetime.fromisoformat(ends) if ends and not ends.startswith("1970") and not ips else None,
    )


def _okx(answer: Any) -> Permissions:
    key = answer["data"][0]
    granted = key.get("perm", "").split(",")
    return Permissions(
        can_trade="trade" in granted, can_withdraw="withdraw" in granted, ip_restricted=bool(key.get("ip"))
    )


def _kucoin(answer: Any) -> Permissions:
    key = answer["data"]
    granted = key.get("permission", "").split(",")
    return Permissions(
        can_trade=any(name in granted for name in ("Spot", "Trade", "Futures")),
        can_withdraw="Withdrawal" in granted,
        ip_restricted=bool(key.get("ipWhitelist")),
    )


def _coinbase(answer: Any) -> Permissions:
    return Permissions(can_trade=answer.get("can_trade"), can_withdraw=answer.get("can_transfer"))


ONE = {"requests": 1}

QUESTIONS: Mapping[str, Question] = {
    "binance": Question(
        call=Call(method="sapi_get_account_apirestrictions", rows="{}", costs={"sapi": 1}), read=_binance
    ),
    "bybit": Question(call=Call(method="private_get_v5_user_query_api", rows="result{}", costs=ONE), read=_bybit),
    "okx": Question(call=Call(method="private_get_account_config", rows="data[]", costs=ONE), read=_okx),
    "kucoin": Question(call=Call(method="private_get_user_api_key", rows="data{}", costs=ONE), read=_kucoin),
    "coinbase": Question(
        call=Call(method="v3_private_get_brokerage_key_permissions", rows="{}", costs=ONE), read=_coinbase
    ),
}


def uid_in(answer: Any, path: str) -> str | None:
    """The number of the account, as text; None where the answer holds none: some write 0 for that."""
    found = at(answer, path)
    return str(found) if isinstance(found, str | int) and str(found) not in ("", "0") else None


MAY_WITHDRAW = (
    "This key may WITHDRAW: whoever gets hold of it can take everything. "
    "Make a key without that right at the exchange and delete this one."
)


def warnings(granted: Permissions) -> tuple[str, ...]:
    found = []
    if granted.can_withdraw:
        found.append(MAY_WITHDRAW)
    if granted.expires_at is not None:
        found.append(
            f"This key expires on {granted.expires_at:%Y-%m-%d}: tie it to a list of IPs, or renew it in time."
        )
    return tuple(found)
