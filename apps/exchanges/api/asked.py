"""Which exchange, which group of accounts and which environment a question is about."""

from collections.abc import Collection, Mapping

from apps.core.problems import BadParameter
from apps.core.query import Check
from apps.exchanges.keys import AccountRefused
from apps.exchanges.models import AccountGroup, Environment, ExchangeAccount
from apps.exchanges.services.refusals import known_exchange
from apps.users.models import User, Workspace


def _exchange(value: str) -> str:
    try:
        return known_exchange(value)
    except AccountRefused as refusal:
        raise ValueError(str(refusal)) from None


# One that there is, whether or not anybody here has an account there.
an_exchange = Check(pass_on=_exchange, schema={"type": "string", "description": "ccxt's id: `binance`, `kraken` ..."})


USUAL = "left out: live, or sandbox where all of your accounts are"


def usual_environment(user: User) -> str:
    """Of who names none: live, or sandbox where all of their accounts are."""
    return usual(set(ExchangeAccount.objects.visible_to(user).order_by().values_list("environment", flat=True)))


def usual(environments: Collection[str]) -> str:
    return Environment.SANDBOX.value if set(environments) == {Environment.SANDBOX} else Environment.LIVE.value


def group_asked(user: User, asked: Mapping[str, str]) -> AccountGroup | None:
    """None where no `group` is named. Raises BadParameter."""
    if "group" not in asked:
        return None
    group = AccountGroup.objects.filter(pk=int(asked["group"]), workspace__in=Workspace.objects.of(user)).first()
    if group is None:
        raise BadParameter("group", "you see no group of this id.")
    return group
