"""An account, from when it is added until it is deleted."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from alphapulse.types import Credentials, KeyReport
from apps.audit.services import record
from apps.core.clock import now
from apps.exchanges import keys
from apps.exchanges.models import DEFAULT_EGRESS, Environment, ExchangeAccount
from apps.exchanges.services import doubles, key_watch
from apps.exchanges.services.credentials import note_report
from apps.exchanges.services.refusals import (
    known_environment,
    known_exchange,
    readable,
    refuse_impossible_start,
    refuse_twins,
    refuse_unknown_wallets,
    told_of_twins,
)
from apps.exchanges.signals import account_changed, account_created, announce
from apps.users.models import Workspace

# What may change about an account beside its keys.
CHANGEABLE = ("label", "egress", "wallets", "history_from")


def add_account(
    *,
    workspace: Workspace,
    exchange_id: str,
    label: str,
    credentials: Credentials,
    environment: str = Environment.LIVE,
    egress: str = DEFAULT_EGRESS,
    wallets: Sequence[str] = (),
    history_from: date | None = None,
    actor: Any = None,
    check: bool = True,
    may_withdraw: bool = False,
) -> ExchangeAccount:
    """A new account, its key checked against the exchange first unless `check` is False.

    What the key may do, and what is worrying about that, is in its `permissions`; one that may withdraw is refused
    unless `may_withdraw`. Raises AccountRefused.
    """
    account = draft(
        workspace=workspace,
        exchange_id=exchange_id,
        label=label,
        credentials=credentials,
        environment=environment,
        egress=egress,
    )
    refuse_unknown_wallets(account.exchange_id, wallets)
    refuse_impossible_start(history_from, now())
    account.wallets, account.history_from = list(wallets), history_from
    report = keys.check(account) if check else None
    keys.refuse_withdrawals(report, may_withdraw=may_withdraw)
    return store_new(account, report, at=now(), actor=actor)


def draft(
    *,
    workspace: Workspace,
    exchange_id: str,
    label: str,
    credentials: Credentials,
    environment: str = Environment.LIVE,
    egress: str = DEFAULT_EGRESS,
) -> ExchangeAccount:
    """An account that could be stored, as far as can be told without asking the exchange. Raises AccountRefused."""
    account = ExchangeAccount(
        workspace=workspace,
        exchange_id=known_exchange(exchange_id),
        label=readable(label),
        environment=known_environment(environment),
        egress=egress,
    )
    account.set_credentials(keys.complete(credentials, account.exchange_id))
    refuse_twins(account)
    return account


def store_new(
    account: ExchangeAccount, report: KeyReport | None, *, at: datetime, actor: Any = None
) -> ExchangeAccount:
    """Stores a draft. Raises AccountRefused where somebody else was first."""
    note_report(account, report, at)
    with told_of_twins(account), doubles.alone(account):
        doubles.refuse(account)
        account.save(force_insert=True)
        told = {"exchange_id": account.exchange_id, "environment": account.environment, "label": account.label}
        told |= {"egress": account.egress, "wallets": account.wallets, "permissions": account.permissions}
        told |= {"exchange_uid": account.exchange_uid}
        record("account.created", account, at=at, actor=actor, after=told)
        key_watch.review(account, at=at)
        announce(account_created, account)
    return account


def change_account(account: ExchangeAccount, *, at: datetime, actor: Any = None, **changes: Any) -> bool:
    """`changes` are some of CHANGEABLE; what is left out stays as it is, also where somebody changes it meanwhile.

    False where nothing differs. Raises AccountRefused.
    """
    if "wallets" in changes:
        refuse_unknown_wallets(account.exchange_id, changes["wallets"])
    refuse_impossible_start(changes.get("history_from"), at)
    if "label" in changes:
        changes["label"] = readable(changes["label"])
    with doubles.alone(account):
        stored = ExchangeAccount.objects.select_for_update().get(pk=account.pk)
        account.exchange_uid = stored.exchange_uid
        for name in CHANGEABLE:
            setattr(account, name, changes.get(name, getattr(stored, name)))
        before = {name: getattr(stored, name) for name, value in changes.items() if getattr(stored, name) != value}
        if not before:
            return False
        refuse_twins(account)
        if "egress" in before:
            keys.known_route(account)
        if "wallets" in before:
            doubles.refuse_wallets(account, before=stored.chosen_wallets)
        after = {name: changes[name] for name in before}
        ExchangeAccount.objects.filter(pk=account.pk).update(**after)
        record("account.changed", account, at=at, actor=actor, before=_as_json(before), after=_as_json(after))
        if "wallets" in before:
            key_watch.review(account, at=at)
        announce(account_changed, account)
    return True


def archive_account(account: ExchangeAccount, *, at: datetime, actor: Any = None) -> bool:
    """Deleted, as its owner sees it: its credentials are erased at once, its syncs end, its history stays and counts.

    False where it was archived already. There is no way back; what stays is exported and deleted by `purging`.
    """
    erased = {"sealed_credentials": "", "key_fingerprint": "", "permissions": {}, "key_expires_at": None}
    with doubles.alone(account):
        gone = {"is_enabled": False, "disabled_reason": "deleted", "is_rejected": False, "archived_at": at}
        if not ExchangeAccount.objects.live().filter(pk=account.pk).update(**gone, **erased):
            return False
        account.refresh_from_db()
        told = {"exchange_id": account.exchange_id, "environment": account.environment, "label": account.label}
        told |= {"group_ids": sorted(account.groups.values_list("pk", flat=True))}
        account.groups.clear()
        record("account.archived", account, at=at, actor=actor, before=told)
        doubles.leave_to_heir(account)
        key_watch.review(account, at=at)
        announce(account_changed, account)
    return True


def _as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
