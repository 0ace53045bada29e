"""Several keys of one account at an exchange: several accounts here, and the same money.

A second one is refused where it would read a wallet that another one reads. Of those that were stored before anybody
knew whose they are, one counts, and the others say that they do not (`ExchangeAccount.double_of`).
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from django.db import transaction

from apps.exchanges.keys import AccountRefused
from apps.exchanges.models import ExchangeAccount, ExchangeAccountQuerySet
from apps.users.models import Workspace


@contextmanager
def alone(account: ExchangeAccount) -> Iterator[None]:
    """A transaction in which nobody else changes the accounts of its workspace: no constraint knows what overlaps."""
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).get(pk=account.workspace_id)
        yield


def refuse(account: ExchangeAccount) -> None:
    """Raises AccountRefused where another account reads what this one would."""
    for other in _same(account):
        if account.chosen_wallets & other.chosen_wallets:
            raise AccountRefused(f"{_found(account, other)} {_way_out(account, other)}", field="api_key")


def refuse_wallets(account: ExchangeAccount, *, before: Collection[str]) -> None:
    """Raises AccountRefused where another account reads one of its wallets that it did not read `before`."""
    for other in _same(account):
        shared = (account.chosen_wallets - set(before)) & other.chosen_wallets
        if shared:
            raise AccountRefused(
                f"{_found(account, other)} {other.label!r} reads {_listed(shared)} already: {_free(other)}.",
                field="wallets",
            )


def refuse_enabling(account: ExchangeAccount) -> None:
    """Raises AccountRefused while another account that is enabled reads what this one would."""
    for other in _same(account).filter(is_enabled=True):
        if account.chosen_wallets & other.chosen_wallets:
            raise AccountRefused(
                f"{_found(account, other)} Disable or delete {other.label!r} first, or change its wallets."
            )


def settle(account: ExchangeAccount) -> list[int]:
    """Of its workspace's accounts at that exchange, marks those that read what another one reads: all but one, the
    first that is enabled. Returns the ids of those whose mark has changed."""
    place = {name: getattr(account, name) for name in ("workspace_id", "exchange_id", "environment")}
    counting: list[ExchangeAccount] = []
    changed = []
    for each in ExchangeAccount.objects.live().filter(**place).order_by("-is_enabled", "pk"):
        known = next((other for other in counting if _is_double(each, other)), None)
        if known is None:
            counting.append(each)
        if each.double_of_id != (known and known.pk):
            ExchangeAccount.objects.filter(pk=each.pk).update(double_of=known)
            changed.append(each.pk)
    return changed


def leave_to_heir(account: ExchangeAccount) -> None:
    """One that is being deleted counts no longer where another one was marked for its sake: that one counts now, with
    the same past."""
    heir = account.doubles.live().order_by("-is_enabled", "pk").first()
    if heir is not None:
        ExchangeAccount.objects.filter(pk=account.pk).update(double_of=heir)


def why_not_counted(account: ExchangeAccount) -> str:
    """In words for its owner, of an account that is marked."""
    other = account.double_of
    shared = _listed(account.chosen_wallets & other.chosen_wallets)
    return (
        f"This key belongs to the same account at {account.exchange.name} as that of {other.label!r}, and both read "
        f"{shared}: only {other.label!r} counts. Delete this one, or choose other wallets for one of them."
    )


def told(workspace_id: int, environment: str, accounts: Collection[int] = ()) -> list[str]:
    """What sums over what happened must say: of accounts that are in none of them, and of deleted ones that were read
    by another key again. No `accounts`: all."""
    known = ExchangeAccount.objects.filter(workspace=workspace_id, environment=environment).exclude(exchange_uid="")
    theirs = [each for each in known.select_related("double_of").order_by("pk") if not accounts or each.pk in accounts]
    live = [each for each in theirs if each.archived_at is None]
    deleted = [each for each in theirs if each.archived_at is not None and each.double_of_id is None]
    marked = [f"{each.label} is not counted. {why_not_counted(each)}" for each in live if each.double_of_id]
    return marked + [_told_of_deleted(each, gone) for each in live for gone in deleted if _is_double(each, gone)]


def _told_of_deleted(account: ExchangeAccount, gone: ExchangeAccount) -> str:
    return (
        f"{account.label} and the deleted {gone.label} are the same account at {gone.exchange.name}: what happened to "
        "it is told twice, until `manage.py purge_account` has taken the deleted one out."
    )


def _same(account: ExchangeAccount) -> ExchangeAccountQuerySet:
    if not account.exchange_uid:
        return ExchangeAccount.objects.none()
    names = ("workspace_id", "exchange_id", "environment", "exchange_uid")
    same = ExchangeAccount.objects.live().filter(**{name: getattr(account, name) for name in names})
    return same.exclude(pk=account.pk).order_by("pk")


def _is_double(one: ExchangeAccount, other: ExchangeAccount) -> bool:
    is_same = one.exchange_uid != "" and _whose(one) == _whose(other)
    return is_same and bool(one.chosen_wallets & other.chosen_wallets)


def _whose(account: ExchangeAccount) -> tuple[str, str]:
    return account.exchange_id, account.exchange_uid


def _found(account: ExchangeAccount, other: ExchangeAccount) -> str:
    return (
        f"This key belongs to the same account at {account.exchange.name} as that of {other.label!r}: the same money "
        "would count twice."
    )


def _way_out(account: ExchangeAccount, other: ExchangeAccount) -> str:
    return f"Renew the key of {other.label!r} instead, or {_free(other)}."


def _free(other: ExchangeAccount) -> str:
    free = other.exchange.wallets - other.chosen_wallets
    if free:
        return f"choose wallets that it does not read ({_listed(free)})"
    return f"choose fewer wallets for {other.label!r}, and here those that it does not read"


def _listed(wallets: Collection[str]) -> str:
    return ", ".join(sorted(wallets))
