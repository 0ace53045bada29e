"""/v5/user/query-api and /v5/account/info: what a key may do and what kind of account it opens."""

from datetime import UTC, datetime

from alphapulse.sandbox.accounts import Account, ApiKey
from alphapulse.sandbox.bybit import errors
from alphapulse.sandbox.bybit.asks import FUND, UNIFIED, SignedAsk
from alphapulse.sandbox.clock import DAY_MS

UNBOUND_DAYS = 90  # keys without an IP list live this long

Row = dict[str, object]


def query_api(ask: SignedAsk) -> Row:
    key = ask.key
    expires_ms = expires_at_ms(ask.account, key)
    return {
        "id": str(ask.account.uid),
        "note": ask.account.name,
        "apiKey": key.key,
        "readOnly": int(not key.can_trade),
        "secret": "",
        "permissions": _permissions(key),
        "ips": sorted(key.ips) or ["*"],
        "type": 1,
        "deadlineDay": (expires_ms - ask.now_ms) // DAY_MS if expires_ms else -2,
        "expiredAt": _iso(expires_ms) if expires_ms else "1970-01-01T00:00:00Z",
        "createdAt": _iso(key.created_ms or ask.account.created_ms),
        "unified": 0,
        "uta": 1,
        "userID": ask.account.uid,
        "inviterID": 0,
        "vipLevel": "No VIP",
        "mktMakerLevel": "0",
        "affiliateID": 0,
        "rsaPublicKey": "",
        "isMaster": True,
        "parentUid": "0",
        "kycLevel": "LEVEL_1",
        "kycRegion": "",
    }


def _permissions(key: ApiKey) -> Row:
    """A key that may only read keeps its groups: `readOnly` is what takes the right to act away."""
    unified = key.allows(UNIFIED)
    wallet = ["AccountTransfer", "SubMemberTransfer"] if key.allows(FUND) else []
    return {
        "ContractTrade": ["Order", "Position"] if unified else [],
        "Spot": ["SpotTrade"] if unified else [],
        "Wallet": [*wallet, "Withdraw"] if key.can_withdraw else wallet,
        "Options": ["OptionsTrade"] if unified else [],
        "Derivatives": ["DerivativesTrade"] if unified else [],
        "CopyTrading": [],
        "BlockTrade": [],
        "Exchange": ["ExchangeHistory"] if unified else [],
        "NFT": [],
        "Affiliate": [],
        "Earn": [],
    }


def expires_at_ms(account: Account, key: ApiKey) -> int:
    """Zero: never."""
    if key.ips:
        return 0
    return (key.created_ms or account.created_ms) + UNBOUND_DAYS * DAY_MS


def check_key(account: Account, key: ApiKey, *, remote: str, now_ms: int) -> None:
    if not key.is_enabled:
        raise errors.invalid_key()
    expires_ms = expires_at_ms(account, key)
    if expires_ms and now_ms > expires_ms:
        raise errors.expired_key()
    if not key.allows_ip(remote):
        raise errors.unmatched_ip()


def account_info(ask: SignedAsk) -> Row:
    ask.check_wallet(UNIFIED)
    return {
        "marginMode": ask.account.settings.get("margin mode", "REGULAR_MARGIN"),
        "updatedTime": str(ask.account.updated_ms),
        "unifiedMarginStatus": 6,
        "dcpStatus": "OFF",
        "timeWindow": 10,
        "smpGroup": 0,
        "isMasterTrader": False,
        "spotHedgingStatus": "OFF",
    }


def _iso(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms // 1000, tz=UTC):%Y-%m-%dT%H:%M:%SZ}"
