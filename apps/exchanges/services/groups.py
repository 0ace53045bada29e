"""Accounts that are looked at together."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from apps.audit.services import record
from apps.exchanges.models import AccountGroup, ExchangeAccount
from apps.users.models import Workspace


class GroupRefused(Exception):
    """`field` is what was wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


def make_group(
    workspace: Workspace, *, name: str, account_ids: Collection[int], actor: Any, at: datetime
) -> AccountGroup:
    """Raises GroupRefused."""
    with _named_once(name), transaction.atomic():
        group = AccountGroup.objects.create(workspace=workspace, name=name)
        group.accounts.set(_accounts(workspace, account_ids))
        record("group.created", group, at=at, actor=actor, after={"name": name, "account_ids": _ids(group)})
    return group


def change_group(
    group: AccountGroup,
    *,
    actor: Any,
    at: datetime,
    name: str | None = None,
    account_ids: Collection[int] | None = None,
) -> AccountGroup:
    """What is None stays as it is. Raises GroupRefused."""
    with _named_once(name or group.name), transaction.atomic():
        # Two at once: the second sees what the first made.
        group = AccountGroup.objects.select_for_update(of=("self",)).select_related("workspace").get(pk=group.pk)
        before = {"name": group.name, "account_ids": _ids(group)}
        if name is not None:
            group.name = name
            group.save(update_fields=["name"])
        if account_ids is not None:
            group.accounts.set(_accounts(group.workspace, account_ids))
        after = {"name": group.name, "account_ids": _ids(group)}
        if after != before:
            record("group.changed", group, at=at, actor=actor, before=before, after=after)
    return group


def remove_group(group: AccountGroup, *, actor: Any, at: datetime) -> None:
    """The accounts stay."""
    with transaction.atomic():
        record("group.removed", group, at=at, actor=actor, before={"name": group.name, "account_ids": _ids(group)})
        group.delete()


def _ids(group: AccountGroup) -> list[int]:
    return sorted(group.accounts.values_list("pk", flat=True))


def _accounts(workspace: Workspace, account_ids: Collection[int]) -> list[ExchangeAccount]:
    found = list(ExchangeAccount.objects.live().filter(workspace=workspace, pk__in=account_ids))
    missing = sorted(set(account_ids) - {account.pk for account in found})
    if missing:
        raise GroupRefused("account_ids", f"In this workspace there is no account {', '.join(map(str, missing))}.")
    return found


@contextmanager
def _named_once(name: str) -> Iterator[None]:
    """Two of a name in a workspace: the database says so, also where both came at once."""
    try:
        yield
    except IntegrityError as twin:
        raise GroupRefused("name", f"There is a group called {name!r} already.") from twin
