"""Whether an account is kept in sync."""

from datetime import datetime
from typing import Any

from apps.audit.services import record
from apps.exchanges.models import ExchangeAccount
from apps.exchanges.services import doubles, key_watch
from apps.exchanges.signals import account_changed, announce


def disable_account(account: ExchangeAccount, *, reason: str, at: datetime, actor: Any = None) -> bool:
    """Stops all syncs of an account; its rows stay, and are stale. False where it was disabled already."""
    return _switch(account, to=False, reason=reason[:300], at=at, actor=actor)


def reject_key(account: ExchangeAccount, *, reason: str, at: datetime) -> bool:
    """Disabled because the exchange does not accept its key. False where it was disabled already."""
    return _switch(account, to=False, reason=reason[:300], at=at, actor=None, is_rejected=True)


def enable_account(account: ExchangeAccount, *, at: datetime, actor: Any = None) -> bool:
    """False where it was enabled already. Raises AccountRefused while another account reads the same money."""
    return _switch(account, to=True, reason="", at=at, actor=actor)


def _switch(
    account: ExchangeAccount, *, to: bool, reason: str, at: datetime, actor: Any, is_rejected: bool = False
) -> bool:
    with doubles.alone(account):
        other = ExchangeAccount.objects.live().filter(pk=account.pk, is_enabled=not to)
        if to and other.exists():
            doubles.refuse_enabling(account)
        if not other.update(is_enabled=to, disabled_reason=reason, is_rejected=is_rejected):
            return False
        before = {"is_enabled": not to} | ({"reason": account.disabled_reason} if to else {})
        after = {"is_enabled": to} | ({} if to else {"reason": reason})
        account.is_enabled, account.disabled_reason, account.is_rejected = to, reason, is_rejected
        action = "account.enabled" if to else "account.disabled"
        record(action, account, at=at, actor=actor, before=before, after=after)
        key_watch.review_doubles(account, at=at)
        announce(account_changed, account)
    return True
