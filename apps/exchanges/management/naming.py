"""Accounts as people type them."""

from difflib import get_close_matches

from django.core.management.base import CommandError

from apps.exchanges.models import ExchangeAccount, ExchangeAccountQuerySet


def account_named(
    label_or_id: str, workspace: str | None = None, *, among: ExchangeAccountQuerySet | None = None
) -> ExchangeAccount:
    """Raises CommandError where there is none, or more than one, and names those that could be meant."""
    accounts = (ExchangeAccount.objects.live() if among is None else among).select_related("workspace")
    if workspace:
        accounts = accounts.filter(workspace__name=workspace)
    found = list(accounts.named(label_or_id).order_by("pk")[:10])
    if len(found) == 1:
        return found[0]
    if found:
        choices = ", ".join(f"{account.pk} ({account.exchange_id}, workspace {account.workspace})" for account in found)
        raise CommandError(f"{label_or_id!r} is the label of several accounts: name one by its id: {choices}.")
    labels = list(accounts.order_by("label").values_list("label", flat=True)[:1000])
    near = get_close_matches(label_or_id, labels, n=3, cutoff=0.5) or labels[:5]
    hint = f"There are: {', '.join(dict.fromkeys(near))}." if near else "There is none yet: `manage.py add_account`."
    raise CommandError(f"There is no account {label_or_id!r}. {hint}")
