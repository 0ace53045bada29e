"""Whose a row is."""

from apps.core.admin import linked, with_aside
from apps.exchanges.models import ExchangeAccount


def whose(account: ExchangeAccount) -> str:
    """The account with a way to its page; its exchange, environment and owner in small."""
    aside = f"{account.exchange_id}, {account.environment}, {account.workspace}"
    return with_aside(linked(account, account.label), aside)
