"""What a question about worth is about: which accounts of the caller's, in which environment and currency."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rest_framework.request import Request

from apps.core.problems import BadParameter
from apps.core.query import Check, checked, number, one_of, text
from apps.exchanges.api.asked import group_asked, usual
from apps.exchanges.models import AccountGroup, Environment, ExchangeAccount
from apps.ledger.api.wallets import accounts_asked
from apps.portfolio.services.valuation import Valuation, value_accounts
from apps.users.api.asked import refuse_others_workspace
from apps.users.models import BASE_CURRENCIES, User, Workspace
from apps.users.services.preferences import settings_of

WHOSE: Mapping[str, Check] = {
    "account": text,
    "group": number,
    "workspace_id": number,
    "exchange_id": text,
    "environment": one_of(Environment),
    "currency": one_of(BASE_CURRENCIES),
}
# Names of accounts; the others leave whole workspaces.
ACCOUNTS = frozenset({"account", "group", "exchange_id"})
# Of these the ones that say whose they are.
NAMED = frozenset({"account", "group"})
# More than people read.
MOST_TOLD = 20

# What a worth does not look at, and costs time for each of many accounts.
NOT_NEEDED = (
    "uid",
    "egress",
    "sealed_credentials",
    "key_fingerprint",
    "history_from",
    "permissions",
    "permissions_checked_at",
    "exchange_uid",
    "is_rejected",
    "created_at",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """All accounts are of the environment. `is_narrowed`: not all that the workspaces have there."""

    user: User
    accounts: list[ExchangeAccount]
    workspaces: Mapping[int, str]  # their names, by id
    environment: str
    currency: str
    at_par: bool
    is_narrowed: bool
    params: Mapping[str, str]

    def valued(self, now: datetime) -> Valuation:
        return value_accounts(self.accounts, self.currency, now=now, at_par=self.at_par)

    def one_workspace(self) -> Workspace:
        """Books are a workspace's: what went from one to another left the first. Accounts that are named name theirs.

        Raises BadParameter.
        """
        theirs = {account.workspace_id for account in self.accounts} if NAMED & self.params.keys() else set()
        found = list(Workspace.objects.of(self.user).filter(pk__in=theirs or self.workspaces).order_by("pk"))
        if len(found) == 1:
            return found[0]
        told = ", ".join(f"{workspace.pk} ({workspace.name})" for workspace in found[:MOST_TOLD])
        problem = f"books are a workspace's: name one of {told}." if found else "you are in no workspace."
        raise BadParameter("workspace_id", problem)


def asked_by(request: Request, known: Mapping[str, Check] = WHOSE) -> Asked:
    """Never of two environments: the one that is named, else live, or sandbox where all are. Raises BadParameter."""
    params = checked(request.query_params, known)
    mine = settings_of(request.user)
    accounts = accounts_asked(request.user, params, without=NOT_NEEDED)
    if (group := group_asked(request.user, params)) is not None:
        accounts = _of_group(group, accounts)
    if "workspace_id" in params:
        refuse_others_workspace(request.user, params)
        accounts = [account for account in accounts if account.workspace_id == int(params["workspace_id"])]
    environment = params.get("environment") or usual({account.environment for account in accounts})
    accounts = [account for account in accounts if account.environment == environment]
    return Asked(
        user=request.user,
        accounts=accounts,
        workspaces=_workspaces(request.user, params),
        environment=environment,
        currency=params.get("currency", mine.base_currency),
        at_par=mine.stablecoins_at_par,
        is_narrowed=bool(ACCOUNTS & params.keys()),
        params=params,
    )


def _workspaces(user: User, params: Mapping[str, str]) -> dict[int, str]:
    mine = Workspace.objects.of(user)
    if "workspace_id" in params:
        mine = mine.filter(pk=int(params["workspace_id"]))
    return dict(mine.values_list("pk", "name"))


def _of_group(group: AccountGroup, accounts: list[ExchangeAccount]) -> list[ExchangeAccount]:
    members = set(group.accounts.values_list("pk", flat=True))
    return [account for account in accounts if account.pk in members]
