"""Adding an account, and changing one: views, commands and the sync only translate to these.

The network comes first, the transaction after it, the announcement on commit.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from difflib import get_close_matches
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.dispatch import Signal

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.ccxt.known import known_exchange_ids
from alphapulse.types import Credentials, KeyReport
from apps.audit.services import record
from apps.core.clock import now
from apps.exchanges import keys
from apps.exchanges.keys import AccountRefused
from apps.exchanges.models import DEFAULT_EGRESS, Environment, ExchangeAccount
from apps.exchanges.services import doubles, key_watch
from apps.exchanges.signals import account_changed, account_created
from apps.users.models import Workspace


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
        exchange_id=_known_exchange(exchange_id),
        label=_readable(label),
        environment=_known_environment(environment),
        egress=egress,
    )
    account.set_credentials(keys.complete(credentials, account.exchange_id))
    _refuse_twins(account)
    return account


def store_new(
    account: ExchangeAccount, report: KeyReport | None, *, at: datetime, actor: Any = None
) -> ExchangeAccount:
    """Stores a draft. Raises AccountRefused where somebody else was first."""
    _note_report(account, report, at)
    with _told_of_twins(account), doubles.alone(account):
        doubles.refuse(account)
        account.save(force_insert=True)
        told = {"exchange_id": account.exchange_id, "environment": account.environment, "label": account.label}
        told |= {"egress": account.egress, "wallets": account.wallets, "permissions": account.permissions}
        told |= {"exchange_uid": account.exchange_uid}
        record("account.created", account, at=at, actor=actor, after=told)
        key_watch.review(account, at=at)
        _announce(account_created, account)
    return account


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


_REPORTED = ["permissions", "permissions_checked_at", "key_expires_at", "key_due_at", "exchange_uid"]


def draft_renewal(account: ExchangeAccount, credentials: Credentials) -> None:
    """Seals the new keys into the instance, not into its row. Raises AccountRefused."""
    account.set_credentials(keys.complete(credentials, account.exchange_id))
    _refuse_twins(account)


def store_renewal(
    account: ExchangeAccount, report: KeyReport | None, *, at: datetime, actor: Any = None
) -> ExchangeAccount:
    """An account whose old key was rejected is enabled by one that is accepted; one disabled by hand stays so."""
    _note_report(account, report, at)
    with _told_of_twins(account), doubles.alone(account):
        before = _held(account)
        if before.exchange_uid != account.exchange_uid:
            doubles.refuse(account)
        account.save(update_fields=["sealed_credentials", "key_fingerprint", *_REPORTED])
        told = {"before": _key_told(before), "after": _key_told(account)}
        record("account.credentials_renewed", account, at=at, actor=actor, **told)
        key_watch.review(account, at=at)
        if report is not None and ExchangeAccount.objects.filter(pk=account.pk, is_rejected=True).exists():
            enable_account(account, at=at, actor=actor)
        _announce(account_changed, account)
    return account


def check_key(account: ExchangeAccount, *, actor: Any = None) -> ExchangeAccount:
    """Asks the exchange once more what the stored key may do, and keeps the answer. Raises AccountRefused."""
    known, report, at = account.exchange_uid, keys.check(account), now()
    _note_report(account, report, at)
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
        key_watch.review(account, at=at)
        _announce(account_changed, account)
    return True


# No exchange has a past before the first block of all.
GENESIS = date(2009, 1, 3)

# What may change about an account beside its keys.
CHANGEABLE = ("label", "egress", "wallets", "history_from")


def change_account(account: ExchangeAccount, *, at: datetime, actor: Any = None, **changes: Any) -> bool:
    """`changes` are some of CHANGEABLE; what is left out stays as it is, also where somebody changes it meanwhile.

    False where nothing differs. Raises AccountRefused.
    """
    if "wallets" in changes:
        refuse_unknown_wallets(account.exchange_id, changes["wallets"])
    refuse_impossible_start(changes.get("history_from"), at)
    if "label" in changes:
        changes["label"] = _readable(changes["label"])
    with doubles.alone(account):
        stored = ExchangeAccount.objects.select_for_update().get(pk=account.pk)
        account.exchange_uid = stored.exchange_uid
        for name in CHANGEABLE:
            setattr(account, name, changes.get(name, getattr(stored, name)))
        before = {name: getattr(stored, name) for name, value in changes.items() if getattr(stored, name) != value}
        if not before:
            return False
        _refuse_twins(account)
        if "egress" in before:
            keys.known_route(account)
        if "wallets" in before:
            doubles.refuse_wallets(account, before=stored.chosen_wallets)
        after = {name: changes[name] for name in before}
        ExchangeAccount.objects.filter(pk=account.pk).update(**after)
        record("account.changed", account, at=at, actor=actor, before=_as_json(before), after=_as_json(after))
        if "wallets" in before:
            key_watch.review(account, at=at)
        _announce(account_changed, account)
    return True


def _as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}


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
        _announce(account_changed, account)
    return True


def _held(account: ExchangeAccount) -> ExchangeAccount:
    """As it is stored, locked. Deleted while its new key was being checked: nothing may be kept of that."""
    stored = ExchangeAccount.objects.live().select_for_update().filter(pk=account.pk).first()
    if stored is None:
        raise AccountRefused("This account has been deleted.")
    return stored


def _key_told(account: ExchangeAccount) -> dict[str, Any]:
    """Of a key what may be known: which one it is (the start of a digest), and what it may do."""
    return {"key": account.key_fingerprint[:12], "permissions": account.permissions}


def _announce(signal: Signal, account: ExchangeAccount) -> None:
    transaction.on_commit(partial(signal.send_robust, ExchangeAccount, account_id=account.pk))


def _note_report(account: ExchangeAccount, report: KeyReport | None, at: datetime) -> None:
    account.permissions = keys.permissions(report) if report else {}
    account.permissions_checked_at = at if report else None
    account.key_expires_at = report.expires_at if report else None
    account.key_due_at = at + key_watch.ASKED_EVERY if report else None
    account.exchange_uid = keys.uid_of(report) if report else ""


def _known_exchange(exchange_id: str) -> str:
    wanted, known = exchange_id.strip().lower(), known_exchange_ids()
    if wanted in known:
        return wanted
    near = get_close_matches(wanted, known, n=3)
    hint = (
        f" Did you mean {' or '.join(near)}?"
        if near
        else " Any exchange id of ccxt will do: binance, bybit, kraken ..."
    )
    raise AccountRefused(f"There is no exchange called {wanted!r}.{hint}", field="exchange_id")


def _known_environment(environment: str) -> str:
    if environment not in Environment.values:
        raise AccountRefused(
            f"{environment!r} is no environment: it is {' or '.join(Environment.values)}.", field="environment"
        )
    return environment


def refuse_unknown_wallets(exchange_id: str, wallets: Sequence[str]) -> None:
    """Raises AccountRefused for a wallet that we do not read there: a misspelt one would silently stay unread."""
    reads = catalogue.exchange(exchange_id).reads.values()
    # What is part of a wallet is chosen with it.
    known = sorted({read.wallet for kind in reads for read in kind if read.wallet and not read.part_of})
    unknown = [wallet for wallet in wallets if wallet not in known]
    if unknown:
        there_are = f"it has {', '.join(known)}" if known else "leave it empty"
        raise AccountRefused(f"{exchange_id} has no wallet {', '.join(unknown)}: {there_are}.", field="wallets")


def refuse_impossible_start(history_from: date | None, at: datetime) -> None:
    """Raises AccountRefused. Of the year 1 on there would be windows for ever, and nothing is proven of the future."""
    if history_from is not None and not GENESIS <= history_from <= at.date():
        raise AccountRefused(f"Expected a day from {GENESIS} to today.", field="history_from")


def _readable(label: str) -> str:
    label = label.strip()
    longest = ExchangeAccount._meta.get_field("label").max_length
    if not label or len(label) > longest or not label.isprintable():
        raise AccountRefused(f"An account needs a label: one line of 1 to {longest} letters.", field="label")
    if label.isdecimal():
        raise AccountRefused("A label that is a number would be taken for an id: add a letter.", field="label")
    return label


def _refuse_twins(account: ExchangeAccount) -> None:
    others = ExchangeAccount.objects.live().filter(workspace=account.workspace).exclude(pk=account.pk)
    if others.filter(label=account.label).exists():
        raise AccountRefused(
            f"{account.workspace} already has an account called {account.label!r}: choose another label.", field="label"
        )
    same_key = others.filter(
        exchange_id=account.exchange_id, environment=account.environment, key_fingerprint=account.key_fingerprint
    ).first()
    if same_key:
        raise AccountRefused(
            f"This key is already in use by the account {same_key.label!r}: the same money would count twice.",
            field="api_key",
        )


@contextmanager
def _told_of_twins(account: ExchangeAccount) -> Iterator[None]:
    """Two at once: who comes second is told the same as who looks first."""
    try:
        yield
    except IntegrityError:
        _refuse_twins(account)
        raise
