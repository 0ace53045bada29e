"""An account's key: another one instead of it, and what it may do."""

from datetime import datetime
from typing import Any

from alphapulse.types import Credentials, KeyReport
from apps.audit.services import record
from apps.core.clock import now
from apps.exchanges import keys
from apps.exchanges.keys import AccountRefused
from apps.exchanges.models import ExchangeAccount
from apps.exchanges.services import doubles, key_watch
from apps.exchanges.services.refusals import refuse_twins, told_of_twins
from apps.exchanges.services.switch import enable_account
from apps.exchanges.signals import account_changed, announce

# What an account's row keeps of what the exchange says of its key.
_REPORTED = ["permissions", "permissions_checked_at", "key_expires_at", "key_due_at", "exchange_uid"]


def renew_credentials(
    account: ExchangeAccount,
    credentials: Credentials,
    *,
    actor: Any = None,
    check: bool = True,
    may_withdraw: bool = False,
) -> ExchangeAccount:
    """New keys for an account, checked first; see `store_renewal`. Raises AccountRefused."""
    draft_renewal(account, credentials)
    report = keys.check(account) if check else None
    keys.refuse_withdrawals(report, may_withdraw=may_withdraw)
    return store_renewal(account, report, at=now(), actor=actor)


def draft_renewal(account: ExchangeAccount, credentials: Credentials) -> None:
    """Seals the new keys into the instance, not into its row. Raises AccountRefused."""
    account.set_credentials(keys.complete(credentials, account.exchange_id))
    refuse_twins(account)


def store_renewal(
    account: ExchangeAccount, report: KeyReport | None, *, at: datetime, actor: Any = None
) -> ExchangeAccount:
    """An account whose old key was rejected is enabled by one that is accepted; one disabled by hand stays so."""
    note_report(account, report, at)
    with told_of_twins(account), doubles.alone(account):
        before = _held(account)
        if before.exchange_uid != account.exchange_uid:
            doubles.refuse(account)
        account.save(update_fields=["sealed_credentials", "key_fingerprint", *_REPORTED])
        told = {"before": _key_told(before), "after": _key_told(account)}
        record("account.credentials_renewed", account, at=at, actor=actor, **told)
        key_watch.review(account, at=at)
        if report is not None and ExchangeAccount.objects.filter(pk=account.pk, is_rejected=True).exists():
            enable_account(account, at=at, actor=actor)
        announce(account_changed, account)
    return account


def check_key(account: ExchangeAccount, *, actor: Any = None) -> ExchangeAccount:
    """Asks the exchange once more what the stored key may do, and keeps the answer. Raises AccountRefused."""
    known, report, at = account.exchange_uid, keys.check(account), now()
    note_report(account, report, at)
    # Whose a key is does not change; that it could not be asked this time says nothing.
    account.exchange_uid = account.exchange_uid or known
    with doubles.alone(account):
        stored = _held(account)
        if stored.key_fingerprint != account.key_fingerprint:
            raise AccountRefused("This account was given another key meanwhile: check that one.")
        told = {"before": _key_told(stored), "after": _key_told(account)}
        account.save(update_fields=_REPORTED)
        record("account.key_checked", account, at=at, actor=actor, **told)
        key_watch.review(account, at=at)
    return account


def note_report(account: ExchangeAccount, report: KeyReport | None, at: datetime) -> None:
    account.permissions = keys.permissions(report) if report else {}
    account.permissions_checked_at = at if report else None
    account.key_expires_at = report.expires_at if report else None
    account.key_due_at = at + key_watch.ASKED_EVERY if report else None
    account.exchange_uid = keys.uid_of(report) if report else ""


def _held(account: ExchangeAccount) -> ExchangeAccount:
    """As it is stored, locked. Deleted while its new key was being checked: nothing may be kept of that."""
    stored = ExchangeAccount.objects.live().select_for_update().filter(pk=account.pk).first()
    if stored is None:
        raise AccountRefused("This account has been deleted.")
    return stored


def _key_told(account: ExchangeAccount) -> dict[str, Any]:
    """Of a key what may be known: which one it is (the start of a digest), and what it may do."""
    return {"key": account.key_fingerprint[:12], "permissions": account.permissions}
